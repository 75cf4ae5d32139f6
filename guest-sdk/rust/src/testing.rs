//! A host that only pretends, so that a plugin's logic is tested like any other code, on the native target.
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
//! The host does not cut, coalesce or limit what the real one would; it does not run the jobs that are added, and tells no
//! jobs apart by `unique`. Calling a plugin twice on one host is repeating the call: a job that is added at the same place
//! is the one that is there, as with the real host; another job id ([`FakeHost::id`]) is another call.

mod calls;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use self::calls::State;
use crate::log::Level;
use crate::role::{AddHandler, ErrorHandler, HasRole, IdSource, Processor, ProgressHandler, SuccessHandler, pick};
use crate::tasks::{Args, JobView, Status};
use crate::{Failure, Job, Problem, Progress, call};

pub(crate) use self::calls::{
    add_with, attempt, cancel, get, id, is_cancelled, max_attempts, remaining_ms, report, task, trace_parent, write,
};

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

/// A job that a plugin added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedJob {
    /// The id that the host gave it: 1, 2, 3, …
    pub id: u64,
    /// The task's id.
    pub task: String,
    /// The arguments, as a JSON array.
    pub args: Value,
    /// How long it is not to be started.
    pub delay: Duration,
    /// Its key: the plugin's own, or the one of its place in the call.
    pub key: Option<String>,
    /// Its priority.
    pub priority: i16,
    /// By what it is unique, as in the contract: `{"by": "task"}`.
    pub unique: Option<Value>,
    /// The time before which it is not to be started.
    pub run_at: Option<String>,
}

/// A host that tells a plugin what the test says, and remembers what the plugin did.
///
/// Without further words it is attempt 1 of 1 of job 1 of the task `test`.
#[derive(Debug, Clone, Default)]
pub struct FakeHost(Rc<RefCell<State>>);

/// What the plugin is to be told.
impl FakeHost {
    /// A host with a first attempt.
    pub fn new() -> Self {
        Self::default()
    }

    /// The job's id.
    #[must_use]
    pub fn id(self, id: u64) -> Self {
        self.with(|state| state.id = id)
    }

    /// The task's id.
    #[must_use]
    pub fn task(self, task: &str) -> Self {
        self.with(|state| state.task = task.into())
    }

    /// The number of the attempt, from 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        self.with(|state| state.attempt = attempt)
    }

    /// How many attempts the job may have in all.
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        self.with(|state| state.max_attempts = max_attempts)
    }

    /// The function that the task's reference asks for: the part after `#`.
    #[must_use]
    pub fn handler(self, handler: &str) -> Self {
        self.with(|state| state.handler = Some(handler.into()))
    }

    /// The time until the call would be stopped.
    #[must_use]
    pub fn remaining(self, remaining: Duration) -> Self {
        self.with(|state| state.remaining = Some(remaining))
    }

    /// The trace context that the job was added with.
    #[must_use]
    pub fn trace_parent(self, trace_parent: &str) -> Self {
        self.with(|state| state.trace_parent = Some(trace_parent.into()))
    }

    /// The job is cancelled once the plugin has reported progress this often; 0 is from the start.
    #[must_use]
    pub fn cancelled_after(self, reports: usize) -> Self {
        self.with(|state| state.cancelled_after = Some(reports))
    }

    /// The queues are full once the plugin has added this many jobs; further ones are refused with `queue-full`.
    #[must_use]
    pub fn queue_size(self, size: usize) -> Self {
        self.with(|state| state.queue_size = Some(size))
    }

    /// What `tasks::get` answers for a job.
    #[must_use]
    pub fn job(self, task: &str, job: JobView<Value>) -> Self {
        let JobView { id, status, current, total, message, response } = job;
        let response = response.map(|response| response.to_string());
        let job = JobView { id, status, current, total, message, response };
        self.with(|state| state.put(task, job))
    }

    fn with(self, change: impl FnOnce(&mut State)) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }
}

/// Calls, as the host makes them: by way of JSON, to the function that [`handler`](FakeHost::handler) names.
impl FakeHost {
    /// Runs one attempt: `host.process::<thumbnail::Plugin>(("a.png", 64))`. A JSON array will do as well.
    ///
    /// # Panics
    ///
    /// If the arguments cannot be written as JSON.
    pub fn process<P: HasRole<Processor>>(&self, args: impl Args) -> Result<Value, Failure> {
        let args = args.to_json().expect("arguments that can be written as JSON");
        let process = pick::<P, _>(self.handler_name().as_deref()).map_err(Failure::Reject)?;
        let response = self.run(Some("process"), |job| process(job, &args))?;
        Ok(serde_json::from_str(&response).expect("a response that was just written as JSON"))
    }

    /// Asks for a new job's id.
    pub fn next<P: HasRole<IdSource>>(&self) -> Result<Option<u64>, Problem> {
        let next = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(None, |_| next())
    }

    /// Tells that the job was added.
    pub fn on_add<P: HasRole<AddHandler>>(&self) -> Result<(), Problem> {
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(Some("add"), handler)
    }

    /// Tells how far the job is.
    pub fn on_progress<P: HasRole<ProgressHandler>>(
        &self,
        current: u64,
        total: u64,
        message: &str,
    ) -> Result<(), Problem> {
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(None, |job| handler(job, Progress { current, total, message: message.into() }))
    }

    /// Tells that the job ended well.
    ///
    /// # Panics
    ///
    /// If the response cannot be written as JSON.
    pub fn on_success<P: HasRole<SuccessHandler>>(&self, response: impl Serialize) -> Result<(), Problem> {
        let response = serde_json::to_string(&response).expect("a response that can be written as JSON");
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(Some("success"), |job| handler(job, &response))
    }

    /// Tells that the job ended otherwise.
    pub fn on_error<P: HasRole<ErrorHandler>>(&self, problem: Problem) -> Result<(), Problem> {
        let handler = pick::<P, _>(self.handler_name().as_deref())?;
        self.run(Some("error"), |job| handler(job, problem))
    }

    /// Runs any code that needs a host, such as one function of a plugin: `host.call(|job| resize(job, image))`. Jobs that
    /// it adds get keys as in a processor.
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

/// What the plugin did.
impl FakeHost {
    /// Every report of progress, in order.
    pub fn progress(&self) -> Vec<Progress> {
        self.0.borrow().progress.clone()
    }

    /// Every line that was logged, in order.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.0.borrow().log.clone()
    }

    /// Every job that was added, in order.
    pub fn added(&self) -> Vec<AddedJob> {
        self.0.borrow().added.clone()
    }

    /// Where a job stands that was added, or that the test told of.
    pub fn status(&self, task: &str, id: u64) -> Option<Status> {
        self.0.borrow().find(task, id).map(|job| job.status)
    }
}
