//! Makes jobs happen: slots that run attempts, lanes that tell handlers, and the way by which everybody adds jobs.
//!
//! In reading order: a [`Setup`] is a task with its plugins; a station is an open task; its slots claim jobs and run
//! attempts; its lanes tell its handlers; the [`Worker`] holds the stations of a tenant. Knows no wasm type and no file.

mod seats;
mod setup;
mod station;
mod stations;
mod whole;

mod meters;
mod services;
mod trace;
mod transcript;

mod attempt;
mod progress;
mod slot;

mod crew;
mod failures;
mod lane;

mod add;
mod family;
mod known;
mod maintenance;
mod opening;
mod unwanted;
mod worker;

pub use add::AddError;
pub use family::Family;
pub use known::{OpenTask, Orphan};
pub use meters::describe_metrics;
pub use setup::{Need, Setup, Unready};
pub use worker::{LookupError, Worker};
