//! Prints its first argument on standard output, on standard error and in the log at each level.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::log::{self, Level};

struct Printing;

impl Guest for Printing {
    fn process(_id: u64, args: String) -> Result<String, Failure> {
        let (word,): (String,) = serde_json::from_str(&args).expect("arguments: a word");
        println!("out {word}");
        eprintln!("err {word}");
        for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
            log::write(level, &format!("{level:?} {word}"));
        }
        Ok("null".into())
    }
}

export!(Printing);
