//! The duty to call a handler: a value that is consumed by settling it.

use std::sync::Arc;

use saggar_job::{JobId, JobKey};

use super::TaskQueue;
use crate::{CallbackBackoff, CallbackKind, ClaimedCallback, Lane};

/// The duty to tell a handler of something: hand it to [`TaskQueue::callback_done`] when the handler was told, has failed
/// for good, or does not exist (any more), or to [`TaskQueue::callback_failed`] to try again.
///
/// A callback that is dropped instead is there again for the next caller of [`TaskQueue::next_callback`], with one more try
/// counted.
#[derive(Debug)]
#[must_use = "a callback that is dropped is told again"]
pub struct Callback {
    task: Arc<TaskQueue>,
    callback: ClaimedCallback,
    settled: bool,
}

impl Callback {
    pub(crate) fn new(task: Arc<TaskQueue>, callback: ClaimedCallback) -> Self {
        Self { task, callback, settled: false }
    }

    /// The number of the job that it is about.
    pub fn id(&self) -> JobId {
        self.callback.id
    }

    /// That job's full address.
    pub fn key(&self) -> JobKey {
        JobKey { task: self.task.key().clone(), id: self.callback.id }
    }

    /// What happened to it.
    pub fn kind(&self) -> &CallbackKind {
        &self.callback.kind
    }

    /// How many attempts of the job have begun; 0 before the first.
    pub fn attempt(&self) -> u32 {
        self.callback.attempt
    }

    /// How many attempts the job may have in all, as the task's rules say now; never fewer than it has had.
    pub fn max_attempts(&self) -> u32 {
        self.task.rules().retry.max_attempts_at(self.attempt())
    }

    /// Which handler it is for.
    pub fn lane(&self) -> Lane {
        match self.callback.kind {
            CallbackKind::Added => Lane::Adds,
            CallbackKind::Succeeded { .. } | CallbackKind::Failed { .. } => Lane::Ends,
        }
    }

    /// How often it was put off or dropped before.
    pub fn tries(&self) -> u32 {
        self.callback.tries
    }

    /// Milliseconds before the next try if this one fails; `None` if there is none.
    pub fn backoff(&self) -> Option<u64> {
        let tries = self.callback.tries.saturating_add(1);
        CallbackBackoff::delay_ms_after(self.lane(), tries, self.task.context().chance())
    }

    /// The W3C trace context that the job was added with.
    pub fn trace_parent(&self) -> Option<&Arc<str>> {
        self.callback.origin.as_ref().and_then(|origin| origin.trace_parent.as_ref())
    }

    /// The job whose guest added this one.
    pub fn parent(&self) -> Option<&JobKey> {
        self.callback.origin.as_ref().and_then(|origin| origin.parent.as_ref())
    }

    pub(crate) fn number(&self) -> crate::CallbackNumber {
        self.callback.number
    }

    /// The duty is done.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if !self.settled {
            self.task.abandon_callback(self.lane(), self.callback.number);
        }
    }
}
