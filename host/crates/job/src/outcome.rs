//! How an attempt can end: a closed set. What follows from it is [`transition`](crate::transition)'s to say.

/// Why something did not work, for programs (`code`) and for people (`message`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A short, stable name in kebab case.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Anything else worth keeping, as JSON text.
    pub details: Option<String>,
}

impl Problem {
    /// A problem without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: None }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The processor answered this JSON text.
    Success(Box<str>),
    /// The processor failed and may be tried again.
    Retry(Problem),
    /// The processor failed and may be tried again after this many milliseconds.
    RetryAfter(Problem, u64),
    /// The processor failed for good.
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

/// Why a job is FAILURE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The processor failed on every attempt.
    Failed,
    /// The processor said that there is no use in trying again.
    Rejected,
    /// The last attempt trapped, exited or broke the contract.
    Trap,
    /// The last attempt was stopped at its timeout.
    Timeout,
    /// The last attempt ran out of memory.
    OutOfMemory,
    /// Somebody cancelled the job.
    Cancelled,
    /// The process died during the last attempt.
    Lost,
}

impl Reason {
    /// Its stable name in kebab case, the same on every surface.
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
    /// Its stable name in kebab case, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Success(_) => "success",
            Self::Retry(_) => "retry",
            Self::RetryAfter(..) => "retry-after",
            Self::Reject(_) => "reject",
            Self::Trap(_) => "trap",
            Self::Timeout(_) => "timeout",
            Self::OutOfMemory(_) => "out-of-memory",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// The response, or why there is none: the reason and problem that end the job unless it is tried again.
    pub(crate) fn split(self) -> Result<Box<str>, Failed> {
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
            Self::Lost => failed(Reason::Lost, lost(), RetryWish::ByPolicy),
        }
    }
}

/// A failed attempt, taken apart.
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    pub(crate) problem: Problem,
    pub(crate) retry: RetryWish,
}

/// When a failed attempt would like to be tried again, attempts permitting.
pub(crate) enum RetryWish {
    ByPolicy,
    AfterMs(u64),
    Never,
}

/// The problem of a job that was cancelled.
pub(crate) fn cancelled() -> Problem {
    Problem::new("cancelled", "the job was cancelled")
}

fn lost() -> Problem {
    Problem::new("lost", "the host died while the attempt ran")
}
