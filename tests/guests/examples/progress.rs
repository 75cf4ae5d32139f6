//! Reports progress. Arguments: the number of steps, and a word for every message and for the result.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::progress;

struct Progress;

impl Guest for Progress {
    fn process(id: u64, args: String) -> Result<String, Failure> {
        let (steps, word): (u64, String) = serde_json::from_str(&args).expect("arguments: steps, word");
        for step in 1..=steps {
            progress::report(step, steps, &format!("{word} of job {id}: {step}/{steps}"));
        }
        Ok(serde_json::json!({ "id": id, "word": word }).to_string())
    }
}

export!(Progress);
