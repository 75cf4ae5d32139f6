//! One call to a plugin: what goes in, and the closed set of ways in which it ends.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{JobId, Outcome, Problem, Role};

use crate::Services;

/// What the contract's `context` tells a guest about its call.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The job; 0 where there is none yet.
    pub id: JobId,
    /// The task's id.
    pub task: Arc<str>,
    /// The number of the attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// How many attempts the job may have.
    pub max_attempts: u32,
    /// The part of the reference after `#`.
    pub handler: Option<Arc<str>>,
    /// The W3C trace context of the call.
    pub trace_parent: Option<Arc<str>>,
}

/// Which role is called, with its arguments.
#[derive(Debug, Clone)]
pub enum Input {
    /// `processor.process`
    Process {
        /// A JSON array.
        args: Arc<str>,
    },
    /// `id-source.next`
    Next,
    /// `add-handler.on-add`
    OnAdd,
    /// `progress-handler.on-progress`
    OnProgress {
        /// How much is done.
        current: u64,
        /// Of how much.
        total: u64,
        /// What the guest said.
        message: Arc<str>,
    },
    /// `success-handler.on-success`
    OnSuccess {
        /// The job's response, as JSON text.
        response: Arc<str>,
    },
    /// `error-handler.on-error`
    OnError {
        /// Why the job failed.
        problem: Problem,
    },
}

impl Input {
    /// The role that is called.
    pub fn role(&self) -> Role {
        match self {
            Self::Process { .. } => Role::Processor,
            Self::Next => Role::IdSource,
            Self::OnAdd => Role::AddHandler,
            Self::OnProgress { .. } => Role::ProgressHandler,
            Self::OnSuccess { .. } => Role::SuccessHandler,
            Self::OnError { .. } => Role::ErrorHandler,
        }
    }
}

/// A call to make.
pub struct Call {
    /// What the guest can learn about the call.
    pub job: JobContext,
    /// The role and its arguments.
    pub input: Input,
    /// How long the call may take, from now, with making the instance if there is none.
    pub timeout: Duration,
    /// What the guest may ask of the host.
    pub services: Arc<dyn Services>,
}

/// What a guest answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A processor's response: valid JSON text.
    Response(Arc<str>),
    /// An id source's id; none to use the task's counter.
    Id(Option<JobId>),
    /// A handler returned.
    Done,
}

/// How a guest said that it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Try again by the task's rule.
    Retry(Problem),
    /// Try again after this many milliseconds.
    RetryAfter(Problem, u64),
    /// Never try again. Handlers and id sources fail like this.
    Reject(Problem),
}

/// How a call ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The guest said so.
    Failed(Failure),
    /// The guest trapped, exited, or broke the contract.
    Trap(Problem),
    /// The call was stopped at its timeout.
    Timeout(Problem),
    /// The guest trapped after memory had been refused to it.
    OutOfMemory(Problem),
    /// The call was stopped because the job was cancelled.
    Cancelled,
    /// The host panicked. Not the guest's fault, but what it made the host do may be.
    Panicked(Problem),
    /// There was no room for one more sandbox. Not the guest's fault: the job has not been tried.
    NoCapacity(Problem),
}

impl CallError {
    /// What went wrong, in a form to show.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Failed(Failure::Retry(p) | Failure::RetryAfter(p, _) | Failure::Reject(p))
            | Self::Trap(p)
            | Self::Timeout(p)
            | Self::OutOfMemory(p)
            | Self::Panicked(p)
            | Self::NoCapacity(p) => p.clone(),
            Self::Cancelled => Problem::new("cancelled", "the job was cancelled"),
        }
    }

    /// The outcome of the attempt that this call was; none where there was no attempt.
    pub fn into_outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Failed(Failure::Retry(problem)) => Outcome::Retry(problem),
            Self::Failed(Failure::RetryAfter(problem, ms)) => Outcome::RetryAfter(problem, ms),
            Self::Failed(Failure::Reject(problem)) => Outcome::Reject(problem),
            Self::Trap(problem) | Self::Panicked(problem) => Outcome::Trap(problem),
            Self::Timeout(problem) => Outcome::Timeout(problem),
            Self::OutOfMemory(problem) => Outcome::OutOfMemory(problem),
            Self::Cancelled => Outcome::Cancelled,
            Self::NoCapacity(_) => return None,
        })
    }
}

/// What became of a call, and what it cost.
#[derive(Debug, Clone)]
pub struct Report {
    /// The answer, or why there is none.
    pub result: Result<Answer, CallError>,
    /// Time that the guest, and the host on its behalf, spent on a processor.
    pub cpu: Duration,
    /// How long the call took, with making the instance, but without waiting for room for it.
    pub took: Duration,
    /// The most bytes of memories, tables and resources that the instance had during the call.
    pub peak_memory: u64,
    /// Whether an instance had to be made for it.
    pub fresh: bool,
}

impl Report {
    /// Of a call that was not made.
    pub(crate) fn nothing(error: CallError) -> Self {
        Self { result: Err(error), cpu: Duration::ZERO, took: Duration::ZERO, peak_memory: 0, fresh: true }
    }
}
