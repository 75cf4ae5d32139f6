//! Returns the arguments of the job.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};

struct Echo;

impl Guest for Echo {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        Ok(args)
    }
}

export!(Echo);
