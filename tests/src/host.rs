//! A host in this process, as a test wants it: arguments as values, refusals as codes, and no wait without an end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use saggar::api::{Bound, Limits, Listener, Service};
use saggar::{Allocator, Compiler, Diagnostic, Host, HostBuilder, JobKey, JobView, PoolUsage, Status, StoreChoice};
use serde_json::{Value, json};

use crate::app::App;
use crate::guests;
use crate::program;
use crate::timeout::{TIMEOUT, within};

/// A host on a throw-away app. Whoever started it shuts it down.
pub struct TestHost {
    host: Host,
    app: App,
}

/// Has a service listen in this process, for what cannot be said to the real binary.
pub async fn listen(service: Service, limits: Limits) -> Listener {
    let bound = Bound::new("127.0.0.1:0".parse().expect("an address"), service.tokens()).await;
    bound.expect("a free port").listen(service, limits)
}

/// How a host is to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where instances come from.
    pub allocator: Allocator,
    /// Where compiled code is kept.
    pub cache_dir: Option<PathBuf>,
    /// Where the key of that is kept.
    pub state_dir: Option<PathBuf>,
    /// Where plugins are compiled: in this process, for the guests of the tests are no strangers.
    pub compiler: Compiler,
    /// Where jobs live.
    pub store: StoreChoice,
}

impl Default for Start {
    /// The pool, and one cache of compiled guests for all tests of all runs: compiling is what takes time.
    fn default() -> Self {
        let (cache_dir, state_dir) = (Some(cache_dir()), Some(state_dir()));
        let (allocator, compiler, store) = (Allocator::Pooling, Compiler::InProcess, StoreChoice::Memory);
        Self { allocator, cache_dir, state_dir, compiler, store }
    }
}

impl Start {
    /// Plugins are compiled as the real binary does it, and none of them is cached: for hostile ones.
    pub fn confined() -> Self {
        let compiler = Compiler::Process(program::path().to_owned());
        Self { cache_dir: None, compiler, ..Self::default() }
    }
}

/// Where the tests keep compiled guests.
fn cache_dir() -> PathBuf {
    Path::new(guests::TARGET_DIR).join("compiled")
}

/// Where the tests keep the key of the compiled guests.
fn state_dir() -> PathBuf {
    Path::new(guests::TARGET_DIR).join("state")
}

/// A host that is to be built, with the compiled guests of the other tests.
pub fn builder(app: &App) -> HostBuilder {
    Host::builder(app.path()).cache_dir(Some(cache_dir())).state_dir(Some(state_dir()))
}

impl TestHost {
    /// Starts a host on an app that has no mistakes.
    pub async fn start(app: App) -> Self {
        Self::start_as(app, Start::default()).await
    }

    /// Starts a host in a certain way.
    pub async fn start_as(app: App, start: Start) -> Self {
        let refused = |why| panic!("the app does not load:\n{why}");
        Self::try_start(app, start).await.unwrap_or_else(refused)
    }

    /// Starts a host whose jobs live in a SQLite file of the app.
    pub async fn start_durable(app: App) -> Self {
        let store = "sqlite".parse().expect("a store");
        Self::start_as(app, Start { store, ..Start::default() }).await
    }

    /// Stops the host at once and starts it again on the same app.
    pub async fn restart_durable(self) -> Self {
        self.shutdown_within(Duration::ZERO).await;
        let Self { host, app } = self;
        drop(host);
        Self::start_durable(app).await
    }

    /// Stops the host at once and answers its app.
    pub async fn into_app(self) -> App {
        self.shutdown_within(Duration::ZERO).await;
        self.app
    }

    /// Starts a host; everything that is wrong with the app, as text, if anything is.
    pub async fn try_start(app: App, start: Start) -> Result<Self, String> {
        let builder = Host::builder(app.path())
            .allocator(start.allocator)
            .cache_dir(start.cache_dir)
            .state_dir(start.state_dir)
            .compiler(start.compiler)
            .store(start.store);
        let host = Self { host: within("the start", builder.build()).await.map_err(|error| error.to_string())?, app };
        assert_eq!(host.host.allocator(), start.allocator, "the host fell back to another allocator");
        let problems = render(&host.host.app().problems);
        if problems.is_empty() {
            return Ok(host);
        }
        host.shutdown().await;
        Err(problems)
    }

    /// The app, to change it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// How often the thread that interrupts guests has ticked.
    pub fn ticks(&self) -> u64 {
        self.host.ticks()
    }

    /// Adds a job and answers its id.
    pub async fn add(&self, task: &str, args: Value) -> u64 {
        self.try_add(task, args).await.unwrap_or_else(|code| panic!("{task} refused a job: {code}"))
    }

    /// Adds a job; the code of the refusal if it is refused.
    pub async fn try_add(&self, task: &str, args: Value) -> Result<u64, String> {
        let added = within("adding a job", self.host.add(task, &args.to_string())).await;
        added.map_err(|error| error.code().to_owned())
    }

    /// The job as it is now.
    pub async fn job(&self, task: &str, id: u64) -> JobView {
        self.try_job(task, id).await.unwrap_or_else(|code| panic!("job {id} of {task}: {code}"))
    }

