//! Sleeps. Argument: the milliseconds, which it returns.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use std::time::Duration;

use exports::saggar::task::processor::{Failure, Guest};

struct Slow;

impl Guest for Slow {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (ms,): (u64,) = serde_json::from_str(&args).expect("arguments: milliseconds");
        std::thread::sleep(Duration::from_millis(ms));
        Ok(ms.to_string())
    }
}

export!(Slow);
