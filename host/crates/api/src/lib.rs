//! The HTTP service: authorization, the routes, and the listener. Uses the jobs, tasks and lists of the queue and the
//! definitions. The host implements the traits [`Jobs`] (the jobs of one tenant) and [`Tenants`].
//!
//! The modules in reading order, from the bottom: refusals, the state that routes share, how requests are read, how
//! they are answered, the routes, and above them the router and the listener.

mod problem;
mod refusals;

mod grants;
mod jobs;
mod limits;
mod metering;
mod pulse;
mod response_budget;
mod room;
mod service;
mod shares;
mod stream_permit;
mod tenants;
mod tokens;

mod caller;

mod audit;

mod access;
mod address;
mod body;
mod headers;
mod job_filter;
mod parameters;
mod place;

mod answer;
mod explain;
mod failures;
mod following;
mod job_feed;
mod large;
mod log_lines;
mod pulse_stream;
mod series;
mod show;
mod sse;

mod openapi;
mod router;
mod routes;

mod admission;
mod connection;
mod connection_tenant;
mod listener;
mod malformed;
mod socket;

#[cfg(test)]
mod fixture;

use saggar_queue::rfc3339;

pub use audit::Action;
pub use grants::{LastTokenRemoved, TokenChanges};
pub use jobs::{EventScope, Jobs, KnownJob, KnownOrphan, KnownTask, TaskState};
pub use limits::Limits;
pub use listener::{Bound, ListenError, Listener};
pub use metering::describe_metrics;
pub use openapi::openapi;
pub use problem::Refusal;
pub use service::{Service, WeakService};
pub use show::job as shown_job;
pub use tenants::{HostFacts, KnownTenant, TenantRemoval, TenantState, Tenants};
pub use tokens::{BadToken, Role, Token, Tokens};
