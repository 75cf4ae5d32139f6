//! The right to run one attempt: a value that is consumed by finishing it.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Run, TaskKey};

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
    cost: Option<Cost>,
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

    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.running.id()
    }

    /// Returns the job's task.
    pub fn task(&self) -> &TaskKey {
        self.task.key()
    }

    /// Returns the job's full address.
    pub fn key(&self) -> JobKey {
        self.running.key()
    }

    /// Returns the attempt's fence.
    pub fn run(&self) -> Run {
        self.running.run()
    }

    /// Returns the attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.running.attempt()
    }

    /// Returns how many attempts the job may have in total, by the task's current rules; never fewer than it has had.
    pub fn max_attempts(&self) -> u32 {
        self.task.rules().retry.max_attempts_at(self.attempt())
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

    pub(crate) fn queue(&self) -> &Arc<TaskQueue> {
        &self.task
    }

    /// Returns the attempt's live side: its progress and its cancel signal.
    pub fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// Records the attempt's resource usage, which is stored with its record when it ends.
    pub fn spent(&mut self, cost: Cost) {
        self.cost = Some(cost);
    }

    pub(crate) fn take_cost(&mut self) -> Option<Cost> {
        self.cost.take()
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
