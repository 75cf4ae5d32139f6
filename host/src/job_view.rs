//! Jobs as the library returns them.

use saggar_job::{FailureKind, JobId, Problem, Status, Timestamp};
use saggar_queue::Job;

/// A snapshot of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its id within its task.
    pub id: u64,
    /// Its task.
    pub task: String,
    /// Its status.
    pub status: Status,
    /// The amount of work done, as last reported.
    pub current: u64,
    /// The total amount of work, as last reported; 0 until then.
    pub total: u64,
    /// The last reported progress message.
    pub message: String,
    /// The processor's result as JSON text; `None` unless the status is SUCCESS.
    pub response: Option<String>,
    /// Why the job failed; while it waits for its next attempt, why the last one failed.
    pub problem: Option<Problem>,
    /// How the job failed; `None` unless the status is FAILURE.
    pub reason: Option<FailureKind>,
    /// The number of attempts that have started.
    pub attempt: u32,
    /// The maximum number of attempts.
    pub max_attempts: u32,
    /// When the job was added.
    pub added_at: Timestamp,
    /// No attempt starts before this time; `None` unless the status is WAITING.
    pub run_at: Option<Timestamp>,
    /// When the job ended; `None` until then.
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
