//! The closed set of ways in which an attempt ends. [`transition`](crate::transition) decides what follows.

use std::sync::Arc;

/// Why something failed, for programs (`code`) and for people (`message`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A short, stable name in kebab case.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// More information, as JSON text.
    pub details: Option<String>,
}

impl Problem {
    /// Creates a problem without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: None }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The processor returned this JSON text.
    Success(Arc<str>),
    /// The processor failed and may be retried.
    Retry(Problem),
    /// The processor failed and may be retried after this many milliseconds.
    RetryAfter(Problem, u64),
    /// The processor failed permanently and is not retried.
    Reject(Problem),
    /// The guest trapped, exited, or broke the contract.
    Trap(Problem),
    /// The attempt was stopped at its timeout.
    Timeout(Problem),
    /// The guest trapped after memory was refused to it.
    OutOfMemory(Problem),
    /// The attempt was stopped because the job was cancelled.
    Cancelled,
    /// The process died while the attempt ran.
    Lost,
}

/// How an attempt ended, as stored for every attempt: the kind of its outcome, or that it was requeued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    /// [`Outcome::Success`].
    Success,
    /// [`Outcome::Retry`].
    Retry,
    /// [`Outcome::RetryAfter`].
    RetryAfter,
    /// [`Outcome::Reject`].
    Reject,
    /// [`Outcome::Trap`].
    Trap,
    /// [`Outcome::Timeout`].
    Timeout,
    /// [`Outcome::OutOfMemory`].
    OutOfMemory,
    /// [`Outcome::Cancelled`].
    Cancelled,
    /// [`Outcome::Lost`].
    Lost,
    /// The job was returned to the queue ([`Step::Requeue`](crate::Step::Requeue)); the attempt does not count.
    Requeued,
}

impl Ending {
    /// All endings.
    pub const ALL: [Self; 10] = [
        Self::Success,
        Self::Retry,
        Self::RetryAfter,
        Self::Reject,
        Self::Trap,
        Self::Timeout,
        Self::OutOfMemory,
        Self::Cancelled,
        Self::Lost,
        Self::Requeued,
    ];

    /// Returns the stable name in kebab case, the same on every surface and in every store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Retry => "retry",
            Self::RetryAfter => "retry-after",
            Self::Reject => "reject",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "out-of-memory",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Requeued => "requeued",
        }
    }

    /// Parses a [`name`](Self::name), or a name that stores of earlier versions contain.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "put-back" {
            return Some(Self::Requeued);
        }
        Self::ALL.into_iter().find(|ending| ending.name() == name)
    }
}

/// Why a job ended in FAILURE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The processor failed on every attempt.
    Failed,
    /// The processor reported a failure that must not be retried.
    Rejected,
    /// The last attempt trapped, exited or broke the contract.
    Trap,
    /// The last attempt was stopped at its timeout.
    Timeout,
    /// The last attempt ran out of memory.
    OutOfMemory,
    /// The job was cancelled.
    Cancelled,
    /// The process died during the last attempt.
    Lost,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 7] =
        [Self::Failed, Self::Rejected, Self::Trap, Self::Timeout, Self::OutOfMemory, Self::Cancelled, Self::Lost];

    /// Parses a [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Returns the stable name in kebab case, the same on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "out-of-memory",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

impl Outcome {
    /// Returns the stable name in kebab case, for logs and metrics.
    pub fn name(&self) -> &'static str {
        self.ending().name()
    }

    /// Returns the kind of the outcome, without its data.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Success(_) => Ending::Success,
            Self::Retry(_) => Ending::Retry,
            Self::RetryAfter(..) => Ending::RetryAfter,
            Self::Reject(_) => Ending::Reject,
            Self::Trap(_) => Ending::Trap,
            Self::Timeout(_) => Ending::Timeout,
            Self::OutOfMemory(_) => Ending::OutOfMemory,
            Self::Cancelled => Ending::Cancelled,
            Self::Lost => Ending::Lost,
        }
    }

    /// Returns the problem of a failed attempt; `None` for success, and for cancelled and lost attempts, whose outcome
    /// is the whole explanation.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Retry(problem)
            | Self::RetryAfter(problem, _)
            | Self::Reject(problem)
            | Self::Trap(problem)
            | Self::Timeout(problem)
            | Self::OutOfMemory(problem) => Some(problem),
            Self::Success(_) | Self::Cancelled | Self::Lost => None,
        }
    }

    /// Returns the reason of a job that ends with this outcome; `None` for success.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Success(_) => None,
            Self::Retry(_) | Self::RetryAfter(..) => Some(Reason::Failed),
            Self::Reject(_) => Some(Reason::Rejected),
            Self::Trap(_) => Some(Reason::Trap),
            Self::Timeout(_) => Some(Reason::Timeout),
            Self::OutOfMemory(_) => Some(Reason::OutOfMemory),
            Self::Cancelled => Some(Reason::Cancelled),
            Self::Lost => Some(Reason::Lost),
        }
    }

    /// Returns the response, or the failure: the reason and problem that end the job unless it is retried.
    pub(crate) fn split(self) -> Result<Arc<str>, Failed> {
        let failed = |reason, problem, retry| Err(Failed { reason, problem, retry });
        match self {
            Self::Success(response) => Ok(response),
            Self::Retry(problem) => failed(Reason::Failed, problem, RetryWish::ByPolicy),
            Self::RetryAfter(problem, ms) => failed(Reason::Failed, problem, RetryWish::AfterMs(ms)),
            Self::Reject(problem) => failed(Reason::Rejected, problem, RetryWish::Never),
            Self::Trap(problem) => failed(Reason::Trap, problem, RetryWish::ByPolicy),
            Self::Timeout(problem) => failed(Reason::Timeout, problem, RetryWish::ByPolicy),
            Self::OutOfMemory(problem) => failed(Reason::OutOfMemory, problem, RetryWish::ByPolicy),
            Self::Cancelled => failed(Reason::Cancelled, cancelled(), RetryWish::Never),
            Self::Lost => failed(Reason::Lost, lost(), RetryWish::AtOnce),
        }
    }
}

/// The parts of a failed outcome.
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    pub(crate) problem: Problem,
    pub(crate) retry: RetryWish,
}

/// When a failed attempt is to be retried, if it has attempts left.
pub(crate) enum RetryWish {
    ByPolicy,
    AfterMs(u64),
    /// The attempt was lost, which is not the job's fault, so the job need not wait.
    AtOnce,
    Never,
}

/// Returns the problem of a cancelled job.
pub(crate) fn cancelled() -> Problem {
    Problem::new("cancelled", "the job was cancelled")
}

fn lost() -> Problem {
    Problem::new("lost", "the host died while the attempt ran")
}
