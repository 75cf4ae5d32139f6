//! A job as the library shows it.

use saggar_job::{JobId, Problem, Reason, Status, Timestamp};
use saggar_queue::Job;

/// A job as it was when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its number within its task.
    pub id: u64,
    /// Its task.
    pub task: String,
    /// Where it stands.
    pub status: Status,
    /// The last progress: how much is done …
    pub current: u64,
    /// … of how much; 0 while nothing was reported.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// What the processor answered, as JSON text; none until SUCCESS.
    pub response: Option<String>,
    /// Why it failed, or why its last attempt did while it waits for the next one.
    pub problem: Option<Problem>,
    /// In which way it failed; none unless FAILURE.
    pub reason: Option<Reason>,
    /// How many attempts have begun.
    pub attempt: u32,
    /// How many attempts it may have.
    pub max_attempts: u32,
    /// When it was added.
    pub added_at: Timestamp,
    /// The moment before which no attempt begins; none unless WAITING.
    pub run_at: Option<Timestamp>,
    /// When it ended; none until then.
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
