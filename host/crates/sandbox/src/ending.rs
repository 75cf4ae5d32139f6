//! Classifies how a call ended, validates the answer, and limits the size of reported problems.

mod trap;

use saggar_job::{Failure, FailureKind, Problem};

use crate::guest::Guest;
use crate::observation::Stop;
use crate::output::OutputTail;
use crate::text::{cut, escaped_lines};
use crate::{Answer, CallError};

/// Limits of a problem, by the contract.
const MAX_CODE: usize = 64;
const MAX_MESSAGE: usize = 4096;
const MAX_DETAILS: usize = 64 << 10;

/// A call that has ended.
pub(crate) struct FinishedCall<'a> {
    /// The store's data.
    pub(crate) guest: &'a Guest,
    /// The end of what the guest wrote.
    pub(crate) output_tail: &'a OutputTail,
    /// How many calls the instance had served before this one.
    pub(crate) served: u32,
}

/// Classifies how the call ended, from the state of the store after it.
pub(crate) fn classify(
    result: Result<wasmtime::Result<Result<Answer, Failure>>, Stop>,
    call: &FinishedCall<'_>,
) -> Result<Answer, CallError> {
    let stopped = call.guest.current.as_ref().and_then(|current| current.stopped);
    match result {
        Err(stop) => Err(stopped_by(stop, call)),
        Ok(Ok(answer)) => match answer {
            Ok(answer) => checked(answer),
            Err(failure) => {
                let problem = bounded_problem(failure.problem);
                Err(CallError::Failed(Failure { problem, ..failure }))
            }
        },
        // The flag is checked first, because a stop looks like any other trap.
        Ok(Err(error)) => Err(match stopped {
            Some(stop) => stopped_by(stop, call),
            None => trap::explain(&error, call),
        }),
    }
}

fn stopped_by(stop: Stop, call: &FinishedCall<'_>) -> CallError {
    match stop {
        Stop::Cancelled => CallError::Failed(Failure::cancelled()),
        Stop::Timeout => {
            let timeout = call.guest.current.as_ref().map(|current| current.timeout).unwrap_or_default();
            let message = format!(
                "stopped after {} s; do less in one call, or raise `timeout` (for a handler `sandbox.event_timeout`)",
                timeout.as_secs_f64()
            );
            let problem = Problem::new("timeout", message);
            CallError::failed(FailureKind::Timeout, trap::with_details(problem, Vec::new(), call))
        }
    }
}

fn checked(answer: Answer) -> Result<Answer, CallError> {
    let Answer::Response(response) = &answer else { return Ok(answer) };
    match saggar_json::check(response) {
        Ok(()) => Ok(answer),
        Err(error) => {
            let error = error.to_string();
            // Text that is too deep may still be valid JSON.
            let message = if error.starts_with("nested") {
                format!("the response is {error}; flatten it")
            } else {
                format!("the response is not JSON: {error}")
            };
            Err(CallError::failed(FailureKind::Trap, Problem::new("invalid-response", message)))
        }
    }
}

fn bounded_problem(problem: Problem) -> Problem {
    Problem {
        code: escaped_lines(cut(&problem.code, MAX_CODE)).into_owned(),
        message: escaped_lines(cut(&problem.message, MAX_MESSAGE)).into_owned(),
        details: problem.details.filter(|details| details.len() <= MAX_DETAILS && saggar_json::check(details).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_may_have_numbers_of_any_size_and_128_levels() {
        let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        for text in ["[18446744073709551617,1e400]", "{\"a\":-1e-400}", &deep] {
            assert_eq!(checked(Answer::Response(text.into())), Ok(Answer::Response(text.into())));
            let problem = Problem { details: Some(text.into()), ..Problem::new("a", "b") };
            assert_eq!(bounded_problem(problem).details.as_deref(), Some(text));
        }
        assert!(checked(Answer::Response(format!("[{deep}]").into())).is_err());
    }
}
