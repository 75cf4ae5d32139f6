//! The objects inside a task. Each module owns the keys of one object, with their types, limits and meanings, and the
//! conversion into a valid value. Value types own single values.

mod dirs;
mod event;
mod http;
mod kv;
mod retention;
mod retry_delay;
mod sandbox;
mod tasks;

pub(crate) use event::Event;
pub(crate) use retention::RetentionPeriods;
pub(crate) use retry_delay::RetryDelay;
pub(crate) use sandbox::Sandbox;
