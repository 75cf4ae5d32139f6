//! The duty to call a handler: a value that is consumed by settling it.

use std::sync::Arc;

use saggar_job::{JobId, JobKey};

use super::TaskQueue;
use crate::{CallbackBackoff, CallbackKind, ClaimedCallback, Lane};

/// The duty to call a handler: pass it to [`TaskQueue::callback_done`] when the handler was called, has failed for
/// good, or does not exist (any more), or to [`TaskQueue::callback_failed`] to retry.
///
/// A callback that is dropped instead can be claimed again by the next caller of [`TaskQueue::next_callback`], with one
/// more try counted.
#[derive(Debug)]
#[must_use = "a callback that is dropped is delivered again"]
pub struct Callback {
    task: Arc<TaskQueue>,
    callback: ClaimedCallback,
    settled: bool,
}

impl Callback {
    pub(crate) fn new(task: Arc<TaskQueue>, callback: ClaimedCallback) -> Self {
        Self { task, callback, settled: false }
    }

    /// Returns the id of the job that it is about.
    pub fn id(&self) -> JobId {
        self.callback.id
    }

    /// Returns that job's full address.
    pub fn key(&self) -> JobKey {
        JobKey { task: self.task.key().clone(), id: self.callback.id }
    }

    /// Returns what happened to the job.
    pub fn kind(&self) -> &CallbackKind {
        &self.callback.kind
    }

    /// Returns how many attempts of the job have started; 0 before the first.
    pub fn attempt(&self) -> u32 {
        self.callback.attempt
    }

    /// Returns how many attempts the job may have in total, by the task's current rules; never fewer than it has had.
    pub fn max_attempts(&self) -> u32 {
        self.task.rules().retry.max_attempts_at(self.attempt())
    }

    /// Returns the lane that delivers it.
    pub fn lane(&self) -> Lane {
        match self.callback.kind {
            CallbackKind::Added => Lane::Adds,
            CallbackKind::Succeeded { .. } | CallbackKind::Failed { .. } => Lane::Ends,
        }
    }

    /// Returns how often it failed, was postponed or was dropped before.
    pub fn tries(&self) -> u32 {
        self.callback.tries
    }

    /// Returns the milliseconds before the next try if this one fails; `None` if there is no other try.
    pub fn backoff(&self) -> Option<u64> {
        let tries = self.callback.tries.saturating_add(1);
        CallbackBackoff::delay_ms_after(self.lane(), tries, self.task.observer.context.chance())
    }

    /// Returns the W3C trace context that the job was added with.
    pub fn trace_parent(&self) -> Option<&Arc<str>> {
        self.callback.origin.as_ref().and_then(|origin| origin.trace_parent.as_ref())
    }

    /// Returns the job whose guest added this one.
    pub fn parent(&self) -> Option<&JobKey> {
        self.callback.origin.as_ref().and_then(|origin| origin.parent.as_ref())
    }

    pub(crate) fn number(&self) -> crate::CallbackNumber {
        self.callback.number
    }

    /// Marks the callback as settled.
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
