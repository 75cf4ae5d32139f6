//! The fake host's functions for the native target; `wasm` has the same functions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::kv::FakeKv;
use super::{AddedJob, LogLine};
use crate::http::{Request, Response};
use crate::log::Level;
use crate::tasks::{JobView, Status};
use crate::{Problem, Progress};

thread_local! {
    /// The host of the call that runs on this thread.
    static CURRENT: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

type Shared = Rc<RefCell<State>>;

/// Answers requests over HTTP.
#[derive(Clone)]
pub(super) struct Responder(pub(super) Rc<Respond>);

type Respond = dyn Fn(&Request) -> Result<Response, Problem>;

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder")
    }
}

/// The values that a fake host returns and records.
#[derive(Debug)]
pub(super) struct State {
    pub(super) id: u64,
    pub(super) task: String,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    pub(super) handler: Option<String>,
    pub(super) remaining: Option<Duration>,
    pub(super) trace_parent: Option<String>,
    pub(super) cancelled_after: Option<usize>,
    pub(super) queue_size: Option<usize>,
    pub(super) progress: Vec<Progress>,
    pub(super) log: Vec<LogLine>,
    pub(super) added: Vec<AddedJob>,
    pub(super) kv: FakeKv,
    pub(super) responder: Option<Responder>,
    pub(super) requests: Vec<Request>,
    jobs: BTreeMap<(String, u64), JobView<String>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            id: 1,
            task: "test".into(),
            attempt: 1,
            max_attempts: 1,
            handler: None,
            remaining: None,
            trace_parent: None,
            cancelled_after: None,
            queue_size: None,
            progress: Vec::new(),
            log: Vec::new(),
            added: Vec::new(),
            kv: FakeKv::default(),
            responder: None,
            requests: Vec::new(),
            jobs: BTreeMap::new(),
        }
    }
}

impl State {
    pub(super) fn put(&mut self, task: &str, job: JobView<String>) {
        self.jobs.insert((task.into(), job.id), job);
    }

    pub(super) fn find(&self, task: &str, id: u64) -> Option<&JobView<String>> {
        self.jobs.get(&(task.into(), id))
    }

    fn add(&mut self, task: &str, args: &str, options: &str) -> Result<u64, Problem> {
        let args: Value =
            serde_json::from_str(args).map_err(|error| Problem::new("invalid-args", error.to_string()))?;
        let options: Value = serde_json::from_str(options).expect("the options were just serialized");
        let text = |name: &str| options[name].as_str().map(str::to_owned);
        let key = text("key");
        let same_key = |added: &&AddedJob| key.is_some() && added.key == key && added.task == task;
        if let Some(before) = self.added.iter().find(same_key) {
            if before.args == args {
                return Ok(before.id);
            }
            let message = format!("job {} of `{task}` has this key and other arguments", before.id);
            return Err(Problem::new("key-reused", message));
        }
        if self.queue_size.is_some_and(|size| self.added.len() >= size) {
            return Err(Problem::new("queue-full", format!("the queue of `{task}` is full")));
        }
        let id = self.added.len() as u64 + 1;
        let delay = Duration::from_millis(options["delay_ms"].as_u64().unwrap_or(0));
        let priority = options["priority"].as_i64().and_then(|priority| i16::try_from(priority).ok()).unwrap_or(0);
        let unique = options.get("unique").cloned();
        self.added.push(AddedJob { id, task: task.into(), args, delay, key, priority, unique, run_at: text("run_at") });
        let message = String::new();
        self.put(task, JobView { id, status: Status::Waiting, current: 0, total: 0, message, response: None });
        Ok(id)
    }
}

/// A guard that restores the previous host when the call ends, even by a panic.
pub(super) struct Installed(Option<Shared>);

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

pub(super) fn install(state: Shared) -> Installed {
    Installed(CURRENT.replace(Some(state)))
}

pub(super) fn with<T>(function: impl FnOnce(&mut State) -> T) -> T {
    let state = CURRENT.with_borrow(Option::clone);
    let state = state.expect("no host: outside of wasm a plugin runs in `saggar_guest::testing::FakeHost`");
    function(&mut state.borrow_mut())
}

pub(crate) fn task() -> String {
    with(|state| state.task.clone())
}

pub(crate) fn attempt() -> u32 {
    with(|state| state.attempt)
}

pub(crate) fn max_attempts() -> u32 {
    with(|state| state.max_attempts)
}

pub(crate) fn remaining_ms() -> Option<u64> {
    with(|state| state.remaining.map(crate::tasks::millis))
}

pub(crate) fn is_cancelled() -> bool {
    with(|state| state.cancelled_after.is_some_and(|reports| state.progress.len() >= reports))
}

pub(crate) fn trace_parent() -> Option<String> {
    with(|state| state.trace_parent.clone())
}

pub(crate) fn report(current: u64, total: u64, message: &str) {
    with(|state| state.progress.push(Progress { current, total, message: message.into() }));
}

pub(crate) fn write(level: Level, message: &str) {
    with(|state| state.log.push(LogLine { level, message: message.into() }));
}

pub(crate) fn id() -> u64 {
    with(|state| state.id)
}

pub(crate) fn add_with(task: &str, args: &str, options: &str) -> Result<u64, Problem> {
    with(|state| state.add(task, args, options))
}

pub(crate) fn get(task: &str, id: u64) -> Result<JobView<String>, Problem> {
    with(|state| state.find(task, id).cloned()).ok_or_else(|| unknown_job(task, id))
}

pub(crate) fn cancel(task: &str, id: u64) -> Result<(), Problem> {
    with(|state| match state.jobs.get_mut(&(task.into(), id)) {
        None => Err(unknown_job(task, id)),
        Some(job) if matches!(job.status, Status::Success | Status::Failure) => {
            Err(Problem::new("ended", format!("job {id} of `{task}` has already ended")))
        }
        Some(job) => {
            job.status = Status::Failure;
            Ok(())
        }
    })
}

pub(crate) fn send(request: Request) -> Result<Response, Problem> {
    let responder = with(|state| {
        state.requests.push(request.clone());
        state.responder.clone()
    });
    match responder {
        // The host is not borrowed, because the test may look at it.
        Some(Responder(respond)) => respond(&request),
        None => Err(Problem::new("http-not-granted", "the test answers no requests: call `FakeHost::on_request`")),
    }
}

fn unknown_job(task: &str, id: u64) -> Problem {
    Problem::new("unknown-job", format!("unknown job {id} of `{task}`"))
}
