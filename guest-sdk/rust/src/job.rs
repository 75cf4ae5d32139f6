//! What a running call knows about its job.

use std::time::Duration;

use crate::host;

/// The job that the running call is about.
#[derive(Debug)]
pub struct Job {
    id: u64,
}

impl Job {
    pub(crate) fn new(id: u64) -> Self {
        Self { id }
    }

    /// The job's number, unique within its task.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The id of the task, such as `mail.send`.
    pub fn task(&self) -> String {
        host::task()
    }

    /// The number of this attempt, from 1; in a handler, of the last attempt that began, 0 before the first.
    pub fn attempt(&self) -> u32 {
        host::attempt()
    }

    /// How many attempts the job may have in all: the first one and the task's `attempts`.
    pub fn max_attempts(&self) -> u32 {
        host::max_attempts()
    }

    /// The time until this call is stopped; zero if that is due now, none if nothing will stop it.
    pub fn remaining(&self) -> Option<Duration> {
        host::remaining_ms().map(Duration::from_millis)
    }

    /// Whether the job has been cancelled. The call is stopped very soon after this becomes true.
    pub fn is_cancelled(&self) -> bool {
        host::is_cancelled()
    }

    /// The W3C trace context of the call, in the form of the `traceparent` header: the one that the job was added with, or, in
    /// the same trace, the host's own span of this attempt.
    pub fn trace_parent(&self) -> Option<String> {
        host::trace_parent()
    }

    /// Says that `current` of `total` is done; anybody who looks the job up sees it at once.
    ///
    /// The latest call wins. Outside a processor, and after the job has ended, the call does nothing.
    pub fn progress(&self, current: u64, total: u64, message: impl AsRef<str>) {
        host::report(current, total, message.as_ref());
    }
}

/// How far a job is, as its progress handler is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// How much is done …
    pub current: u64,
    /// … of how much.
    pub total: u64,
    /// What the processor said about it.
    pub message: String,
}
