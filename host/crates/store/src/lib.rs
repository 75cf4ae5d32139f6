//! Job stores: the records that they persist, their contract ([`Store`], [`TaskStore`]), the steps of a job as values
//! ([`step`]), the memory store, and the conformance suite that every store must pass (feature `conformance`).
//!
//! A store only persists: [`saggar_job::transition`] defines what happens to a job, and [`step`] decides it.

mod contract;
mod memory;
mod record;
pub mod step;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use contract::{DeploymentStore, Hint, KvStore, Notification, Observer, Store, StoreEvent, StoreHealth, TaskStore};
pub use memory::MemoryStore;
pub use record::{
    AddError, Added, AttemptRecord, Attempts, AuditEntry, AuditLimits, AuditPage, AuditQuery, AuditSize, BadCursor,
    BadGroup, CallbackBackoff, CallbackKind, CallbackNumber, CallbackPosition, Candidate, Change, ChangeError, Claimed,
    ClaimedCallback, ClaimedCallbacks, ClaimedJob, Cost, CountedJobs, Counts, Cursor, Delivery, DeployedCode,
    Deployment, DeploymentCause, DeploymentPage, DeploymentQuery, End, EndResult, EndedAttempt, FailureGroup, Finish,
    Finished, History, Job, JobCallback, JobFilter, JobLog, JobTexts, KeyOwner, KeyReuse, KvError, Lane, ListOrder,
    ListQuery, ListedFailure, ListedJob, ListedRecording, LogBudget, LogLine, Needs, NewJob, NextDue, Origin, Page,
    Peek, Progress, Pruned, Recording, RecordingBooks, RecordingCounts, RecordingLimits, Retention, Rules,
    SettledUnwanted, StoreError, TaskPattern, TaskRecordings, TenantLevels, Version, failure_frames, kept_bytes,
    message_pattern,
};
pub use saggar_kv::{KvAnswer, KvChange, KvEntry, KvKeys, KvLimits, KvOperation, KvRefusal, KvUsage};
