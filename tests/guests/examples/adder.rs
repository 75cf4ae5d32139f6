//! Adds jobs. Arguments: the task, how many, the arguments of each. Answers their ids and the code of the first refusal.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::tasks;

struct Adder;

impl Guest for Adder {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (task, count, job): (String, u32, Box<saggar_guest::RawValue>) =
            serde_json::from_str(&args).expect("arguments: task, how many, the arguments of each");
        let mut ids = Vec::new();
        let mut refused = None;
        for _ in 0..count {
            match tasks::add(&task, job.get()) {
                Ok(id) => ids.push(id),
                Err(problem) => {
                    refused = Some(problem.code);
                    break;
                }
            }
        }
        Ok(serde_json::json!({ "ids": ids, "refused": refused }).to_string())
    }
}

export!(Adder);
