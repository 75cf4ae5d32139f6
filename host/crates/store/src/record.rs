//! What a store persists and what its steps take and return: plain values, without IO and clock.

mod answer;
mod attempt;
mod audit;
mod callback;
mod change;
mod entry;
mod error;
pub mod kept_bytes;
mod list;
mod log;
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
pub use entry::{Job, NewJob, Origin, Peek, Progress};
pub use error::{AddError, KeyOwner, KeyReuse, StoreError};
pub use list::{BadCursor, Cursor, ListOrder, ListQuery, ListedJob, Page};
pub use log::{JobLog, LogBudget, LogLine};
pub use rules::{Retention, Rules};
pub use tenant_levels::{Needs, TenantLevels};
