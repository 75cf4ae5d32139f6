//! Where jobs wait: rules and jobs, the queue with its claims, notices and events, and the stores that persist them.
//!
//! A [`Store`] only persists; what becomes of a job is said by [`saggar_job::transition`] alone. [`TaskQueue`] adds what
//! need not survive: who waits for what, live progress, cancel signals and events.

mod claim;
mod doorbell;
mod entry;
mod error;
mod event;
mod hub;
mod log;
mod notice;
mod queue;
mod rules;
mod running;
mod store;
mod task_queue;
mod waiters;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use claim::Claim;
pub use entry::{Job, NewJob, Origin, Progress};
pub use error::{AddError, CancelError, StoreError, WaitError};
pub use event::{Events, JobEvent, JobEventKind, Missed};
pub use log::{JobLog, LogLevel, LogLine, LogSource};
pub use notice::{Happened, Notice};
pub use queue::Queue;
pub use rules::{Retention, Rules};
pub use running::{CancelSignal, Running};
pub use store::{
    Cancelled, Claimed, ClaimedJob, ClaimedNotice, ClaimedNotices, Counts, End, Finish, Finished, Left, MemoryStore,
    NoticeNumber, Store, TaskStore, Told,
};
pub use task_queue::TaskQueue;
