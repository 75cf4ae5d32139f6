//! The real host: the bindings of the contract in `wit/`, and the conversions between their types and this crate's.
//!
//! Only compiled for wasm; `testing` has the same functions for the native target.

pub mod bindings;
pub(crate) mod exports;
pub(crate) mod kv;

use self::bindings::saggar::task::{context, http, log, tasks, types};
use crate::http::{Request, Response};
use crate::log::Level;
use crate::tasks::{JobView, Status};
use crate::{Failure, Problem};

pub(crate) use self::bindings::saggar::task::context::{
    attempt, id, is_cancelled, max_attempts, remaining_ms, task, trace_parent,
};
pub(crate) use self::bindings::saggar::task::progress::report;

pub(crate) fn write(level: Level, message: &str) {
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::write(level, message);
}

pub(crate) fn add_with(task: &str, args: &str, options: &str) -> Result<u64, Problem> {
    tasks::add_with(task, args, options).map_err(Problem::from_host)
}

pub(crate) fn get(task: &str, id: u64) -> Result<JobView<String>, Problem> {
    let tasks::Job { id, status, current, total, message, response } =
        tasks::get(task, id).map_err(Problem::from_host)?;
    let status = match status {
        tasks::Status::Waiting => Status::Waiting,
        tasks::Status::Running => Status::Running,
        tasks::Status::Success => Status::Success,
        tasks::Status::Failure => Status::Failure,
    };
    Ok(JobView { id, status, current, total, message, response })
}

pub(crate) fn cancel(task: &str, id: u64) -> Result<(), Problem> {
    tasks::cancel(task, id).map_err(Problem::from_host)
}

pub(crate) fn send(request: Request) -> Result<Response, Problem> {
    let (method, url, headers, body, timeout_ms) = request.into_parts();
    let response = http::send(&http::Request { method, url, headers, body, timeout_ms });
    let response = response.map_err(Problem::from_host)?;
    Ok(Response::from_parts(response.status, response.headers, response.body))
}

impl Problem {
    fn from_host(problem: types::Problem) -> Self {
        Self::from_parts(problem.code, problem.message, problem.details)
    }

    fn into_host(self) -> types::Problem {
        let (code, message, details) = self.into_parts();
        types::Problem { code, message, details }
    }
}

impl Failure {
    fn into_host(self) -> types::Failure {
        match self {
            Self::Retry(problem) => types::Failure::Retry(problem.into_host()),
            Self::RetryAfter(problem, delay) => {
                types::Failure::RetryAfter((problem.into_host(), crate::tasks::millis(delay)))
            }
            Self::Reject(problem) => types::Failure::Reject(problem.into_host()),
        }
    }
}
