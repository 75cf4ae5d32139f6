//! Runs jobs: slots that run attempts, lanes that deliver callbacks to handlers, and the one way to add jobs.
//!
//! In reading order: a [`Setup`] is a task with its plugins; a task runner is an open task; its slots claim jobs and
//! run attempts; its lanes deliver callbacks; the [`Worker`] owns the task runners of a tenant. Knows no wasm type and
//! no file.

mod error;
mod log_buffer;
mod meters;
mod not_recorded;
mod quota_meters;
mod record_rate;
mod running_gate;
mod setup;
mod shared_files;
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

mod call_files;
mod delivery;
mod exchange;
mod kv_access;
mod services;

mod attempt;
mod failures;
mod lane;
mod progress;
mod recorder;
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
pub use shared_files::SharedFiles;
pub use worker::Worker;