    /// The job as it is now; the code of the refusal if there is none.
    pub async fn try_job(&self, task: &str, id: u64) -> Result<JobView, String> {
        within("looking a job up", self.host.get(task, id)).await.map_err(|error| error.code().to_owned())
    }

    /// The job when it has ended.
    pub async fn end(&self, task: &str, id: u64) -> JobView {
        let what = format!("the end of job {id} of {task}");
        within(&what, self.host.wait(task, id)).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Adds a job and answers it when it has ended.
    pub async fn run(&self, task: &str, args: Value) -> JobView {
        let id = self.add(task, args).await;
        self.end(task, id).await
    }

    /// Adds a job, which must succeed, and answers its response.
    pub async fn response(&self, task: &str, args: Value) -> Value {
        response(&self.run(task, args).await)
    }

    /// Cancels a job; the code of the refusal if it is refused.
    pub async fn cancel(&self, task: &str, id: u64) -> Result<(), String> {
        within("cancelling", self.host.cancel(task, id)).await.map_err(|error| error.code().to_owned())
    }

    /// The texts of the job's log.
    pub async fn log(&self, task: &str, id: u64) -> Vec<String> {
        let lines = within("reading a log", self.host.logs(task, id)).await;
        let lines = lines.unwrap_or_else(|error| panic!("the log of job {id} of {task}: {error}"));
        lines.into_iter().map(|line| line.text).collect()
    }

    /// The job as soon as `condition` holds of it: looked at now and after every event.
    pub async fn until(&self, task: &str, id: u64, condition: impl Fn(&JobView) -> bool) -> JobView {
        let mut events = self.host.events();
        let what = format!("the moment that was waited for in the life of job {id} of {task}");
        within(&what, async {
            loop {
                let job = self.job(task, id).await;
                if condition(&job) {
                    return job;
                }
                // A listener that missed some looks at the job all the same.
                let _ = events.next().await;
            }
        })
        .await
    }

    /// The job as soon as an attempt of it runs.
    pub async fn until_running(&self, task: &str, id: u64) -> JobView {
        self.until(task, id, |job| job.status == Status::Running).await
    }

    /// Adds a job of [`guests::GATED`] that holds a slot of `task` until [`open_gate`](Self::open_gate), and answers its
    /// id when it does. The app has a task `keys`.
    pub async fn close_gate(&self, task: &str) -> u64 {
        let id = self.add(task, json!(["keys", 1])).await;
        self.until(task, id, |job| job.message == "at the gate").await;
        id
    }

    /// Lets all jobs go on that wait at the gate, now and later.
    pub async fn open_gate(&self) {
        assert_eq!(self.add("keys", json!([])).await, 1);
    }

    /// What the task `journal` was told so far, in this order, once nothing waits or runs any more. Each of its jobs has
    /// one note as its argument, and answers it.
    pub async fn journal(&self) -> Vec<String> {
        self.idle().await;
        let mut notes = Vec::new();
        for id in 1.. {
            match self.try_job("journal", id).await {
                Err(_) => break,
                // Jobs that were parked there and cancelled are no notes.
                Ok(job) if job.status == Status::Failure => {}
                Ok(job) => notes.extend(response(&job)[0].as_str().map(str::to_owned)),
            }
        }
        notes
    }

    /// Waits until nothing waits or runs and every handler has been told.
    pub async fn idle(&self) {
        within("the host's rest", self.host.idle()).await;
    }

    /// Reads the app anew; everything that is wrong with it, as text, if anything is.
    pub async fn reload(&self) -> Result<(), String> {
        let app = within("reloading", self.host.reload()).await.map_err(|error| error.to_string())?;
        let problems = render(&app.problems);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The host itself.
    pub fn inner(&self) -> &Host {
        &self.host
    }

    /// Stops the host when what runs has ended; nothing of it is left in the pool.
    pub async fn shutdown(&self) {
        assert_eq!(self.shutdown_within(TIMEOUT).await, Vec::<JobKey>::new(), "jobs were put back");
    }

    /// Stops the host, and what still runs after `drain`. Answers the jobs that were put back; nothing of the host is left
    /// in the pool.
    pub async fn shutdown_within(&self, drain: Duration) -> Vec<JobKey> {
        let put_back = within("the shutdown", self.host.shutdown(drain)).await;
        assert_eq!(self.host.pool_usage(), PoolUsage::default(), "something stays in the pool");
        put_back
    }
}

fn render(problems: &[Diagnostic]) -> String {
    problems.iter().map(|problem| problem.render(false)).collect::<Vec<_>>().join("\n\n")
}

/// The response of a job that succeeded.
pub fn response(job: &JobView) -> Value {
    assert_eq!(job.status, Status::Success, "{job:?}");
    let text = job.response.as_deref().expect("a job that succeeded has a response");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The code of the problem of a job that failed.
pub fn problem_code(job: &JobView) -> &str {
    assert_eq!(job.status, Status::Failure, "{job:?}");
    &job.problem.as_ref().expect("a job that failed has a problem").code
}

/// Whether these are all different.
pub fn all_differ(ids: &[u64]) -> bool {
    ids.iter().collect::<BTreeSet<_>>().len() == ids.len()
}
