//! A host as its client sees it: asking over HTTP, and following what happens. Knows the wire types of `saggar-api` and
//! nothing of who is behind them; what is shown to people, and how, is the command line's.
//!
//! The modules in reading order follow a request on its way out and its answer on the way back.

mod address;
mod answer;
mod error;

mod client;
mod persist;

mod adding;
mod jobs;
mod tasks;

mod follow;

pub use adding::{Feed, new_key};
pub use answer::Answer;
pub use client::Client;
pub use error::ClientError;
pub use follow::{Follow, Followed, ServerEvent};
pub use jobs::ListQuery;
