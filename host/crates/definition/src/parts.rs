//! The values of a task's keys that are objects.

use std::time::Duration;

use saggar_job::Reference;

use crate::source::Located;

/// The event handlers of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handlers {
    /// Returns the id of a new job.
    pub next: Option<Located<Reference>>,
    /// Called after a job was added.
    pub add: Option<Located<Reference>>,
    /// Called with the progress of a job.
    pub progress: Option<Located<Reference>>,
    /// Called after a job succeeded.
    pub success: Option<Located<Reference>>,
    /// Called after a job failed.
    pub error: Option<Located<Reference>>,
}

/// What a task requests from its sandbox. The operator decides what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxRequest {
    /// Limit of all memories and tables together, in bytes.
    pub memory_bytes: u64,
    /// How many jobs one instance may serve; 1 makes a fresh instance for each job.
    pub reuse: u32,
    /// The timeout of one call of an event handler.
    pub event_timeout: Duration,
    /// Which jobs its guests may look up and cancel.
    pub tasks: JobAccess,
    /// Requested HTTP origins, such as `https://api.example.com`.
    pub http: Vec<Located<String>>,
    /// Requested environment variables.
    pub env: Vec<Located<String>>,
    /// Requested directories.
    pub dirs: Vec<Located<DirRequest>>,
}

/// Which jobs the guests of a task may look up and cancel, besides the job that a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAccess {
    /// Those that a job of the task added.
    Added,
    /// All jobs of its app.
    All,
}

/// A directory that a task requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirRequest {
    /// The path in the task file; never empty, and without `..`.
    pub path: String,
    /// Whether files in it may be changed.
    pub write: bool,
}

/// How long an ended job can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// After it ended in `SUCCESS`.
    pub success: Duration,
    /// After it ended in `FAILURE`.
    pub failure: Duration,
}
