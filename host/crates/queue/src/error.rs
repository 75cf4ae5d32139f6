//! Errors of the queue itself. `code` is for programs and never changes; the message is for people.

use saggar_job::JobId;

use crate::StoreError;

/// Why a job's end cannot be waited for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Unknown job: it never existed, or retention removed it.
    #[error("there is no job {id}; perhaps its retention is over")]
    UnknownJob {
        /// The id asked for.
        id: JobId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WaitError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownJob { .. } => "unknown-job",
            Self::Store(error) => error.code(),
        }
    }
}
