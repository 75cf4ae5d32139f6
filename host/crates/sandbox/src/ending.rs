//! What an error that comes out of wasmtime means, and what of a guest's answer is kept.

use saggar_job::Problem;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::guest::{Guest, Stop};
use crate::text::{cut, visible_lines};
use crate::{Answer, CallError, Failure};

/// Bytes of a problem that are kept, by the contract.
const MAX_CODE: usize = 64;
const MAX_MESSAGE: usize = 4096;
const MAX_DETAILS: usize = 64 << 10;

/// What the call ended in, seen from the store after it.
pub(crate) fn classify(
    result: Result<wasmtime::Result<Result<Answer, Failure>>, Stop>,
    guest: &Guest,
) -> Result<Answer, CallError> {
    let stopped = guest.current.as_ref().and_then(|current| current.stopped);
    match result {
        Err(stop) => Err(stopped_by(stop, guest)),
        Ok(Ok(answer)) => match answer {
            Ok(answer) => checked(answer),
            Err(failure) => Err(CallError::Failed(bounded(failure))),
        },
        // The flag comes first: a stop looks like any other trap.
        Ok(Err(error)) => Err(match stopped {
            Some(stop) => stopped_by(stop, guest),
            None => broken(&error, guest),
        }),
    }
}

fn stopped_by(stop: Stop, guest: &Guest) -> CallError {
    match stop {
        Stop::Cancelled => CallError::Cancelled,
        Stop::Timeout => {
            let timeout = guest.current.as_ref().map(|current| current.timeout).unwrap_or_default();
            CallError::Timeout(Problem::new("timeout", format!("stopped after {} s", timeout.as_secs_f64())))
        }
    }
}

fn checked(answer: Answer) -> Result<Answer, CallError> {
    let Answer::Response(response) = &answer else { return Ok(answer) };
    match saggar_json::check(response) {
        Ok(()) => Ok(answer),
        Err(error) => {
            let message = format!("the processor answered something that is not JSON: {error}");
            Err(CallError::Trap(Problem::new("invalid-response", message)))
        }
    }
}

fn broken(error: &wasmtime::Error, guest: &Guest) -> CallError {
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::NoRoom(Problem::new("no-room", format!("the pool of sandboxes is full: {error}")));
    }
    if guest.limiter.has_refused() {
        let (held, most) = (guest.limiter.bytes(), guest.limiter.max_bytes());
        let message = format!(
            "the guest was refused more memory and gave up: it holds {held} of {most} bytes; `sandbox.memory` allows more"
        );
        return CallError::OutOfMemory(with_backtrace(Problem::new("out-of-memory", message), error));
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        let message = format!("the guest called exit({status}) instead of returning");
        return CallError::Trap(Problem::new("exit", message));
    }
    let message = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let message = visible_lines(cut(&message, MAX_MESSAGE)).into_owned();
    CallError::Trap(with_backtrace(Problem::new("trap", message), error))
}

/// Adds the names of the guest's functions on the stack, innermost first. They are the guest's own words.
fn with_backtrace(mut problem: Problem, error: &wasmtime::Error) -> Problem {
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        let names: Vec<String> = backtrace
            .frames()
            .iter()
            .map(|frame| match frame.func_name() {
                Some(name) => visible_lines(cut(name, 200)).into_owned(),
                None => format!("function {}", frame.func_index()),
            })
            .collect();
        if !names.is_empty() {
            problem.details = Some(serde_json::json!({ "backtrace": names }).to_string());
        }
    }
    problem
}

fn bounded(failure: Failure) -> Failure {
    match failure {
        Failure::Retry(problem) => Failure::Retry(bounded_problem(problem)),
        Failure::RetryAfter(problem, ms) => Failure::RetryAfter(bounded_problem(problem), ms),
        Failure::Reject(problem) => Failure::Reject(bounded_problem(problem)),
    }
}

fn bounded_problem(problem: Problem) -> Problem {
    Problem {
        code: visible_lines(cut(&problem.code, MAX_CODE)).into_owned(),
        message: visible_lines(cut(&problem.message, MAX_MESSAGE)).into_owned(),
        details: problem.details.filter(|details| details.len() <= MAX_DETAILS && saggar_json::check(details).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_have_numbers_of_any_size_and_128_levels() {
        let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        for text in ["[18446744073709551617,1e400]", "{\"a\":-1e-400}", &deep] {
            assert_eq!(checked(Answer::Response(text.into())), Ok(Answer::Response(text.into())));
            let problem = Problem { details: Some(text.into()), ..Problem::new("a", "b") };
            assert_eq!(bounded_problem(problem).details.as_deref(), Some(text));
        }
        assert!(checked(Answer::Response(format!("[{deep}]").into())).is_err());
    }
}
