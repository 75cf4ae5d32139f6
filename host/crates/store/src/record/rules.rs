//! The settings of a task's queue.

use saggar_job::{RetryPolicy, Timestamp};

use super::{AddError, Counts, NewJob};

/// The rules of one task's queue. They may be replaced while jobs wait and run; every step follows the rules that are
/// current then.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The most jobs that may be ready or on hold, overdue ones included.
    pub size: usize,
    /// The most jobs that may be delayed, retries included. A retry of an existing job is never refused.
    pub delayed_size: usize,
    /// The most bytes that the task's jobs may take, ended ones included: arguments, responses, problems, logs,
    /// records. To make room, the jobs that ended first are evicted before their retention is over; then adds are
    /// refused.
    pub keep_bytes: u64,
    /// When a failed attempt is followed by another one.
    pub retry: RetryPolicy,
    /// Whether the task has an add handler: a new job is on hold until its callback is settled.
    pub add_handler: bool,
    /// Whether the task has a success handler: a job that succeeds leaves a callback.
    pub success_handler: bool,
    /// Whether the task has an error handler: a job that fails leaves a callback.
    pub error_handler: bool,
    /// How long ended jobs are retained.
    pub retention: Retention,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            size: 1024,
            delayed_size: 100_000,
            keep_bytes: u64::MAX,
            retry: RetryPolicy::default(),
            add_handler: false,
            success_handler: false,
            error_handler: false,
            retention: Retention::default(),
        }
    }
}

impl Rules {
    /// Checks that all `new` jobs have room at `now` beside those of `counts`.
    pub fn admit<'a>(
        &self,
        counts: &Counts,
        new: impl Iterator<Item = &'a NewJob>,
        now: Timestamp,
    ) -> Result<(), AddError> {
        let (mut ready, mut delayed) = (0, 0);
        for job in new {
            // A job on hold counts as ready, because it is unknown how long it stays on hold.
            let is_delayed = !self.add_handler && job.due_at(now) > now;
            *(if is_delayed { &mut delayed } else { &mut ready }) += 1;
        }
        // There may be more jobs than the limit allows, because of retries and changed rules.
        let has_room = |new: usize, most: usize, existing: usize| new == 0 || new <= most.saturating_sub(existing);
        if !has_room(ready, self.size, counts.waiting.saturating_sub(counts.delayed)) {
            return Err(AddError::QueueFull { size: self.size });
        }
        if !has_room(delayed, self.delayed_size, counts.delayed) {
            return Err(AddError::DelayedFull { delayed_size: self.delayed_size });
        }
        Ok(())
    }
}

/// How long an ended job can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds after SUCCESS.
    pub success_ms: u64,
    /// Milliseconds after FAILURE.
    pub failure_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        Self { success_ms: DAY_MS, failure_ms: 7 * DAY_MS }
    }
}
