//! A client of a host's HTTP API: requests, and event streams. Knows only the types on the wire; the command line
//! decides what to show.
//!
//! The modules in reading order follow a request out and its response back.

mod error;
mod host_url;
mod response;

mod client;
mod deployments;
mod retry;

mod add;
mod bulk;
mod jobs;
mod tasks;
mod tenants;

mod event_stream;

pub use add::{BulkAdd, new_key};
pub use bulk::JobChange;
pub use client::Client;
pub use error::ClientError;
pub use event_stream::{EventStream, ServerEvent, StreamItem};
pub use response::JsonBody;
pub use tasks::ReloadAnswer;
