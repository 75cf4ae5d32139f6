//! Changes of a job from outside its attempts: cancel, retry, delete, redeliver.

use saggar_job::{JobId, Refusal};

use super::StoreError;

/// A change that a caller requests of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Ends the job: a waiting one at once; a running one has no other attempt after this one, which is to be stopped.
    Cancel,
    /// Runs the job again after its end, with its full number of attempts.
    Retry,
    /// Removes the job with its payload, log, attempts and callbacks. Refused while it runs.
    Delete,
    /// Delivers the job's callbacks that were given up or are deferred.
    Redeliver,
}

/// Why a job was not changed. The job is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such job: it never existed, was deleted, or was removed by retention.
    #[error("there is no job {id}; perhaps its retention is over")]
    UnknownJob {
        /// The requested id.
        id: JobId,
    },
    /// The job has ended, so it cannot be cancelled.
    #[error("the job {id} has ended already; an ended job stays as it is")]
    Ended {
        /// The requested id.
        id: JobId,
    },
    /// An attempt of the job runs, so it cannot be deleted.
    #[error("the job {id} is running; cancel it and wait for its end before deleting it")]
    Running {
        /// The requested id.
        id: JobId,
    },
    /// The job has not ended, so it cannot be retried, and its callbacks cannot be redelivered.
    #[error("the job {id} has not ended; only an ended job can be retried, and only its callbacks can be redelivered")]
    NotEnded {
        /// The requested id.
        id: JobId,
    },
    /// A callback of the job is pending, so it cannot be retried yet: every end is delivered to its handler.
    #[error("a callback of the job {id} is pending; try again in a moment")]
    CallbackPending {
        /// The requested id.
        id: JobId,
    },
    /// No callback of the job was given up or is deferred.
    #[error("no callback of the job {id} was given up")]
    NotGivenUp {
        /// The requested id.
        id: JobId,
    },
    /// The job is unique, and another one with its fingerprint waits or runs, so it cannot be retried.
    #[error("the job {id} is unique, and the job {other} of its kind waits or runs")]
    NotUnique {
        /// The requested id.
        id: JobId,
        /// The other job.
        other: JobId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// Returns a stable name in kebab case.
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

    /// Converts the `refusal` of a transition to the error of a change of the job `id`.
    pub fn refused(id: JobId, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ended => Self::Ended { id },
            Refusal::NotEnded => Self::NotEnded { id },
            Refusal::Running => Self::Running { id },
            Refusal::NotReady | Refusal::NotRunning | Refusal::Stale => StoreError::Refused { id, refusal }.into(),
        }
    }
}
