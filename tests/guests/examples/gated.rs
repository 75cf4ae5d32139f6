//! Waits at a gate: prints and reports that it waits, then waits until a job exists. Arguments: that job's task and id.
//! With it, a test can occupy a slot for exactly as long as necessary, and knows when the slot is occupied.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::time::Duration;

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::{progress, tasks};

struct Gated;

impl Guest for Gated {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (task, key): (String, u64) = serde_json::from_str(&args).expect("arguments: task, id");
        println!("at the gate");
        progress::report(0, 1, "at the gate");
        while tasks::get(&task, key).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("through the gate");
        progress::report(1, 1, "through the gate");
        Ok("\"through\"".into())
    }
}

export!(Gated);
