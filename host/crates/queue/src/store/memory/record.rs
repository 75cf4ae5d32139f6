//! A job as the memory store keeps it.

use std::sync::Arc;

use saggar_job::{JobId, Life, State, Timestamp};

use super::line::Spot;
use crate::{Happened, Job, JobLog, Origin, Progress};

pub(super) struct Record {
    pub(super) life: Life,
    pub(super) args: Arc<str>,
    pub(super) priority: i16,
    pub(super) added_at: Timestamp,
    /// Where it stands in the line.
    pub(super) spot: Spot,
    /// Its notices that are not finished.
    pub(super) due: Due,
    pub(super) origin: Option<Arc<Origin>>,
    // Most jobs have neither of these.
    pub(super) progress: Option<Box<Progress>>,
    pub(super) log: Option<Box<JobLog>>,
}

/// Which of a job's notices are not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Added,
    End,
    /// The end's comes after the adding's: the job was cancelled while it was held.
    AddedThenEnd,
}

impl Record {
    pub(super) fn job(&self, id: JobId) -> Job {
        Job {
            id,
            args: Arc::clone(&self.args),
            priority: self.priority,
            added_at: self.added_at,
            life: self.life.clone(),
            progress: self.progress.as_deref().cloned().unwrap_or_default(),
            origin: self.origin.clone(),
        }
    }

    /// How it ended, if it has.
    pub(super) fn end(&self) -> Option<Happened> {
        match &self.life.state {
            State::Success { response, .. } => Some(Happened::Succeeded { response: response.clone() }),
            State::Failure { reason, problem, .. } => {
                Some(Happened::Failed { reason: *reason, problem: problem.clone() })
            }
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }
}
