//! What a store persists and what its steps take and return: plain values, without IO and clock.

mod answer;
mod attempt;
mod audit;
mod callback;
mod change;
mod deployment;
mod entry;
mod error;
mod failure_group;
mod filter;
pub mod kept_bytes;
mod kv;
mod list;
mod log;
mod recording;
mod recording_books;
mod rules;
mod tenant_levels;

pub use answer::{
    Added, CallbackNumber, CallbackPosition, Claimed, ClaimedCallback, ClaimedCallbacks, ClaimedJob, Counts, Delivery,
    End, EndResult, Finish, Finished, History, Lane, NextDue, Pruned, SettledUnwanted,
};
pub use attempt::{AttemptRecord, Attempts, Cost};
pub use audit::{AuditEntry, AuditLimits, AuditPage, AuditQuery, AuditSize};
pub use callback::{CallbackBackoff, CallbackKind, JobCallback};
pub use change::{Change, ChangeError};
pub use deployment::{DeployedCode, Deployment, DeploymentCause, DeploymentPage, DeploymentQuery, Version};
pub use entry::{Job, NewJob, Origin, Peek, Progress};
pub use error::{AddError, KeyOwner, KeyReuse, StoreError};
pub use failure_group::{BadGroup, FailureGroup, failure_frames, message_pattern};
pub use filter::{Candidate, EndedAttempt, JobFilter, JobTexts, TaskPattern};
pub use kv::KvError;
pub use list::{BadCursor, CountedJobs, Cursor, ListOrder, ListQuery, ListedFailure, ListedJob, Page};
pub use log::{JobLog, LogBudget, LogLine};
pub use recording::{ListedRecording, Recording, RecordingCounts, RecordingLimits};
pub use recording_books::{RecordingBooks, TaskRecordings};
pub use rules::{Retention, Rules};
pub use tenant_levels::{Needs, TenantLevels};
