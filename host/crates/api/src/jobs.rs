//! What the service needs of whoever runs jobs: one trait, implemented by the host for each of its tenants.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_definition::Task;
use saggar_job::{JobId, Timestamp};
use saggar_queue::{Added, Counts, EventId, Followed, History, Job, ListQuery, LogTail, NewJob, Page, Rates};
use saggar_wire::Code;

use crate::problem::Refusal;

/// The tasks and jobs of one tenant. Task ids are taken without case. Every refusal carries the code that it is answered
/// with.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Why no job is taken at the moment, if that is so: the host stops, or the store has failed, is full, or is locked by
    /// another program.
    fn why_not_ready(&self) -> Option<Code>;

    /// The time of day, by the clock of the jobs' own times.
    fn now(&self) -> Timestamp;

    /// Adds all `jobs` or none; answers which job each of them is. They are kept when it answers.
    async fn add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, Refusal>;

    /// Looks a job up.
    async fn get(&self, task: &str, id: JobId) -> Result<KnownJob, Refusal>;

    /// Looks a job up, unless its texts have more than `most` bytes: these are not read then.
    async fn peek(&self, task: &str, id: JobId, most: u64) -> Result<PeekedJob, Refusal>;

    /// Waits until a job has ended, and answers it as [`peek`](Self::peek) does. Cancel safe.
    async fn wait(&self, task: &str, id: JobId, most: u64) -> Result<PeekedJob, Refusal>;

    /// Cancels a job: one that waits ends at once, one that runs is stopped.
    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Refusal>;

    /// Lets an ended job run again.
    async fn retry(&self, task: &str, id: JobId) -> Result<(), Refusal>;

    /// Delivers the callbacks of an ended job again that were given up, and at once those that wait for their next try.
    async fn redeliver(&self, task: &str, id: JobId) -> Result<(), Refusal>;

    /// Forgets a job that does not run.
    async fn delete(&self, task: &str, id: JobId) -> Result<(), Refusal>;

    /// A job's log and its attempts.
    async fn history(&self, task: &str, id: JobId) -> Result<History, Refusal>;

    /// The lines of a job's log after its first `read` ones, as soon as there are any or the job has ended. Cancel safe.
    async fn log_after(&self, task: &str, id: JobId, read: usize) -> Result<LogTail, Refusal>;

    /// Follows events, from now on or after one that was heard. Neither task nor job is looked up.
    fn follow(&self, scope: EventScope<'_>, after: Option<EventId>) -> Followed;

    /// A page of jobs. The implementation puts its tenant in place of `query.tenant`, and the task's id in lower case.
    async fn list(&self, query: ListQuery) -> Result<Page, Refusal>;

    /// Lets no more attempts of a task begin.
    async fn pause(&self, task: &str) -> Result<(), Refusal>;

    /// Ends a pause.
    async fn resume(&self, task: &str) -> Result<(), Refusal>;

    /// All tasks with a definition, in the order of their ids.
    fn tasks(&self) -> Vec<KnownTask>;

    /// Tasks without a usable definition, in the order of their ids.
    fn orphans(&self) -> Vec<KnownOrphan>;

    /// Whether there is this task. Cheap.
    fn has_task(&self, task: &str) -> bool;

    /// One task.
    fn task(&self, task: &str) -> Result<KnownTask, Refusal>;
}

/// Of which jobs events are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventScope<'a> {
    /// All of the tenant's.
    Tenant,
    /// Those of a task.
    Task(&'a str),
    /// The one of a task.
    Job(&'a str, JobId),
}

/// A job, with what its task says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownJob {
    /// The id of its task, in lower case.
    pub task: String,
    /// How many attempts it may have.
    pub max_attempts: u32,
    /// The job as it was when it was looked up.
    pub job: Job,
}

/// What a look at a job found.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "it is the job nearly always, and is moved on at once")]
pub enum PeekedJob {
    /// The job.
    Job(KnownJob),
    /// Its texts have more bytes than were asked for.
    Large {
        /// How many.
        bytes: u64,
        /// Whether it has ended.
        has_ended: bool,
    },
}

impl PeekedJob {
    /// Whether the job has ended.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Job(known) => known.job.life.state.is_ended(),
            Self::Large { has_ended, .. } => *has_ended,
        }
    }
}

/// A task at work.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTask {
    /// Its definition.
    pub task: Arc<Task>,
    /// Whether attempts begin.
    pub state: TaskState,
    /// How many of its jobs stand where.
    pub counts: Counts,
    /// How much it does.
    pub rates: Rates,
}

/// Whether attempts of a task begin, if it is not paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// They do.
    Ready,
    /// Its plugins are still being loaded.
    Preparing,
    /// Something has to be corrected first; this is its first problem.
    Broken(Arc<str>),
}

/// A task without a usable definition: its file is gone or has errors.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownOrphan {
    /// Its id, in lower case.
    pub id: String,
    /// The first problem of its file; `None` if there is no file.
    pub problem: Option<Arc<str>>,
    /// How many of its jobs are kept.
    pub counts: Counts,
}
