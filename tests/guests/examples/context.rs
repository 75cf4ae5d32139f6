//! Returns its context. With `["until-cancelled"]`, it computes until the job is cancelled, reports that as its
//! progress, and continues to compute.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::{context, progress};

struct Context;

impl Guest for Context {
    fn process(id: u64, args: String) -> Result<String, Failure> {
        if args == r#"["until-cancelled"]"# {
            progress::report(0, 1, "begun");
            while !context::is_cancelled() {}
            progress::report(1, 1, "saw it");
            loop {
                std::hint::spin_loop();
            }
        }
        let found = serde_json::json!({
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
        Ok(found.to_string())
    }
}

export!(Context);
