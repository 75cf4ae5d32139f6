//! Changes of a job from outside its attempts: cancel, retry, delete.

use saggar_job::{JobId, Refusal};

use super::StoreError;

/// What somebody wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// That it ends: a waiting one at once; a running one has no other attempt after this one, which is to be stopped.
    Cancel,
    /// That it runs again although it has ended, with all its attempts before it.
    Retry,
    /// That it is forgotten, with its payload, log, attempts and callbacks. Not while it runs.
    Delete,
    /// That its callbacks that were given up or are deferred are delivered now.
    Redeliver,
}

/// Why a job was not changed; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such job: it never was, was deleted, or retention removed it.
    #[error("there is no job {id}; perhaps its retention is over")]
    UnknownJob {
        /// The id asked for.
        id: JobId,
    },
    /// Its life is over, so it cannot be cancelled.
    #[error("the job {id} has ended already; an ended job stays as it is")]
    Ended {
        /// The id asked for.
        id: JobId,
    },
    /// An attempt of it runs, so it cannot be deleted.
    #[error("the job {id} runs; cancel it and wait for its end before you delete it")]
    Running {
        /// The id asked for.
        id: JobId,
    },
    /// Its life is not over, so it cannot be retried.
    #[error("the job {id} has not ended; only an ended job can be retried, or its callbacks be delivered again")]
    NotEnded {
        /// The id asked for.
        id: JobId,
    },
    /// A handler has still to be told of it, so it cannot be retried yet: handlers are told of every end.
    #[error("a callback of the job {id} is pending; try again in a moment")]
    CallbackPending {
        /// The id asked for.
        id: JobId,
    },
    /// No callback of it was given up or is deferred.
    #[error("no callback of the job {id} was given up")]
    NotGivenUp {
        /// The id asked for.
        id: JobId,
    },
    /// It is a unique job, and another one of its kind waits or runs, so it cannot be retried.
    #[error("the job {id} is unique, and the job {other} of its kind waits or runs")]
    NotUnique {
        /// The id asked for.
        id: JobId,
        /// The other job.
        other: JobId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownJob { .. } => "unknown-job",
            Self::Ended { .. } => "ended",
            Self::Running { .. } => "running",
            Self::NotEnded { .. } => "not-ended",
            Self::CallbackPending { .. } => "callback-pending",
            Self::NotGivenUp { .. } => "not-given-up",
            Self::NotUnique { .. } => "not-unique",
            Self::Store(error) => error.code(),
        }
    }

    /// What `refusal` of a transition says of a change of the job `id`.
    pub fn refused(id: JobId, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ended => Self::Ended { id },
            Refusal::NotEnded => Self::NotEnded { id },
            Refusal::Running => Self::Running { id },
            Refusal::NotReady | Refusal::NotRunning | Refusal::Stale => StoreError::Refused { id, refusal }.into(),
        }
    }
}
