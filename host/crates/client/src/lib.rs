//! A host as its client sees it: asking over HTTP, and following what happens. Knows the wire types of `saggar-api` and
//! nothing of who is behind them; what is shown to people, and how, is the command line's.
//!
//! The modules in reading order follow a request on its way out and its answer on the way back.

mod error;
mod host_url;
mod response;

mod client;
mod retry;

mod add;
mod jobs;
mod tasks;

mod event_stream;

pub use add::{BulkAdd, new_key};
pub use client::Client;
pub use error::ClientError;
pub use event_stream::{EventStream, ServerEvent, StreamItem};
pub use jobs::ListQuery;
pub use response::JsonBody;
