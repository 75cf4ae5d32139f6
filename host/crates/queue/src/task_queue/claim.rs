//! The right to run one attempt: a value that is consumed by finishing it.

use std::sync::Arc;

use saggar_job::JobKey;

use super::{Running, TaskQueue};
use crate::{Cost, Origin};

/// The right to run one attempt of a job, and the duty to report how it ended: pass it to
/// [`TaskQueue::finish`](crate::TaskQueue::finish) or [`requeue`](crate::TaskQueue::requeue).
///
/// A claim that is dropped instead (its slot panicked or was torn down) does not lose its job: the next caller of
/// [`claim`](crate::TaskQueue::claim), which is woken for it, ends the attempt as
/// [`FailureKind::Lost`](saggar_job::FailureKind::Lost). It counts as an attempt, exactly as when the process dies. Otherwise a
/// job that makes its slot panic would do so forever.
#[derive(Debug)]
#[must_use = "a claim that is dropped ends its attempt as lost"]
pub struct Claim {
    task: Arc<TaskQueue>,
    running: Arc<Running>,
    args: Arc<str>,
    origin: Option<Arc<Origin>>,
    pub(super) cost: Option<Cost>,
    settled: bool,
}

impl Claim {
    pub(crate) fn new(
        task: Arc<TaskQueue>,
        running: Arc<Running>,
        args: Arc<str>,
        origin: Option<Arc<Origin>>,
    ) -> Self {
        Self { task, running, args, origin, cost: None, settled: false }
    }

    /// Returns how many attempts the job may have in total, by the task's current rules; never fewer than it has had.
    pub fn max_attempts(&self) -> u32 {
        self.task.rules().retry.max_attempts_at(self.running.attempt())
    }

    /// Returns the job's arguments: a JSON array.
    pub fn args(&self) -> &Arc<str> {
        &self.args
    }

    /// Returns the W3C trace context that the job was added with.
    pub fn trace_parent(&self) -> Option<&Arc<str>> {
        self.origin.as_ref().and_then(|origin| origin.trace_parent.as_ref())
    }

    /// Returns the job whose guest added this one.
    pub fn parent(&self) -> Option<&JobKey> {
        self.origin.as_ref().and_then(|origin| origin.parent.as_ref())
    }

    /// Returns the queue of the job's task.
    pub fn queue(&self) -> &Arc<TaskQueue> {
        &self.task
    }

    /// Returns the running attempt: which one of which job it is, its progress and its cancel signal.
    pub fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// Records the attempt's resource usage, which is stored with its record when it ends.
    pub fn spent(&mut self, cost: Cost) {
        self.cost = Some(cost);
    }

    /// Marks the claim as finished.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            self.task.abandon(&self.running);
        }
    }
}
