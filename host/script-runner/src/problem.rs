//! How a call failed, in the terms of the contract.

use crate::bindings::saggar::task::types::{Failure, Problem};

/// Whether a failed attempt is followed by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// After the task's own delay.
    Retry,
    /// After this many milliseconds.
    RetryAfter(u64),
    /// There is no other attempt.
    Reject,
}

/// What a call failed with.
#[derive(Debug)]
pub(crate) struct Thrown {
    pub(crate) decision: Decision,
    pub(crate) problem: Problem,
}

impl Thrown {
    /// Makes a failure that another attempt would repeat.
    pub(crate) fn reject(code: &str, message: impl Into<String>) -> Self {
        let problem = Problem { code: code.to_owned(), message: message.into(), details: None };
        Self { decision: Decision::Reject, problem }
    }

    /// Returns the failure of an attempt.
    pub(crate) fn into_failure(self) -> Failure {
        match self.decision {
            Decision::Retry => Failure::Retry(self.problem),
            Decision::RetryAfter(after_ms) => Failure::RetryAfter((self.problem, after_ms)),
            Decision::Reject => Failure::Reject(self.problem),
        }
    }

    /// Returns the problem of a handler, whose call is not repeated.
    pub(crate) fn into_problem(self) -> Problem {
        self.problem
    }
}
