//! A valid task, on which the rest of the host relies.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Reference, RetryPolicy, Role};

use crate::diagnostic::{Diagnostic, Location};
use crate::id::TaskId;
use crate::source::{Located, Source, Span};

/// A task whose file has no error. Whether its plugins exist and fit, and whether its requests are granted, is checked
/// later.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The id, from the file's path.
    pub id: TaskId,
    /// The label for people; the id if the file has none.
    pub name: String,
    /// The processor.
    pub process: Located<Reference>,
    /// The event handlers.
    pub handlers: Handlers,
    /// How many jobs of this task may run at once.
    pub worker_nums: u32,
    /// How many jobs may be ready or on hold; another one that could start now is refused.
    pub size: u32,
    /// How many delayed jobs may wait, retries included; another delayed job is refused.
    pub delayed_size: u32,
    /// The timeout of one attempt, from its start.
    pub timeout: Duration,
    /// Whether and when a failed attempt is retried.
    pub retry: RetryPolicy,
    /// What the task requests from its sandbox.
    pub sandbox: SandboxRequest,
    /// How long an ended job can be looked up.
    pub retention: Retention,
    /// How many bytes its jobs may take, ended ones included.
    pub keep_bytes: u64,
    /// The file's path relative to the app's directory, and its text. All spans refer to this text.
    pub source: Arc<Source>,
}

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

impl Task {
    /// Returns the task file's path relative to the app's directory, with `/` on every system.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// Returns the plugin function of `role`, if the task names one.
    pub fn reference(&self, role: Role) -> Option<&Located<Reference>> {
        let handlers = &self.handlers;
        match role {
            Role::Processor => Some(&self.process),
            Role::IdSource => handlers.next.as_ref(),
            Role::AddHandler => handlers.add.as_ref(),
            Role::ProgressHandler => handlers.progress.as_ref(),
            Role::SuccessHandler => handlers.success.as_ref(),
            Role::ErrorHandler => handlers.error.as_ref(),
        }
    }

    /// Returns all plugin functions that the task names, in the order of a job's life.
    pub fn references(&self) -> impl Iterator<Item = (Role, &Located<Reference>)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.reference(role)?)))
    }

    /// Creates an error at the reference of `role`, or at the file if the task does not name one. `message` is a
    /// sentence without a full stop; `help` says how to fix it.
    pub fn diagnose(&self, role: Role, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        let location = match self.reference(role) {
            Some(reference) => Location::of(&self.source, reference.span),
            None => Location::file(self.file()),
        };
        Diagnostic::error(location, message).with_help(help)
    }

    /// Creates an error at the span of any [`Located`] value of this task, such as a capability that is not granted.
    pub fn diagnose_at(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Location::of(&self.source, span), message).with_help(help)
    }
}
