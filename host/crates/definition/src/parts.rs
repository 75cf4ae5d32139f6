//! The values of a task's keys that are objects.

use std::time::Duration;

use saggar_grant::{Access, JobAccess, Method, OriginPattern, RecordPolicy, TaskPattern};
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
    /// What its guests do with tasks.
    pub tasks: TasksRequest,
    /// Requests over HTTP; `None` for none.
    pub http: Option<HttpRequest>,
    /// Names of secrets that its requests carry.
    pub secrets: Vec<Located<String>>,
    /// Use of the key-value store; `None` for none.
    pub kv: Option<Located<KvRequest>>,
    /// Requested environment variables.
    pub env: Vec<Located<String>>,
    /// Requested directories.
    pub dirs: Vec<Located<DirRequest>>,
    /// Bytes of a directory for each attempt; `None` for no directory.
    pub scratch: Option<Located<u64>>,
    /// Which attempts are recorded.
    pub record: RecordPolicy,
    /// JSON pointers into the arguments whose values records do not keep.
    pub mask: Vec<Located<String>>,
}

/// What the guests of a task do with the tasks of its app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TasksRequest {
    /// The tasks that they add jobs to; `None` for every task.
    pub add: Option<Vec<Located<TaskPattern>>>,
    /// The jobs that they look up and cancel; `None` for the default.
    pub jobs: Option<Located<JobAccess>>,
}

impl TasksRequest {
    /// Returns the jobs that they look up and cancel.
    pub fn jobs(&self) -> JobAccess {
        self.jobs.as_ref().map_or(JobAccess::Added, |jobs| jobs.value)
    }
}

/// The requests over HTTP that a task makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Their origins; at least one.
    pub origins: Vec<Located<OriginPattern>>,
    /// Their methods; empty for all methods that the operator grants.
    pub methods: Vec<Located<Method>>,
}

/// What a task does with the key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvRequest {
    /// Whether it changes values.
    pub access: Access,
    /// The beginning of the keys that it uses; empty for all keys.
    pub prefix: String,
}

/// A directory that a task requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirRequest {
    /// The name under which the operator grants it.
    pub name: String,
    /// Whether files in it are changed.
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
