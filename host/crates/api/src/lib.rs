//! The HTTP service: what is on the wire, who may ask for what, and the listener. Knows jobs, tasks and lists as the queue
//! and the definitions have them; who runs jobs it knows only through the trait [`Jobs`], which the host implements.
//!
//! The modules in reading order follow a request on its way in: accepted, guarded, read, answered.

mod problem;

mod jobs;
mod large;
mod service;

mod connection;
mod door;
mod listener;
mod malformed;
mod socket;
mod tokens;

mod access;
mod address;
mod body;
mod metering;
mod parameters;
mod place;
mod response_budget;
mod shares;

mod following;
mod log_lines;
mod sse;
mod stream_permit;

mod routes;

mod openapi;

#[cfg(test)]
mod fixture;

use saggar_queue::moment as rfc3339;

pub use jobs::{EventScope, Jobs, KnownJob, KnownOrphan, KnownTask, PeekedJob, TaskState};
pub use listener::{Bound, Limits, ListenError, Listener};
pub use metering::describe_metrics;
pub use openapi::openapi;
pub use problem::Refusal;
pub use routes::show::{definition, job as shown_job};
pub use service::Service;
pub use tokens::{BadToken, Role, Token, Tokens};
