//! Errors, one enum per operation. `code` is for programs and never changes; the message is for people.

use std::fmt;
use std::sync::Arc;

use saggar_job::{JobId, Refusal};
use saggar_tenant::{Quota, QuotaExceeded};

/// Why a job was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Keys belong to other jobs: with other arguments, another priority or another fingerprint. At least one.
    #[error("{}; a key identifies one job: send the same request again, or choose another key", First(.0))]
    KeyReused(Vec<KeyReuse>),
    /// As many jobs are ready or on hold as the task's `size` allows.
    #[error(
        "the queue is full: `size` allows {size} jobs that are ready or on hold; add it again later, or raise `size`"
    )]
    QueueFull {
        /// The task's `size`.
        size: usize,
    },
    /// As many jobs are delayed as the task's `delayed_size` allows.
    #[error(
        "the queue is full: `delayed_size` allows {delayed_size} delayed jobs and retries; add it again later, or raise \
         `delayed_size`"
    )]
    DelayedFull {
        /// The task's `delayed_size`.
        delayed_size: usize,
    },
    /// The stored jobs take as many bytes as they may, and none of them can be evicted.
    #[error(
        "the stored jobs take {kept} of {most} bytes, and no ended job can be evicted; add it again later, or raise \
         `keep_bytes` of {}", if *of_task { "the task" } else { "the host" }
    )]
    KeepBytesExceeded {
        /// The stored bytes.
        kept: u64,
        /// The limit.
        most: u64,
        /// Whether it is the task's limit, or that of the whole store.
        of_task: bool,
    },
    /// A quota of the tenant is used up, over all its tasks. To make room for bytes, the jobs of the tenant that ended
    /// first are evicted.
    #[error("{error}; {advice}", error = .0, advice = quota_advice(.0))]
    QuotaExceeded(QuotaExceeded),
    /// A job with this id exists, or the batch contains the id twice.
    #[error("the id {id} is taken; omit the id to get one from the task's counter, or let `next` return a free one")]
    DuplicateId {
        /// The id.
        id: JobId,
        /// The position of the job in the batch.
        at: usize,
    },
    /// The id is 0.
    #[error("invalid job id 0; ids start at 1")]
    InvalidId {
        /// The position of the job in the batch.
        at: usize,
    },
    /// The counter has reached the highest possible id.
    #[error("the task's counter is exhausted, because a job has the highest possible id; request a free id")]
    IdsExhausted {
        /// The position of the job in the batch.
        at: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AddError {
    /// Returns a stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyReused(_) => "key-reused",
            Self::QueueFull { .. } | Self::DelayedFull { .. } => "queue-full",
            Self::KeepBytesExceeded { .. } => "keep-bytes-exceeded",
            Self::QuotaExceeded(_) => "quota-exceeded",
            Self::DuplicateId { .. } => "duplicate-id",
            Self::InvalidId { .. } => "invalid-id",
            Self::IdsExhausted { .. } => "ids-exhausted",
            Self::Store(error) => error.code(),
        }
    }

    /// Returns whether it is about bytes, so that evicting ended jobs can help.
    pub fn needs_room(&self) -> bool {
        match self {
            Self::KeepBytesExceeded { .. } => true,
            Self::QuotaExceeded(exceeded) => exceeded.quota == Quota::KeepBytes.name(),
            _ => false,
        }
    }

    /// Returns the position in the batch of the job that caused the error; `None` if none of them did.
    pub fn job(&self) -> Option<usize> {
        match self {
            Self::DuplicateId { at, .. } | Self::InvalidId { at } | Self::IdsExhausted { at } => Some(*at),
            // It names the jobs itself.
            Self::KeyReused(_) => None,
            Self::QueueFull { .. }
            | Self::DelayedFull { .. }
            | Self::KeepBytesExceeded { .. }
            | Self::QuotaExceeded(_)
            | Self::Store(_) => None,
        }
    }
}

fn quota_advice(exceeded: &QuotaExceeded) -> &'static str {
    if exceeded.may_pass() {
        "add it again when jobs of the tenant have ended or were deleted"
    } else {
        "add fewer or smaller jobs at once"
    }
}

/// A job that was to be added with the key of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReuse {
    /// Its position in the batch, from 0.
    pub at: usize,
    /// The key.
    pub key: Arc<str>,
    /// The job that has the key.
    pub of: KeyOwner,
}

/// The job that has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwner {
    /// A stored job.
    Kept(JobId),
    /// The job at this position of the same batch.
    Earlier(usize),
}

impl fmt::Display for KeyReuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, key, of } = self;
        match of {
            KeyOwner::Kept(id) => {
                write!(f, "job {at}: the key `{key}` belongs to job {id} of the task, which is a different job")
            }
            KeyOwner::Earlier(earlier) => write!(f, "job {at}: the key `{key}` belongs to job {earlier} of the batch"),
        }
    }
}

/// Displays the first element.
struct First<'a>(&'a [KeyReuse]);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

/// Why a store did not perform a step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The job's state does not allow the step. For the end of an attempt: its claim is stale.
    #[error("the job {id} does not allow this step any more; its claim is stale")]
    Refused {
        /// The job.
        id: JobId,
        /// Why it was refused.
        refusal: Refusal,
    },
    /// The store's disk is full. Nothing was done; the store continues when there is room again.
    #[error("the disk with the job store is full; nothing was changed; make room and try again")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another program keeps the store's file locked. Nothing was done; the store continues when the lock is released.
    #[error("another program keeps the job store locked; nothing was changed; end its transaction and try again")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The task was removed with its tenant.
    #[error("the task and its jobs were removed")]
    TaskRemoved,
    /// The store itself failed: its disk, its file or its connection.
    #[error("the job store failed; the host's log says why")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Returns whether nothing was done and the same may be done later. A store reports such a condition itself, once
    /// for all callers.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Busy(_))
    }

    /// Returns a stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Full(_) => "store-full",
            Self::Busy(_) => "store-busy",
            Self::TaskRemoved => "unknown-task",
            Self::Failed(_) => "store-failed",
        }
    }
}
