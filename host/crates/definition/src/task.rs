//! A valid task. Owns what the rest of the host may rely on; how a file becomes one is `resolve`'s.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Reference, RetryPolicy, Role};

use crate::diagnostic::{Diagnostic, Location};
use crate::id::TaskId;
use crate::source::{Located, Source, Span};

/// A task whose file had no error. That its plugins exist and fit, and that it is granted what it asks for, is not
/// known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The id, which comes from the file's path.
    pub id: TaskId,
    /// The label for people; the id where the file has none.
    pub name: String,
    /// The code that does the work.
    pub process: Located<Reference>,
    /// The code that is told of events.
    pub handlers: Handlers,
    /// How many jobs of this task may run at once.
    pub worker_nums: u32,
    /// How many jobs may be ready or on hold; one more that can begin now is refused.
    pub size: u32,
    /// How many jobs may wait for their time, retries included; one more delayed job is refused.
    pub delayed_size: u32,
    /// How long one attempt may take, counted from its start.
    pub timeout: Duration,
    /// Whether and when a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// What the task asks of its sandbox.
    pub sandbox: SandboxRequest,
    /// How long an ended job can be looked up.
    pub retention: Retention,
    /// How many bytes its jobs may take, ended ones included.
    pub keep_bytes: u64,
    /// The file's path relative to the app's directory and its text, to which all spans refer.
    pub source: Arc<Source>,
}

/// The handlers of a task's events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handlers {
    /// Gives a new job its id.
    pub next: Option<Located<Reference>>,
    /// Is told that a job was added.
    pub add: Option<Located<Reference>>,
    /// Is told how far a job is.
    pub progress: Option<Located<Reference>>,
    /// Is told that a job ended well.
    pub success: Option<Located<Reference>>,
    /// Is told that a job ended otherwise.
    pub error: Option<Located<Reference>>,
}

/// What a task asks of its sandbox. What it gets is for the operator to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxRequest {
    /// Bytes of all memories and tables together.
    pub memory_bytes: u64,
    /// How many jobs one instance may serve; 1 gives every job a fresh one.
    pub reuse: u32,
    /// How long one call of an event's handler may take.
    pub event_timeout: Duration,
    /// Origins that it wants to reach over HTTP, such as `https://api.example.com`.
    pub http: Vec<Located<String>>,
    /// Names of environment variables that it wants to see.
    pub env: Vec<Located<String>>,
    /// Directories that it wants to use.
    pub dirs: Vec<Located<DirRequest>>,
}

/// A directory that a task wants to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirRequest {
    /// The directory, as the task file names it; never empty, and without `..`.
    pub path: String,
    /// Whether the task wants to change what is in it.
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
    /// The task file's path relative to the app's directory, with `/` on every system.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// The code that plays `role`, if the task names some.
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

    /// All code that the task names, in the order of a job's life.
    pub fn references(&self) -> impl Iterator<Item = (Role, &Located<Reference>)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.reference(role)?)))
    }

    /// An error at the reference that plays `role`, or at the file if none does. `message` is a sentence without a
    /// full stop; `help` says how to mend it.
    pub fn diagnose(&self, role: Role, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        let place = match self.reference(role) {
            Some(reference) => Location::of(&self.source, reference.span),
            None => Location::file(self.file()),
        };
        Diagnostic::error(place, message).with_help(help)
    }

    /// An error at the span of any [`Located`] value of this task, such as a capability that is not granted.
    pub fn diagnose_at(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Location::of(&self.source, span), message).with_help(help)
    }
}
