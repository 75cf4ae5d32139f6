//! A fake host to test a plugin's logic on the native target, like any other code.
//!
//! ```
//! #[saggar_guest::plugin]
//! mod thumbnail {
//!     use saggar_guest::prelude::*;
//!
//!     #[processor]
//!     fn thumbnail(job: &Job, url: String, width: u32) -> Result<String, Failure> {
//!         job.progress(1, 2, "fetched");
//!         tasks::add("mail.send", ("done", width))?;
//!         Ok(format!("{url}?width={width}"))
//!     }
//! }
//!
//! # fn main() {
//! use saggar_guest::testing::FakeHost;
//! use serde_json::json;
//!
//! let host = FakeHost::new().attempt(2);
//! let response = host.process::<thumbnail::Plugin>(("a.png", 64)).unwrap();
//! assert_eq!(response, json!("a.png?width=64"));
//! assert_eq!(host.progress()[0].message, "fetched");
//! assert_eq!(host.added()[0].args, json!(["done", 64]));
//!
//! let failure = host.process::<thumbnail::Plugin>(("a.png", "wide")).unwrap_err();
//! assert_eq!(failure.problem().code(), "invalid-args");
//! # }
//! ```
//!
//! The fake host does not truncate, coalesce or limit anything, does not run added jobs, and ignores `unique`. Calling a
//! plugin twice on one host repeats the call: adding a job at the same position returns the existing one, as with the real
//! host; another job id ([`FakeHost::id`]) makes it another call. Its key-value store grants everything, and nothing in it expires.

mod calls;
pub(crate) mod kv;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use self::calls::{Responder, State};
use crate::http::{Request, Response};
use crate::log::Level;
use crate::role::{AddHandler, ErrorHandler, HasRole, IdSource, Processor, ProgressHandler, SuccessHandler, pick};
use crate::tasks::{Args, JobView, Status};
use crate::{Failure, Job, Problem, Progress, call};

pub(crate) use self::calls::{
    add_with, attempt, cancel, get, id, is_cancelled, max_attempts, remaining_ms, report, send, task, trace_parent,
    write,
};

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its severity.
    pub level: Level,
    /// Its text.
    pub message: String,
}

/// A job that a plugin added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedJob {
    /// The id that the fake host assigned: 1, 2, 3, …
    pub id: u64,
    /// The task's id.
    pub task: String,
    /// The arguments, as a JSON array.
    pub args: Value,
    /// Its delay.
    pub delay: Duration,
    /// Its key: the plugin's own, or the key of its position in the call.
    pub key: Option<String>,
    /// Its priority.
    pub priority: i16,
    /// Its uniqueness, as in the contract: `{"by": "task"}`.
    pub unique: Option<Value>,
    /// The earliest time of its first attempt.
    pub run_at: Option<String>,
}

/// A fake host: provides the context that the test sets, and records the plugin's progress reports, log lines and jobs.
///
/// By default it runs attempt 1 of 1 of job 1 of the task `test`.
#[derive(Debug, Clone, Default)]
pub struct FakeHost(Rc<RefCell<State>>);

/// The context of calls.
impl FakeHost {
    /// Creates a host that runs a first attempt.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the job's id.
    #[must_use]
    pub fn id(self, id: u64) -> Self {
        self.with(|state| state.id = id)
    }

    /// Sets the task's id.
    #[must_use]
    pub fn task(self, task: &str) -> Self {
        self.with(|state| state.task = task.into())
    }

    /// Sets the number of the attempt, from 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        self.with(|state| state.attempt = attempt)
    }

    /// Sets the maximum number of attempts of the job.
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        self.with(|state| state.max_attempts = max_attempts)
    }

    /// Sets the function that the task's reference names: the part after `#`.
    #[must_use]
    pub fn handler(self, handler: &str) -> Self {
        self.with(|state| state.handler = Some(handler.into()))
    }

    /// Sets the time until the call would time out.
    #[must_use]
    pub fn remaining(self, remaining: Duration) -> Self {
        self.with(|state| state.remaining = Some(remaining))
    }

    /// Sets the trace context that the job was added with.
    #[must_use]
    pub fn trace_parent(self, trace_parent: &str) -> Self {
        self.with(|state| state.trace_parent = Some(trace_parent.into()))
    }

    /// Cancels the job after this many progress reports of the plugin; 0 cancels it from the start.
    #[must_use]
    pub fn cancelled_after(self, reports: usize) -> Self {
        self.with(|state| state.cancelled_after = Some(reports))
    }

    /// Limits the number of jobs that the plugin can add; further adds fail with `queue-full`.
    #[must_use]
    pub fn queue_size(self, size: usize) -> Self {
        self.with(|state| state.queue_size = Some(size))
    }

    /// Sets the job that `tasks::get` returns.
    #[must_use]
    pub fn job(self, task: &str, job: JobView<Value>) -> Self {
        let JobView { id, status, current, total, message, response } = job;
        let response = response.map(|response| response.to_string());
        let job = JobView { id, status, current, total, message, response };
        self.with(|state| state.put(task, job))
    }

    /// Writes a value to the key-value store.
    ///
    /// # Panics
    ///
    /// If the value cannot be serialized.
    #[must_use]
    pub fn kv_value(self, key: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_vec(&value).expect("the value serializes");
        self.with(|state| {
            state.kv.put(key, value, None);
        })
    }

    /// Sets how requests over HTTP are answered. Without it, they fail with `http-not-granted`.
    #[must_use]
    pub fn on_request(self, respond: impl Fn(&Request) -> Result<Response, Problem> + 'static) -> Self {
        self.with(|state| state.responder = Some(Responder(Rc::new(respond))))
    }

    fn with(self, change: impl FnOnce(&mut State)) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }
}

