//! Fails in the first attempts and then returns the attempt's number. Arguments: the way to fail (`retry`,
//! `retry-after`, `reject`, `progress`, `trap`, `exit`, `spin`), the number of failing attempts, and the milliseconds of
//! `retry-after`. `progress` reports 9 of 10 before it fails like `retry`.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::types::Problem;
use saggar::task::{context, progress};

struct Failing;

impl Guest for Failing {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (how, times, after_ms): (String, u32, u64) = serde_json::from_str(&args).expect("how, times, after_ms");
        let attempt = context::attempt();
        if attempt > times {
            return Ok(attempt.to_string());
        }
        let problem = Problem {
            code: "not-yet".into(),
            message: format!("attempt {attempt} fails by {how}"),
            details: Some(format!(r#"{{"attempt":{attempt}}}"#)),
        };
        Err(match how.as_str() {
            "retry" => Failure::Retry(problem),
            "retry-after" => Failure::RetryAfter((problem, after_ms)),
            "reject" => Failure::Reject(problem),
            "progress" => {
                progress::report(9, 10, "nearly done");
                Failure::Retry(problem)
            }
            "trap" => core::arch::wasm32::unreachable(),
            "exit" => std::process::exit(1),
            "spin" => loop {
                core::hint::spin_loop();
            },
            other => panic!("unknown way to fail: {other}"),
        })
    }
}

export!(Failing);
