//! Adds the next job of its own task until no more are to follow. Arguments, which it returns: the task, the number of
//! jobs that follow, a text.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::tasks;

struct Chain;

impl Guest for Chain {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (task, left, text): (String, u64, &str) =
            serde_json::from_str(&args).expect("arguments: the task, how many jobs follow, a text");
        if left > 0 {
            let next = serde_json::to_string(&(&task, left - 1, text)).expect("serializable arguments");
            tasks::add(&task, &next).map_err(Failure::Reject)?;
        }
        Ok(args)
    }
}

export!(Chain);
