//! Why jobs are not added, looked up or changed. `code` is for programs and never changes; the message is for people.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{JobId, Problem};
use saggar_queue::{ChangeError, StoreError, WaitError};
use saggar_tenant::QuotaExceeded;

/// How deep calls of `next` that add jobs may nest.
pub(crate) const MAX_DEPTH: u32 = 4;

/// Why jobs were not added. None of them was: no id is used up, and no handler is called.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Unknown task.
    #[error("{}", unknown_task(task, nearest.as_deref()))]
    UnknownTask {
        /// The id asked for.
        task: String,
        /// The task with the most similar id.
        nearest: Option<String>,
    },
    /// The task exists, but cannot run.
    #[error("{}", broken(task, problem))]
    TaskBroken {
        /// Its id.
        task: String,
        /// Its first problem.
        problem: Arc<str>,
    },
    /// The task's id source is not loaded yet.
    #[error(
        "the plugins of the task `{task}` are still being compiled, and its ids come from one of them; try again in a moment"
    )]
    TaskPreparing {
        /// Its id.
        task: String,
    },
    /// The arguments are not a JSON array that is small enough.
    #[error("the arguments of a job are one JSON array, each item one argument: {why}")]
    InvalidArgs {
        /// The position of the job in the batch.
        at: usize,
        /// What is wrong, and where in the arguments.
        why: String,
    },
    /// The task's id source failed.
    #[error("the task's `event.next` handler failed, so the job has no id: {}: {}", .problem.code, .problem.message)]
    NextFailed {
        /// The position of the job in the batch.
        at: usize,
        /// What the handler returned, or how its call ended.
        problem: Problem,
    },
    /// The task's id source did not return all ids in time.
    #[error(
        "the task's `event.next` handler gave {given} of {jobs} ids within {} s; add fewer jobs at a time, or make it faster",
        time.as_secs()
    )]
    NextTimeout {
        /// Ids that it gave.
        given: usize,
        /// Jobs in the batch.
        jobs: usize,
        /// How long it had.
        time: Duration,
    },
    /// Id sources add jobs to each other.
    #[error("`event.next` handlers that add jobs are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// A quota of the tenant is used up: too many jobs are added, or the guests that give the ids may not compute now.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// The host is stopping.
    #[error("the host is stopping and takes no more jobs; add it again when it is back")]
    Stopping,
    /// The queue refused them.
    #[error(transparent)]
    Queue(#[from] saggar_queue::AddError),
}

impl AddError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask { .. } => "unknown-task",
            Self::TaskBroken { .. } => "task-broken",
            Self::TaskPreparing { .. } => "task-preparing",
            Self::InvalidArgs { .. } => "invalid-args",
            Self::NextFailed { .. } => "next-failed",
            Self::NextTimeout { .. } => "next-timeout",
            Self::TooDeep => "too-deep",
            Self::QuotaExceeded(_) => "quota-exceeded",
            Self::Stopping => "stopping",
            // The contract has one code for ids that `next` must not return; 0 is one of them.
            Self::Queue(saggar_queue::AddError::InvalidId { .. }) => "duplicate-id",
            Self::Queue(error) => error.code(),
        }
    }

    /// The position in the batch of the job to blame; `None` if no single job is.
    pub fn job(&self) -> Option<usize> {
        match self {
            Self::InvalidArgs { at, .. } | Self::NextFailed { at, .. } => Some(*at),
            Self::Queue(error) => error.job(),
            Self::UnknownTask { .. }
            | Self::TaskBroken { .. }
            | Self::TaskPreparing { .. }
            | Self::NextTimeout { .. }
            | Self::TooDeep
            | Self::QuotaExceeded(_)
            | Self::Stopping => None,
        }
    }

    /// Returns the quota that is used up, if that is the reason.
    pub fn quota(&self) -> Option<&QuotaExceeded> {
        match self {
            Self::QuotaExceeded(exceeded) | Self::Queue(saggar_queue::AddError::QuotaExceeded(exceeded)) => {
                Some(exceeded)
            }
            _ => None,
        }
    }
}

impl From<LookupError> for AddError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::UnknownTask { task, nearest } => Self::UnknownTask { task, nearest },
            LookupError::TaskBroken { task, problem } => Self::TaskBroken { task, problem },
            LookupError::Store(error) => Self::Queue(error.into()),
            // A task is looked up, not a job.
            LookupError::Stopping | LookupError::UnknownJob { .. } | LookupError::Change(_) => Self::Stopping,
        }
    }
}

/// Why a job cannot be looked up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// Unknown task.
    #[error("{}", unknown_task(task, nearest.as_deref()))]
    UnknownTask {
        /// The id asked for.
        task: String,
        /// The task with the most similar id.
        nearest: Option<String>,
    },
    /// The task's definition cannot be used, and the store has no jobs of it.
    #[error("{}", broken(task, problem))]
    TaskBroken {
        /// Its id.
        task: String,
        /// The first problem of its file.
        problem: Arc<str>,
    },
    /// Unknown job.
    #[error("there is no job {id}; perhaps its retention is over")]
    UnknownJob {
        /// The id asked for.
        id: JobId,
    },
    /// The host has stopped, so nothing can be looked up.
    #[error("the host has stopped; ask again when it is back")]
    Stopping,
    /// The job does not allow the change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LookupError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask { .. } => "unknown-task",
            Self::TaskBroken { .. } => "task-broken",
            Self::UnknownJob { .. } => "unknown-job",
            Self::Stopping => "stopping",
            Self::Change(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl From<WaitError> for LookupError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::UnknownJob { id } => Self::UnknownJob { id },
            WaitError::Store(error) => Self::Store(error),
        }
    }
}

fn unknown_task(task: &str, nearest: Option<&str>) -> String {
    let suggestion = nearest.map(|id| format!("; did you mean `{id}`?")).unwrap_or_default();
    format!("there is no task `{task}`{suggestion}")
}

fn broken(task: &str, problem: &str) -> String {
    format!("the task `{task}` cannot run until this is corrected: {problem}")
}
