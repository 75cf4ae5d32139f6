//! What can go wrong, one enum per operation. `code` is for programs and never changes; the message is for people.

use std::fmt;
use std::sync::Arc;

use saggar_job::{JobId, Refusal};

/// Why a job was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Keys are in use for other jobs: with other arguments, another priority or another fingerprint. At least one.
    #[error("{}; a key means one job: send the same request again, or choose another key", First(.0))]
    KeyReused(Vec<KeyReuse>),
    /// As many jobs are ready or on hold as the task's `size` allows.
    #[error(
        "the queue is full: `size` allows {size} jobs that are ready or on hold; add it again later, or raise `size`"
    )]
    QueueFull {
        /// The task's `size`.
        size: usize,
    },
    /// As many jobs wait for their time as the task's `delayed_size` allows.
    #[error(
        "the queue is full: `delayed_size` allows {delayed_size} delayed jobs and retries; add it again later, or raise \
         `delayed_size`"
    )]
    DelayedFull {
        /// The task's `delayed_size`.
        delayed_size: usize,
    },
    /// The jobs that are kept take as many bytes as they may, and none of them can be removed.
    #[error(
        "the jobs kept take {kept} of {most} bytes, and no ended one is left to remove; add it again later, or raise \
         `keep_bytes` of {}", if *of_task { "the task" } else { "the host" }
    )]
    KeepBytesExceeded {
        /// Bytes that are kept.
        kept: u64,
        /// The bytes that may be kept.
        most: u64,
        /// Whether it is the task's bound, or that of the whole store.
        of_task: bool,
    },
    /// A job with this id is there already, or stands twice in the batch.
    #[error("the id {id} is taken; leave the id to the task's counter, or let `next` answer one that is free")]
    DuplicateId {
        /// That id.
        id: JobId,
        /// The position of the job among those that were to be added.
        at: usize,
    },
    /// The id is 0.
    #[error("0 is no job's id; ids count from 1")]
    InvalidId {
        /// The position of the job among those that were to be added.
        at: usize,
    },
    /// The counter stands at the highest id there is.
    #[error("the task's counter has no id left, because a job was given the highest one there is; name a free id")]
    IdsExhausted {
        /// The position of the job among those that were to be added.
        at: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AddError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyReused(_) => "key-reused",
            Self::QueueFull { .. } | Self::DelayedFull { .. } => "queue-full",
            Self::KeepBytesExceeded { .. } => "keep-bytes-exceeded",
            Self::DuplicateId { .. } => "duplicate-id",
            Self::InvalidId { .. } => "invalid-id",
            Self::IdsExhausted { .. } => "ids-exhausted",
            Self::Store(error) => error.code(),
        }
    }

    /// The position of the job that is to blame, among those that were to be added; none if it is not one of them.
    pub fn job(&self) -> Option<usize> {
        match self {
            Self::DuplicateId { at, .. } | Self::InvalidId { at } | Self::IdsExhausted { at } => Some(*at),
            // It names the job itself.
            Self::KeyReused(_) => None,
            Self::QueueFull { .. } | Self::DelayedFull { .. } | Self::KeepBytesExceeded { .. } | Self::Store(_) => None,
        }
    }
}

/// A job that was to be added under the key of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReuse {
    /// Its position in the batch, from 0.
    pub at: usize,
    /// The key.
    pub key: Arc<str>,
    /// Whose key it is.
    pub of: KeyOwner,
}

/// The job that has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwner {
    /// One that is kept.
    Kept(JobId),
    /// The one at this position of the same batch.
    Earlier(usize),
}

impl fmt::Display for KeyReuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, key, of } = self;
        match of {
            KeyOwner::Kept(id) => {
                write!(f, "job {at}: the key `{key}` is that of job {id} of the task, which is another one")
            }
            KeyOwner::Earlier(earlier) => write!(f, "job {at}: the key `{key}` is that of job {earlier} of the batch"),
        }
    }
}

/// Shows the first of them.
struct First<'a>(&'a [KeyReuse]);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The job's life does not allow the step. For an attempt's end: the attempt is no longer this claim's to finish.
    #[error("the job {id} cannot take this step any more; what its claim says is out of date")]
    Refused {
        /// The job.
        id: JobId,
        /// What stands against it.
        refusal: Refusal,
    },
    /// There is no room on the store's disk. Nothing was done; the store goes on when there is room again.
    #[error("the disk with the job store is full; nothing was changed; make room and try again")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another program keeps the store's file locked. Nothing was done; the store goes on when it lets go.
    #[error("another program keeps the job store locked; nothing was changed; end its transaction and try again")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store itself failed: its disk, its file, its connection.
    #[error("the job store failed; the host's log says why")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether nothing was done and the same may be done later. A store says such a thing itself, once for everybody.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Busy(_))
    }

    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Full(_) => "store-full",
            Self::Busy(_) => "store-busy",
            Self::Failed(_) => "store-failed",
        }
    }
}
