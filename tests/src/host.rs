//! A host in this process for tests: arguments as values, errors as codes, and every wait has a time limit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use saggar::api::{Bound, Limits, Listener, Service};
use saggar::grant::Grants;
use saggar::{Allocator, Compiler, Diagnostic, Host, HostBuilder, JobKey, JobView, PoolUsage, Status, StoreChoice};
use serde_json::{Value, json};

use crate::app::App;
use crate::guests;
use crate::program;
use crate::timeout::{TIMEOUT, within, within_compile_time};

/// A host on a temporary app. The test that starts it must shut it down.
pub struct TestHost {
    host: Host,
    app: App,
}

/// Starts a service in this process, for behaviour that cannot be tested with the real binary.
pub async fn listen(service: Service, limits: Limits) -> Listener {
    let bound = Bound::new("127.0.0.1:0".parse().expect("an address"), &service.tokens());
    bound.expect("a free port").listen(service, limits).expect("a runtime")
}

/// The settings of a host.
#[derive(Debug, Clone)]
pub struct Start {
    /// The allocator of instances.
    pub allocator: Allocator,
    /// The directory of compiled code.
    pub cache_dir: Option<PathBuf>,
    /// The directory of the key that authenticates the cache.
    pub state_dir: Option<PathBuf>,
    /// Where plugins are compiled: in this process, because the guests of the tests are trusted.
    pub compiler: Compiler,
    /// Where jobs are stored.
    pub store: StoreChoice,
    /// What the tasks of the app are granted.
    pub grants: Grants,
    /// The environment variables of the host, with their values.
    pub variables: Vec<(&'static str, &'static str)>,
    /// Whether records have a hash of the memories.
    pub hashes_memories: bool,
}

impl Default for Start {
    /// Uses the pooling allocator, and one cache of compiled guests for all tests of all runs, because compiling
    /// dominates the time.
    fn default() -> Self {
        let (cache_dir, state_dir) = (Some(cache_dir()), Some(state_dir()));
        let (allocator, compiler, store) = (Allocator::Pooling, Compiler::InProcess, StoreChoice::Memory);
        let (grants, variables) = (Grants::of_single_app(), Vec::new());
        let hashes_memories = false;
        Self { allocator, cache_dir, state_dir, compiler, store, grants, variables, hashes_memories }
    }
}

impl Start {
    /// Compiles plugins as the real binary does, without a cache: for hostile plugins.
    pub fn confined() -> Self {
        let compiler = Compiler::Process(program::path().to_owned());
        Self { cache_dir: None, compiler, ..Self::default() }
    }
}

/// Returns the directory of the tests' compiled guests.
fn cache_dir() -> PathBuf {
    Path::new(guests::TARGET_DIR).join("compiled")
}

/// Returns the directory of the key of the compiled guests.
fn state_dir() -> PathBuf {
    Path::new(guests::TARGET_DIR).join("state")
}

/// Returns a host builder that shares the compiled guests with the other tests.
pub fn builder(app: &App) -> HostBuilder {
    Host::builder(app.path()).cache_dir(Some(cache_dir())).state_dir(Some(state_dir()))
}

impl TestHost {
    /// Starts a host on an app without errors.
    pub async fn start(app: App) -> Self {
        Self::start_as(app, Start::default()).await
    }

    /// Starts a host with these settings.
    pub async fn start_as(app: App, start: Start) -> Self {
        let refused = |why| panic!("the app does not load:\n{why}");
        Self::try_start(app, start).await.unwrap_or_else(refused)
    }

    /// Starts a host whose jobs are stored in a SQLite file of the app.
    pub async fn start_durable(app: App) -> Self {
        let store = "sqlite".parse().expect("a store");
        Self::start_as(app, Start { store, ..Start::default() }).await
    }

