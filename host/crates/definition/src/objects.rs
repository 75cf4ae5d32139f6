//! The objects inside a task: for each its keys, with their types, limits and meanings, and its conversion into a valid
//! value. Value types own single values.

mod dirs;
mod event;
mod retention;
mod retry_delay;
mod sandbox;

pub(crate) use event::Event;
pub(crate) use retention::RetentionPeriods;
pub(crate) use retry_delay::RetryDelay;
pub(crate) use sandbox::Sandbox;
