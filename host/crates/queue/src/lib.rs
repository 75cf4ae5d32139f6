//! The live queue: adding, claims, callbacks and events, on a store that persists jobs (`saggar-store`).
//!
//! A [`Store`] only persists; [`saggar_job::transition`] alone decides what becomes of a job. [`TaskQueue`] adds what
//! is not stored: waiters, live progress, cancel signals and events.

mod activity;
mod context;
mod doorbell;
mod durations;
mod error;
mod event;
mod fingerprint;
mod meters;
mod options;
mod queue;
mod rates;
pub mod rfc3339;
mod task_queue;
mod totals;
mod waiters;

pub use activity::{Activity, PastStep, Quantiles};
pub use durations::Distribution;
pub use error::WaitError;
pub use event::{BadEventId, EventFilter, EventId, Events, Followed, Gap, JobEvent, JobEventKind, KeptEvent, Missed};
pub use fingerprint::{UniqueBy, are_same_args, fingerprint};
pub use meters::{SeriesLabel, describe_metrics, series_label};
pub use options::{AddOptions, KEY_RULE, MAX_KEY, OptionsError, Unique, UniqueScope, is_key};
pub use queue::Queue;
pub use rates::{Counters, Rate, Rates};
pub use saggar_store::{
    AddError, Added, AttemptRecord, Attempts, AuditEntry, AuditLimits, AuditPage, AuditQuery, AuditSize, BadCursor,
    BadGroup, CallbackBackoff, CallbackKind, CallbackNumber, CallbackPosition, Change, ChangeError, Claimed,
    ClaimedCallback, ClaimedCallbacks, ClaimedJob, Cost, CountedJobs, Counts, Cursor, Delivery, DeployedCode,
    Deployment, DeploymentCause, DeploymentPage, DeploymentQuery, DeploymentStore, End, EndResult, FailureGroup,
    Finish, Finished, Hint, History, Job, JobCallback, JobFilter, JobLog, KeyOwner, KeyReuse, KvAnswer, KvChange,
    KvEntry, KvError, KvKeys, KvLimits, KvOperation, KvRefusal, KvStore, KvUsage, Lane, ListOrder, ListQuery,
    ListedFailure, ListedJob, ListedRecording, LogBudget, LogLine, MemoryStore, NewJob, NextDue, Observer, Origin,
    Page, Peek, Progress, Pruned, Recording, RecordingCounts, RecordingLimits, Retention, Rules, SettledUnwanted,
    Store, StoreError, StoreEvent, StoreHealth, TaskPattern, TaskStore, TenantLevels, Version, failure_frames,
    message_pattern,
};
pub use task_queue::{AttemptTimes, Callback, CancelSignal, Claim, LogTail, Running, SettledCallbacks, TaskQueue};
pub use totals::Totals;