    /// Stops the host at once and restarts it on the same app.
    pub async fn restart_durable(self) -> Self {
        self.shutdown_within(Duration::ZERO).await;
        let Self { host, app } = self;
        drop(host);
        Self::start_durable(app).await
    }

    /// Stops the host at once and returns its app.
    pub async fn into_app(self) -> App {
        self.shutdown_within(Duration::ZERO).await;
        self.app
    }

    /// Starts a host on an app without errors, with a builder that `with` changes.
    pub async fn start_with(app: App, with: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        let refused = |why| panic!("the app does not load:\n{why}");
        Self::try_start_with(app, Start::default(), with).await.unwrap_or_else(refused)
    }

    /// Starts a host, or returns all problems of the app as text.
    pub async fn try_start(app: App, start: Start) -> Result<Self, String> {
        Self::try_start_with(app, start, |builder| builder).await
    }

    async fn try_start_with(
        app: App,
        start: Start,
        with: impl FnOnce(HostBuilder) -> HostBuilder,
    ) -> Result<Self, String> {
        let allocator = start.allocator;
        let builder = Host::builder(app.path())
            .allocator(allocator)
            .cache_dir(start.cache_dir)
            .state_dir(start.state_dir)
            .compiler(start.compiler)
            .store(start.store)
            .grants(start.grants)
            .hash_memories(start.hashes_memories)
            .env(move |name| {
                let value = start.variables.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| (*value).to_owned())
            });
        let host = Self {
            host: within_compile_time("the start", with(builder).build()).await.map_err(|error| error.to_string())?,
            app,
        };
        assert_eq!(host.host.engine().allocator(), allocator, "the host fell back to another allocator");
        let problems = render(&host.host.app().problems);
        if problems.is_empty() {
            return Ok(host);
        }
        host.shutdown().await;
        Err(problems)
    }

    /// Returns the app, to change it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Adds a job and returns its id.
    pub async fn add(&self, task: &str, args: Value) -> u64 {
        self.try_add(task, args).await.unwrap_or_else(|code| panic!("{task} refused a job: {code}"))
    }

    /// Adds a job; returns the error's code if it is rejected.
    pub async fn try_add(&self, task: &str, args: Value) -> Result<u64, String> {
        let added = within("adding a job", self.host.add(task, &args.to_string())).await;
        added.map_err(|error| error.code().to_owned())
    }

    /// Returns the current state of the job.
    pub async fn job(&self, task: &str, id: u64) -> JobView {
        self.try_job(task, id).await.unwrap_or_else(|code| panic!("job {id} of {task}: {code}"))
    }

    /// Returns the current state of the job, or the error's code if it does not exist.
    pub async fn try_job(&self, task: &str, id: u64) -> Result<JobView, String> {
        within("looking a job up", self.host.get(task, id)).await.map_err(|error| error.code().to_owned())
    }

    /// Waits until the job has ended.
    pub async fn end(&self, task: &str, id: u64) -> JobView {
        let what = format!("the end of job {id} of {task}");
        within(&what, self.host.wait(task, id)).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Adds a job and waits until it has ended.
    pub async fn run(&self, task: &str, args: Value) -> JobView {
        let id = self.add(task, args).await;
        self.end(task, id).await
    }

    /// Adds a job, which must succeed, and returns its response.
    pub async fn response(&self, task: &str, args: Value) -> Value {
        response(&self.run(task, args).await)
    }

    /// Cancels a job; returns the error's code if that fails.
    pub async fn cancel(&self, task: &str, id: u64) -> Result<(), String> {
        within("cancelling", self.host.cancel(task, id)).await.map_err(|error| error.code().to_owned())
    }

    /// Returns the texts of the job's log.
    pub async fn log(&self, task: &str, id: u64) -> Vec<String> {
        let lines = within("reading a log", self.host.logs(task, id)).await;
        let lines = lines.unwrap_or_else(|error| panic!("the log of job {id} of {task}: {error}"));
        lines.into_iter().map(|line| line.text).collect()
    }

    /// Waits until `condition` is true for the job: checks it now and after every event.
    pub async fn until(&self, task: &str, id: u64, condition: impl Fn(&JobView) -> bool) -> JobView {
        let mut events = self.host.events();
        let what = format!("the awaited state of job {id} of {task}");
        within(&what, async {
            loop {
                let job = self.job(task, id).await;
                if condition(&job) {
                    return job;
                }
                // A subscriber that missed some events checks the job as well.
                let _ = events.next().await;
            }
        })
        .await
    }

    /// Waits until an attempt of the job is running.
    pub async fn until_running(&self, task: &str, id: u64) -> JobView {
        self.until(task, id, |job| job.status == Status::Running).await
    }

    /// Adds a job of [`guests::GATED`] that occupies a slot of `task` until [`open_gate`](Self::open_gate), waits until
    /// it does, and returns its id. The app needs a task `keys`.
    pub async fn close_gate(&self, task: &str) -> u64 {
        let id = self.add(task, json!(["keys", 1])).await;
        self.until(task, id, |job| job.message == "at the gate").await;
        id
    }

    /// Releases all jobs that wait at the gate, now and later.
    pub async fn open_gate(&self) {
        assert_eq!(self.add("keys", json!([])).await, 1);
    }

    /// Waits until no job waits or runs; returns the notes of the task `journal` so far, in order. Each of its jobs has
    /// one note as its argument, and returns it.
    pub async fn journal(&self) -> Vec<String> {
        self.idle().await;
        let mut notes = Vec::new();
        for id in 1.. {
            match self.try_job("journal", id).await {
                Err(_) => break,
                // Jobs that were parked there and cancelled are not notes.
                Ok(job) if job.status == Status::Failure => {}
                Ok(job) => notes.extend(response(&job)[0].as_str().map(str::to_owned)),
            }
        }
        notes
    }

    /// Waits until no job waits or runs and every handler was called.
    pub async fn idle(&self) {
        within("the host to become idle", self.host.idle()).await;
    }

    /// Reloads the app; returns all its problems as text, if there are any.
    pub async fn reload(&self) -> Result<(), String> {
        let reloaded = within("reloading", self.host.reload()).await.map_err(|error| error.to_string())?;
        let problems = render(&reloaded.warnings);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Returns the host itself.
    pub fn inner(&self) -> &Host {
        &self.host
    }

    /// Shuts the host down when the running jobs have ended; asserts that none of its instances is left in the pool.
    pub async fn shutdown(&self) {
        assert_eq!(self.shutdown_within(TIMEOUT).await, Vec::<JobKey>::new(), "jobs were requeued");
    }

    /// Shuts the host down, and stops the jobs that still run after `drain`. Returns the requeued jobs; asserts that
    /// none of the host's instances is left in the pool.
    pub async fn shutdown_within(&self, drain: Duration) -> Vec<JobKey> {
        let requeued = within("the shutdown", self.host.shutdown(drain)).await;
        assert_eq!(self.host.engine().pool_usage(), PoolUsage::default(), "instances are left in the pool");
        requeued
    }
}

fn render(problems: &[Diagnostic]) -> String {
    problems.iter().map(|problem| problem.render(false)).collect::<Vec<_>>().join("\n\n")
}

/// Returns the response of a job that succeeded.
pub fn response(job: &JobView) -> Value {
    assert_eq!(job.status, Status::Success, "{job:?}");
    let text = job.response.as_deref().expect("a job that succeeded has a response");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns the code of the problem of a job that failed.
pub fn problem_code(job: &JobView) -> &str {
    assert_eq!(job.status, Status::Failure, "{job:?}");
    &job.problem.as_ref().expect("a job that failed has a problem").code
}

/// Returns whether all ids differ.
pub fn all_differ(ids: &[u64]) -> bool {
    ids.iter().collect::<BTreeSet<_>>().len() == ids.len()
}
