//! What a task's definition says about its queue.

use saggar_job::{RetryPolicy, Timestamp};

use super::{AddError, Counts, NewJob};

/// The rules of one task's queue. They may be swapped while jobs wait and run; every step follows the rules of its
/// moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How many jobs may be ready or on hold, those that are late included.
    pub size: usize,
    /// How many jobs may wait for their time, retries included. A retry of a job that is there is never refused.
    pub delayed_size: usize,
    /// How many bytes the task's jobs may take, ended ones included: arguments, responses, problems, logs, records. To make
    /// room, the jobs that ended first are removed before their retention is over; then adding is refused.
    pub keep_bytes: u64,
    /// When a failed attempt is followed by another one.
    pub retry: RetryPolicy,
    /// The task has an add handler: a new job is held until that was told.
    pub add_handler: bool,
    /// The task has a success handler: a job that ends well leaves a callback.
    pub success_handler: bool,
    /// The task has an error handler: a job that ends otherwise leaves a callback.
    pub error_handler: bool,
    /// How long ended jobs are kept.
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
    /// Whether all of the `new` jobs have room at `now` beside those of `counts`.
    pub fn admit<'a>(
        &self,
        counts: &Counts,
        new: impl Iterator<Item = &'a NewJob>,
        now: Timestamp,
    ) -> Result<(), AddError> {
        let (mut ready, mut delayed) = (0, 0);
        for job in new {
            // One that is on hold counts among the ready ones: nobody knows for how long.
            let is_delayed = !self.add_handler && job.due_at(now) > now;
            *(if is_delayed { &mut delayed } else { &mut ready }) += 1;
        }
        // More may be there than there is room for: retries and rules that have changed.
        let has_room = |new: usize, most: usize, there: usize| new == 0 || new <= most.saturating_sub(there);
        if !has_room(ready, self.size, counts.waiting.saturating_sub(counts.delayed)) {
            return Err(AddError::QueueFull { size: self.size });
        }
        if !has_room(delayed, self.delayed_size, counts.delayed) {
            return Err(AddError::DelayedFull { delayed_size: self.delayed_size });
        }
        Ok(())
    }
}

/// How long an ended job can be looked up.
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
