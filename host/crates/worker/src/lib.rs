//! Runs jobs: slots that run attempts, lanes that deliver callbacks to handlers, and the one way to add jobs.
//!
//! In reading order: a [`Setup`] is a task with its plugins; a task runner is an open task; its slots claim jobs and
//! run attempts; its lanes deliver callbacks; the [`Worker`] owns the task runners of a tenant. Knows no wasm type and
//! no file.

mod error;
mod log_buffer;
mod meters;
mod quota_meters;
mod running_gate;
mod setup;
mod shielded;
mod slot_set;
mod source_line;
mod taken_ids;
mod trace;

mod family;
mod handler_sandboxes;
mod runtime;
mod task_runner;
mod task_runners;

mod delivery;
mod services;

mod attempt;
mod failures;
mod lane;
mod progress;
mod slot;

mod add;
mod known;
mod maintenance;
mod opening;
mod unwanted;
mod worker;

pub use error::{AddError, LookupError};
pub use family::Family;
pub use known::{OpenTask, Orphan};
pub use meters::describe_metrics;
pub use opening::TaskChanges;
pub use setup::{Need, Setup, Unready};
pub use worker::Worker;
