//! The right to run one attempt: a value that is consumed by finishing it.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Run, TaskKey};

use super::{Running, TaskQueue};
use crate::{Cost, Origin};

/// The right to run one attempt of a job, and the duty to say how it ended: hand it to
/// [`TaskQueue::finish`](crate::TaskQueue::finish) or [`requeue`](crate::TaskQueue::requeue).
///
/// A claim that is dropped instead (a slot that panicked, or was torn down) does not lose its job: the attempt is ended as
/// [`Outcome::Lost`](saggar_job::Outcome::Lost) by the next caller of [`claim`](crate::TaskQueue::claim), who is woken for
/// it. It counts as an attempt, exactly as when the process dies, for otherwise a job that makes its slot panic would do
/// so for ever.
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

    /// The job's number.
    pub fn id(&self) -> JobId {
        self.running.id()
    }

    /// The job's task.
    pub fn task(&self) -> &TaskKey {
        self.task.key()
    }

    /// The job's full address.
    pub fn key(&self) -> JobKey {
        self.running.key()
    }

    /// The attempt's fence.
    pub fn run(&self) -> Run {
        self.running.run()
    }

    /// The attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.running.attempt()
    }

    /// How many attempts the job may have in all, as the task's rules say now; never fewer than it has had.
    pub fn max_attempts(&self) -> u32 {
        self.task.rules().retry.max_attempts_at(self.attempt())
    }

    /// The job's arguments: a JSON array.
    pub fn args(&self) -> &Arc<str> {
        &self.args
    }

    /// The W3C trace context that the job was added with.
    pub fn trace_parent(&self) -> Option<&Arc<str>> {
        self.origin.as_ref().and_then(|origin| origin.trace_parent.as_ref())
    }

    /// The job whose guest added this one.
    pub fn parent(&self) -> Option<&JobKey> {
        self.origin.as_ref().and_then(|origin| origin.parent.as_ref())
    }

    pub(crate) fn queue(&self) -> &Arc<TaskQueue> {
        &self.task
    }

    /// The attempt's live side: its progress and its cancel signal.
    pub fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// Notes what the attempt has cost, to be kept with its record when it ends.
    pub fn spent(&mut self, cost: Cost) {
        self.cost = Some(cost);
    }

    pub(crate) fn take_cost(&mut self) -> Option<Cost> {
        self.cost.take()
    }

    /// The duty is done.
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
