//! How an attempt failed, and so whether another one follows.

use std::any::Any;
use std::error::Error;
use std::time::Duration;

use crate::Problem;

/// The code of a failure that came from an ordinary error.
const FAILED: &str = "failed";

/// How an attempt failed, and so whether another one follows.
///
/// `?` on an ordinary error means [`Retry`](Self::Retry) with the code `failed` and the error's whole chain as the
/// message; on a [`Problem`] it keeps the problem as it is.
///
/// ```
/// # use saggar_guest::prelude::*;
/// fn width(text: &str) -> Result<u32, Failure> {
///     let width = text.parse()?;
///     if width > 4096 {
///         return Err(Failure::reject("too-wide", format!("{width} is more than 4096")));
///     }
///     Ok(width)
/// }
/// assert!(matches!(width("wide"), Err(Failure::Retry(problem)) if problem.code() == "failed"));
/// assert!(matches!(width("5000"), Err(Failure::Reject(problem)) if problem.code() == "too-wide"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Try again after the task's `attempt_after`, while attempts are left.
    Retry(Problem),
    /// Try again after this time (at most 30 days, in milliseconds), while attempts are left.
    RetryAfter(Problem, Duration),
    /// Never try again: the job ends as FAILURE now.
    Reject(Problem),
}

impl Failure {
    /// The attempt failed and another one may do better.
    pub fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Retry(Problem::new(code, message))
    }

    /// The attempt failed and another one may do better once `delay` has gone by.
    pub fn retry_after(delay: Duration, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::RetryAfter(Problem::new(code, message), delay)
    }

    /// No attempt will ever do better.
    pub fn reject(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Reject(Problem::new(code, message))
    }

    /// A retry for errors that `?` cannot take because they are no [`Error`] themselves: `anyhow::Error`,
    /// `Box<dyn Error>` and plain strings. Use it as `.map_err(Failure::from_boxed)?`.
    pub fn from_boxed(error: impl Into<Box<dyn Error>>) -> Self {
        Self::Retry(Problem::new(FAILED, chain(&*error.into())))
    }

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Retry(problem) | Self::RetryAfter(problem, _) | Self::Reject(problem) => problem,
        }
    }

    /// What went wrong, without what is to follow from it.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Retry(problem) | Self::RetryAfter(problem, _) | Self::Reject(problem) => problem,
        }
    }
}

/// `Failure` is no [`Error`] itself: only so can every error become one.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let problem = (&error as &dyn Any).downcast_ref::<Problem>().cloned();
        Self::Retry(problem.unwrap_or_else(|| Problem::new(FAILED, chain(&error))))
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.into_problem()
    }
}

/// Says what an error means for the job, where `?` alone would mean a retry.
///
/// ```
/// # use saggar_guest::prelude::*;
/// fn width(text: &str) -> Result<u32, Failure> {
///     text.parse().or_reject("bad-width")
/// }
/// assert!(matches!(width("wide"), Err(Failure::Reject(problem)) if problem.code() == "bad-width"));
/// ```
pub trait OrFail<T> {
    /// On an error: no attempt will ever do better.
    fn or_reject(self, code: &str) -> Result<T, Failure>;

    /// On an error: another attempt may do better.
    fn or_retry(self, code: &str) -> Result<T, Failure>;

    /// On an error: another attempt may do better once `delay` has gone by.
    fn or_retry_after(self, delay: Duration, code: &str) -> Result<T, Failure>;
}

impl<T, E: Error> OrFail<T> for Result<T, E> {
    fn or_reject(self, code: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::reject(code, chain(&error)))
    }

    fn or_retry(self, code: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry(code, chain(&error)))
    }

    fn or_retry_after(self, delay: Duration, code: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry_after(delay, code, chain(&error)))
    }
}

/// The error and everything that it came from, in one sentence.
fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        message.push_str(": ");
        message.push_str(&error.to_string());
        source = error.source();
    }
    message
}
