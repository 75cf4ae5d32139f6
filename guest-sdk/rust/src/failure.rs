//! How an attempt failed, which decides whether another one follows.

use std::any::Any;
use std::error::Error;
use std::time::Duration;

use crate::Problem;

/// The code of a failure that comes from an ordinary error.
const FAILED: &str = "failed";

/// How an attempt failed, which decides whether another one follows.
///
/// `?` converts an ordinary error into [`Retry`](Self::Retry) with the code `failed` and the error's whole chain as the
/// message; it passes a [`Problem`] on unchanged.
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
    /// Retry after the task's `attempt_after`, if attempts are left.
    Retry(Problem),
    /// Retry after this time (at most 30 days, in milliseconds), if attempts are left.
    RetryAfter(Problem, Duration),
    /// Do not retry: the job ends as FAILURE now.
    Reject(Problem),
}

impl Failure {
    /// Creates a failure that is retried: another attempt may succeed.
    pub fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Retry(Problem::new(code, message))
    }

    /// Creates a failure that is retried after `delay`: another attempt may succeed then.
    pub fn retry_after(delay: Duration, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::RetryAfter(Problem::new(code, message), delay)
    }

    /// Creates a failure that is not retried: no attempt can succeed.
    pub fn reject(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Reject(Problem::new(code, message))
    }

    /// Converts errors that `?` cannot convert, because they do not implement [`Error`], into a retry: `anyhow::Error`,
    /// `Box<dyn Error>` and plain strings. Use it as `.map_err(Failure::from_boxed)?`.
    pub fn from_boxed(error: impl Into<Box<dyn Error>>) -> Self {
        Self::Retry(Problem::new(FAILED, chain(&*error.into())))
    }

    /// Returns the problem.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Retry(problem) | Self::RetryAfter(problem, _) | Self::Reject(problem) => problem,
        }
    }

    /// Returns the problem, without the decision about retries.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Retry(problem) | Self::RetryAfter(problem, _) | Self::Reject(problem) => problem,
        }
    }
}

/// `Failure` does not implement [`Error`] because otherwise this conversion from every error would conflict with
/// `From<T> for T`.
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

/// Decides what an error means for the job; `?` alone means a retry.
///
/// ```
/// # use saggar_guest::prelude::*;
/// fn width(text: &str) -> Result<u32, Failure> {
///     text.parse().or_reject("bad-width")
/// }
/// assert!(matches!(width("wide"), Err(Failure::Reject(problem)) if problem.code() == "bad-width"));
/// ```
pub trait OrFail<T> {
    /// Rejects the job on an error: no attempt can succeed.
    fn or_reject(self, code: &str) -> Result<T, Failure>;

    /// Retries on an error: another attempt may succeed.
    fn or_retry(self, code: &str) -> Result<T, Failure>;

    /// Retries on an error after `delay`: another attempt may succeed then.
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

/// Formats the error and its chain of sources as one sentence.
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
