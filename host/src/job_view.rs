//! A job as the library returns it.

use saggar_job::{JobId, Problem, Reason, Status, Timestamp};
use saggar_queue::Job;

/// A job at the time of the lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its number within its task.
    pub id: u64,
    /// Its task.
    pub task: String,
    /// Its status.
    pub status: Status,
    /// The last progress: the amount done …
    pub current: u64,
    /// … of this total; 0 until progress was reported.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// The processor's result, as JSON text; `None` until SUCCESS.
    pub response: Option<String>,
    /// Why it failed, or why its last attempt failed while it waits for the next one.
    pub problem: Option<Problem>,
    /// How it failed; `None` unless FAILURE.
    pub reason: Option<Reason>,
    /// The number of attempts that have started.
    pub attempt: u32,
    /// The most attempts it may have.
    pub max_attempts: u32,
    /// When it was added.
    pub added_at: Timestamp,
    /// No attempt starts before this time; `None` unless WAITING.
    pub run_at: Option<Timestamp>,
    /// When it ended; `None` until then.
    pub ended_at: Option<Timestamp>,
}

impl JobView {
    pub(crate) fn new(task: &str, job: Job, max_attempts: u32) -> Self {
        let JobId(id) = job.id;
        Self {
            id,
            task: task.to_owned(),
            status: job.status(),
            response: job.response().map(str::to_owned),
            problem: job.problem().cloned(),
            reason: job.reason(),
            attempt: job.life.attempt,
            max_attempts,
            added_at: job.added_at,
            run_at: job.run_at(),
            ended_at: job.ended_at(),
            current: job.progress.current,
            total: job.progress.total,
            message: job.progress.message,
        }
    }
}
