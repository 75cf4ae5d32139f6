//! Notices: what a task's handlers are still to be told. They are written in the step that they tell of, and removed
//! when their handler was told, so each is told at least once.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Problem, Reason};

use crate::{ClaimedNotice, TaskQueue};

/// What happened to a job that a handler is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It was added, and is held until this notice is finished.
    Added,
    /// It ended well.
    Succeeded {
        /// What the processor answered, as JSON text.
        response: Arc<str>,
    },
    /// It ended otherwise.
    Failed {
        /// In which way.
        reason: Reason,
        /// Why.
        problem: Problem,
    },
}

/// The duty to tell a handler of something: hand it to [`TaskQueue::notice_done`] when the handler was told, has failed
/// for good, or does not exist (any more), or to [`TaskQueue::notice_put_off`] to try again.
///
/// A notice that is dropped instead is there again for the next caller of [`TaskQueue::notice`], with one more try
/// counted.
#[derive(Debug)]
#[must_use = "a notice that is dropped is told again"]
pub struct Notice {
    task: Arc<TaskQueue>,
    notice: ClaimedNotice,
    settled: bool,
}

impl Notice {
    pub(crate) fn new(task: Arc<TaskQueue>, notice: ClaimedNotice) -> Self {
        Self { task, notice, settled: false }
    }

    /// The number of the job that it is about.
    pub fn id(&self) -> JobId {
        self.notice.id
    }

    /// That job's full address.
    pub fn key(&self) -> JobKey {
        JobKey { task: self.task.key().clone(), id: self.notice.id }
    }

    /// What happened to it.
    pub fn happened(&self) -> &Happened {
        &self.notice.happened
    }

    /// How many attempts of the job have begun; 0 before the first.
    pub fn attempt(&self) -> u32 {
        self.notice.attempt
    }

    /// How many attempts the job may have in all, as the task's rules say now; never fewer than it has had.
    pub fn max_attempts(&self) -> u32 {
        self.task.rules().retry.max_attempts_at(self.attempt())
    }

    /// How often it was put off or dropped before.
    pub fn tries(&self) -> u32 {
        self.notice.tries
    }

    /// The W3C trace context that the job was added with.
    pub fn trace_parent(&self) -> Option<&Arc<str>> {
        self.notice.origin.as_ref().and_then(|origin| origin.trace_parent.as_ref())
    }

    /// The job whose guest added this one.
    pub fn parent(&self) -> Option<&JobKey> {
        self.notice.origin.as_ref().and_then(|origin| origin.parent.as_ref())
    }

    pub(crate) fn number(&self) -> crate::NoticeNumber {
        self.notice.number
    }

    /// The duty is done.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        if !self.settled {
            self.task.abandon_notice(self.notice.number);
        }
    }
}
