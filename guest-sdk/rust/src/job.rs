//! The job of the running call, and its progress.

use std::time::Duration;

use crate::host;

/// The job of the running call.
#[derive(Debug)]
pub struct Job {
    id: u64,
}

impl Job {
    pub(crate) fn new(id: u64) -> Self {
        Self { id }
    }

    /// Returns the job's number, unique within its task.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the id of the task, such as `mail.send`.
    pub fn task(&self) -> String {
        host::task()
    }

    /// Returns the number of this attempt, from 1; in a handler, of the last attempt that started, 0 before the first.
    pub fn attempt(&self) -> u32 {
        host::attempt()
    }

    /// Returns the maximum number of attempts of the job: the first one plus the task's `attempts`.
    pub fn max_attempts(&self) -> u32 {
        host::max_attempts()
    }

    /// Returns the time until this call times out; zero if the timeout is due, `None` without a timeout.
    pub fn remaining(&self) -> Option<Duration> {
        host::remaining_ms().map(Duration::from_millis)
    }

    /// Returns whether the job was cancelled. The host stops the call soon after this becomes true.
    pub fn is_cancelled(&self) -> bool {
        host::is_cancelled()
    }

    /// Returns the W3C trace context of the call, in the format of the `traceparent` header: the context that the job
    /// was added with, or, in the same trace, the host's span of this attempt.
    pub fn trace_parent(&self) -> Option<String> {
        host::trace_parent()
    }

    /// Reports that `current` of `total` is done; lookups of the job show it at once.
    ///
    /// The latest call wins. Outside a processor, and after the job has ended, the call does nothing.
    pub fn progress(&self, current: u64, total: u64, message: impl AsRef<str>) {
        host::report(current, total, message.as_ref());
    }
}

/// The progress of a job, for its progress handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The amount done …
    pub current: u64,
    /// … of this total.
    pub total: u64,
    /// The processor's message.
    pub message: String,
}
