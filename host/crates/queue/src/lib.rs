//! Where jobs wait: rules and jobs, the queue with its claims, callbacks and events, and the stores that persist them.
//!
//! A [`Store`] only persists; what becomes of a job is said by [`saggar_job::transition`] alone. [`TaskQueue`] adds what
//! need not survive: who waits for what, live progress, cancel signals and events.

mod attempt;
mod callback;
mod change;
mod claim;
mod context;
mod doorbell;
mod entry;
mod error;
mod event;
mod fingerprint;
mod kept_bytes;
mod list;
mod log;
mod meters;
mod options;
mod queue;
mod rates;
pub mod rfc3339;
mod rules;
mod running;
mod store;
mod task_queue;
mod totals;
mod waiters;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use attempt::{AttemptRecord, Attempts, Cost};
pub use callback::{Callback, CallbackBackoff, CallbackKind, JobCallback};
pub use change::{Change, ChangeError};
pub use claim::Claim;
pub use entry::{Job, NewJob, Origin, Peek, Progress};
pub use error::{AddError, KeyOwner, KeyReuse, StoreError, WaitError};
pub use event::{BadEventId, EventFilter, EventId, Events, Followed, Gap, JobEvent, JobEventKind, KeptEvent, Missed};
pub use fingerprint::{UniqueBy, are_same_args, fingerprint};
pub use list::{BadCursor, Cursor, ListOrder, ListQuery, ListedJob, Page};
pub use log::{JobLog, LogBudget, LogLevel, LogLine, LogSource};
pub use meters::describe_metrics;
pub use options::{AddOptions, KEY_RULE, MAX_KEY, OptionsError, Unique, UniqueScope, is_key};
pub use queue::Queue;
pub use rates::{Rate, Rates};
pub use rules::{Retention, Rules};
pub use running::{CancelSignal, Running};
pub use store::{
    Added, CallbackNumber, CallbackPosition, Claimed, ClaimedCallback, ClaimedCallbacks, ClaimedJob, Counts, Delivery,
    Durability, End, EndResult, Finish, Finished, Hint, History, Lane, MemoryStore, NextDue, Observer, Pruned,
    SettledUnwanted, SqliteError, SqliteOptions, SqliteStore, Store, StoreEvent, TaskStore,
};
pub use task_queue::{LogTail, SettledCallbacks, TaskQueue};
pub use totals::Totals;