/// Calls as a real host makes them: through JSON, to the function that [`handler`](FakeHost::handler) names.
impl FakeHost {
    /// Runs one attempt: `host.process::<thumbnail::Plugin>(("a.png", 64))`. Also accepts a JSON array.
    ///
    /// # Panics
    ///
    /// If the arguments cannot be serialized.
    pub fn process<P: HasRole<Processor>>(&self, args: impl Args) -> Result<Value, Failure> {
        let args = args.to_json().expect("the arguments serialize");
        let process = pick::<P, _>(self.handler_name().as_deref()).map_err(Failure::Reject)?;
        let response = self.run(Some("process"), |job| process(job, &args))?;
        Ok(serde_json::from_str(&response).expect("the response was just serialized"))
    }

    /// Calls the id source and returns the id for a new job.
    pub fn next<P: HasRole<IdSource>>(&self) -> Result<Option<u64>, Problem> {
        let next = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(None, |_| next())
    }

    /// Calls the handler for an added job.
    pub fn on_add<P: HasRole<AddHandler>>(&self) -> Result<(), Problem> {
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(Some("add"), handler)
    }

    /// Calls the handler for progress.
    pub fn on_progress<P: HasRole<ProgressHandler>>(
        &self,
        current: u64,
        total: u64,
        message: &str,
    ) -> Result<(), Problem> {
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(None, |job| handler(job, Progress { current, total, message: message.into() }))
    }

    /// Calls the handler for a job that succeeded.
    ///
    /// # Panics
    ///
    /// If the response cannot be serialized.
    pub fn on_success<P: HasRole<SuccessHandler>>(&self, response: impl Serialize) -> Result<(), Problem> {
        let response = serde_json::to_string(&response).expect("the response serializes");
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(Some("success"), |job| handler(job, &response))
    }

    /// Calls the handler for a job that failed.
    pub fn on_error<P: HasRole<ErrorHandler>>(&self, problem: Problem) -> Result<(), Problem> {
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(Some("error"), |job| handler(job, problem))
    }

    /// Runs any code that needs a host, such as one function of a plugin: `host.call(|job| resize(job, image))`. Jobs
    /// that it adds get keys as in a processor.
    pub fn call<T>(&self, code: impl FnOnce(&Job) -> T) -> T {
        self.run(Some("process"), code)
    }

    fn run<T>(&self, role: Option<&'static str>, code: impl FnOnce(&Job) -> T) -> T {
        let _installed = calls::install(Rc::clone(&self.0));
        let id = self.0.borrow().id;
        call::run(role, || code(&Job::new(id)))
    }

    fn handler_name(&self) -> Option<String> {
        self.0.borrow().handler.clone()
    }
}

/// The recorded actions of the plugin.
impl FakeHost {
    /// Returns every progress report, in order.
    pub fn progress(&self) -> Vec<Progress> {
        self.0.borrow().progress.clone()
    }

    /// Returns every logged line, in order.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.0.borrow().log.clone()
    }

    /// Returns every added job, in order.
    pub fn added(&self) -> Vec<AddedJob> {
        self.0.borrow().added.clone()
    }

    /// Returns the value of a key of the key-value store; `None` if there is none, or if it is not JSON.
    pub fn kv(&self, key: &str) -> Option<Value> {
        self.0.borrow().kv.entry(key).and_then(|entry| serde_json::from_slice(&entry.value).ok())
    }

    /// Returns every request over HTTP, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.0.borrow().requests.clone()
    }

    /// Returns the status of a job that the plugin added or the test set.
    pub fn status(&self, task: &str, id: u64) -> Option<Status> {
        self.0.borrow().find(task, id).map(|job| job.status)
    }
}
