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

/// In which way something failed: an attempt, a call, and a job with its last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// The guest reported a failure; another attempt may succeed.
    Failed,
    /// The guest reported a failure that another attempt would not change.
    Rejected,
    /// The guest trapped, exited, or broke the contract.
    Trap,
    /// The timeout stopped it.
    Timeout,
    /// The guest trapped after memory was refused to it.
    OutOfMemory,
    /// The job was cancelled.
    Cancelled,
    /// The process died while it ran.
    Lost,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Failed, Self::Rejected, Self::Trap, Self::Timeout, Self::OutOfMemory, Self::Cancelled, Self::Lost];

    /// Returns the kind with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns its stable name in kebab case, the same on every surface and in every store.
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

/// A failure of an attempt or a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// What to report.
    pub problem: Problem,
    /// The delay before the next attempt that the guest asked for; `None` leaves it to the task's policy.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// Creates a failure that leaves the delay before the next attempt to the task's policy.
    pub fn new(kind: FailureKind, problem: Problem) -> Self {
        Self { kind, problem, retry_after_ms: None }
    }

    /// Creates the failure of a cancelled job.
    pub fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, Problem::new("cancelled", "the job was cancelled"))
    }

    /// Creates the failure of an attempt whose process died.
    pub fn lost() -> Self {
        Self::new(FailureKind::Lost, Problem::new("lost", "the host died while the attempt ran"))
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The processor answered this JSON text.
    Success(Arc<str>),
    /// It failed.
    Failure(Failure),
}

impl Outcome {
    /// Creates the outcome of an attempt that failed, with the delay that the task's policy has.
    pub fn failure(kind: FailureKind, problem: Problem) -> Self {
        Self::Failure(Failure::new(kind, problem))
    }

    /// Returns how the attempt ended.
    pub fn ending(&self) -> Ending {
        self.failed().map_or(Ending::Success, |failure| Ending::Failed(failure.kind))
    }

    /// Returns the failure; `None` for success.
    pub fn failed(&self) -> Option<&Failure> {
        match self {
            Self::Success(_) => None,
            Self::Failure(failure) => Some(failure),
        }
    }

    /// Returns what the attempt itself reported; `None` for success, and for kinds whose name says it all.
    pub fn problem(&self) -> Option<&Problem> {
        let failure = self.failed()?;
        let says_more = !matches!(failure.kind, FailureKind::Cancelled | FailureKind::Lost);
        says_more.then_some(&failure.problem)
    }

    /// Returns whether the attempt was lost with its process.
    pub fn is_lost(&self) -> bool {
        self.failed().is_some_and(|failure| failure.kind == FailureKind::Lost)
    }
}

/// How an attempt ended, without the response or the problem: what is stored of every attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    /// The processor answered.
    Success,
    /// The attempt failed.
    Failed(FailureKind),
    /// The job was returned to the queue ([`Step::Requeue`](crate::Step::Requeue)); the attempt does not count.
    Requeued,
}

impl Ending {
    /// All endings.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::Failed(FailureKind::Failed),
        Self::Failed(FailureKind::Rejected),
        Self::Failed(FailureKind::Trap),
        Self::Failed(FailureKind::Timeout),
        Self::Failed(FailureKind::OutOfMemory),
        Self::Failed(FailureKind::Cancelled),
        Self::Failed(FailureKind::Lost),
        Self::Requeued,
    ];

    /// Returns its stable name in kebab case, the same on every surface and in every store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed(kind) => kind.name(),
            Self::Requeued => "requeued",
        }
    }

    /// Returns the ending with this [`name`](Self::name), or with the name that stores of earlier versions have for it.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = match name {
            "put-back" => "requeued",
            "retry" | "retry-after" => "failed",
            "reject" => "rejected",
            name => name,
        };
        Self::ALL.into_iter().find(|ending| ending.name() == name)
    }

    /// Returns its index in [`ALL`](Self::ALL).
    pub fn index(self) -> usize {
        match self {
            Self::Success => 0,
            Self::Failed(kind) => 1 + kind as usize,
            Self::Requeued => 1 + FailureKind::ALL.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_index_and_its_name() {
        for (index, ending) in Ending::ALL.into_iter().enumerate() {
            assert_eq!((ending.index(), Ending::from_name(ending.name())), (index, Some(ending)));
        }
    }

    #[test]
    fn names_in_stores_of_earlier_versions_are_read() {
        let endings = ["put-back", "retry", "retry-after", "reject", "gone"].map(Ending::from_name);
        let failed = |kind| Some(Ending::Failed(kind));
        let expected = [Some(Ending::Requeued), failed(FailureKind::Failed), failed(FailureKind::Failed)];
        assert_eq!(endings[..3], expected);
        assert_eq!(endings[3..], [failed(FailureKind::Rejected), None]);
    }
}
