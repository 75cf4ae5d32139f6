//! The items that nearly every plugin uses: write `use saggar_guest::prelude::*;` at the top of the plugin's module.

pub use crate::{
    Failure, Job, OrFail, Problem, Progress, Value, json, kv, log, next, on_add, on_error, on_progress, on_success,
    processor, tasks,
};
