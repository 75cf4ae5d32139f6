//! Adds jobs. Arguments: the task, the number of jobs, the arguments of each, and optionally options for `add-with`.
//! Returns their ids and the first error: its code, and also its message if there were options.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::tasks;
use serde_json::Value;

struct Adder;

impl Guest for Adder {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let args: Vec<Box<saggar_guest::RawValue>> = serde_json::from_str(&args).expect("an array");
        let task: String = serde_json::from_str(args[0].get()).expect("a task");
        let count: u64 = serde_json::from_str(args[1].get()).expect("how many");
        let job = args[2].get();
        // A text is passed on unchanged, so that it can be invalid JSON.
        let options = args.get(3).map(|options| {
            let text = serde_json::from_str::<String>(options.get());
            text.unwrap_or_else(|_| options.get().to_owned())
        });
        let mut ids = Vec::new();
        let mut refused = Value::Null;
        for _ in 0..count {
            let added = match &options {
                None => tasks::add(&task, job),
                Some(options) => tasks::add_with(&task, job, options),
            };
            match added {
                Ok(id) => ids.push(id),
                Err(problem) if options.is_some() => {
                    refused = serde_json::json!([problem.code, problem.message]);
                    break;
                }
                Err(problem) => {
                    refused = problem.code.into();
                    break;
                }
            }
        }
        Ok(serde_json::json!({ "ids": ids, "refused": refused }).to_string())
    }
}

export!(Adder);
