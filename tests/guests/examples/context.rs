//! Answers what its context tells.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::context;

struct Context;

impl Guest for Context {
    fn process(id: u64, _args: String) -> Result<String, Failure> {
        let told = serde_json::json!({
            "argument": id,
            "id": context::id(),
            "task": context::task(),
            "attempt": context::attempt(),
            "max_attempts": context::max_attempts(),
            "handler": context::handler(),
            "remaining_ms": context::remaining_ms(),
            "is_cancelled": context::is_cancelled(),
            "trace_parent": context::trace_parent(),
        });
        Ok(told.to_string())
    }
}

export!(Context);
