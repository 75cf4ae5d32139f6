//! A call to a plugin: its input, and the closed set of ways in which it ends.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Failure, FailureKind, JobId, Outcome, Problem, Role};

use crate::{Services, UsedImports};

/// Information for the guest about its call, available through the contract's `context`.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The job; 0 if there is no job yet.
    pub id: JobId,
    /// The task's id.
    pub task: Arc<str>,
    /// Number of the attempt, from 1; 0 before the first attempt.
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
        /// Amount of work done.
        current: u64,
        /// Total amount of work.
        total: u64,
        /// The guest's progress message.
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
    /// Returns the role that is called.
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

/// A call to a plugin.
pub struct Call {
    /// Information for the guest about the call.
    pub job: JobContext,
    /// The role and its arguments.
    pub input: Input,
    /// Maximum duration of the call, including instantiation. Waiting for capacity before the call has the same limit.
    pub timeout: Duration,
    /// The host's implementation of the guest's imports.
    pub services: Arc<dyn Services>,
}

/// The answer of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A processor's response: valid JSON text.
    Response(Arc<str>),
    /// The id from an id source; with `None`, the task's counter is used.
    Id(Option<JobId>),
    /// A handler returned.
    Done,
}

/// How a call ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The call failed. A panic of the host during the call is a [`FailureKind::Trap`],
    /// because the guest's input may have caused it.
    Failed(Failure),
    /// No sandbox was free in time. This is not the guest's fault, and the job was not attempted.
    NoCapacity(Problem),
}

impl CallError {
    /// Creates the error of a call that failed in this way.
    pub(crate) fn failed(kind: FailureKind, problem: Problem) -> Self {
        Self::Failed(Failure::new(kind, problem))
    }

    /// Returns the problem to report.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Failed(failure) => &failure.problem,
            Self::NoCapacity(problem) => problem,
        }
    }

    /// Returns the outcome of the attempt; `None` if no attempt was made.
    pub fn into_outcome(self) -> Option<Outcome> {
        match self {
            Self::Failed(failure) => Some(Outcome::Failure(failure)),
            Self::NoCapacity(_) => None,
        }
    }
}

/// The result of a call, and its resource usage.
#[derive(Debug, Clone)]
pub struct Report {
    /// The answer, or why the call failed.
    pub result: Result<Answer, CallError>,
    /// Processor time of the guest, and of the host on its behalf.
    pub cpu: Duration,
    /// Duration of the call, including instantiation, without waiting for capacity.
    pub took: Duration,
    /// Peak bytes of memories, tables and resources during the call.
    pub peak_memory: u64,
    /// Whether the call needed a new instance.
    pub fresh: bool,
    /// How much of `took` the instantiation was; zero if the instance existed.
    pub instantiation: Duration,
    /// The interfaces of the contract that the guest called.
    pub used_imports: UsedImports,
    /// A hash of the instance's memories after the call, if [it was asked for](crate::Sandbox::hash_memory).
    pub memory_hash: Option<u64>,
}

impl Report {
    /// Creates the report of a call that was not made.
    pub(crate) fn without_call(error: CallError) -> Self {
        Self {
            result: Err(error),
            cpu: Duration::ZERO,
            took: Duration::ZERO,
            peak_memory: 0,
            fresh: true,
            instantiation: Duration::ZERO,
            used_imports: UsedImports::default(),
            memory_hash: None,
        }
    }
}
