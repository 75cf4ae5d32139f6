//! What a running call may ask of the host. Whoever makes a call provides this; the imports only translate.

use async_trait::async_trait;
use saggar_job::{JobId, Problem, Status};

/// How much a log entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// What happened.
    Info,
    /// Odd, but the work goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Where a log entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
    /// The contract's `log.write`.
    Log(Level),
}

/// A job as a guest sees it through `tasks.get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskJob {
    /// Its id.
    pub id: JobId,
    /// Where it stands.
    pub status: Status,
    /// How much is done.
    pub current: u64,
    /// Of how much.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// What the processor answered, as JSON text.
    pub response: Option<String>,
}

/// The host's side of one call. Methods that are not async are called on the guest's stack and must not block.
#[async_trait]
pub trait Services: Send + Sync + 'static {
    /// The guest says how far it is. `current` is at most `total`; `message` is at most 1 KiB before it was made harmless.
    fn progress(&self, current: u64, total: u64, message: &str);

    /// The guest wrote one line: harmless text without a line end, at most 8 KiB.
    fn log(&self, source: LogSource, text: &str);

    /// Whether the job has been cancelled.
    fn is_cancelled(&self) -> bool;

    /// Resolves when the job is cancelled; never, if that cannot happen.
    async fn cancelled(&self);

    /// Adds a job to a task of the same tenant. `args` is any text: checking it is the callee's duty.
    async fn add(&self, task: &str, args: String, delay_ms: u64) -> Result<JobId, Problem>;

    /// Adds a job with options, a JSON object. Like `args`, they are any text.
    async fn add_with(&self, task: &str, args: String, options: &str) -> Result<JobId, Problem>;

    /// Looks a job of the same tenant up.
    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem>;

    /// Cancels a job of the same tenant.
    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem>;
}
