//! The host: an app at work. Owns the wiring of definitions, engine, queue and worker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use saggar_definition::{Diagnostic, Variable};
use saggar_job::{Clock, JobKey, SystemClock, TaskKey};
use saggar_queue::{Counts, EventFilter, EventId, Events, Followed, Queue, SqliteError};
use saggar_sandbox::{Allocator, Compiler, Engine, EngineOptions, PoolUsage};
use saggar_worker::Worker;

use crate::app::{App, Definitions, StartError};
use crate::env_allow::EnvAllow;
use crate::loading::Loading;
use crate::meters;
use crate::store::{OpenStore, StoreChoice};

/// The most sandboxes of a host. Each takes some gigabytes of address space from the pool, of which a process has 128
/// thousand.
const MAX_SANDBOXES: u32 = 10_000;

/// Capacity beyond what the tasks need at the start, so that a reload may add slots.
const SPARE_SANDBOXES: u32 = 64;

/// The least that the pool's memories can hold, so that a reload may ask for more than the tasks of the start.
const MIN_POOL_MEMORY: u64 = 64 << 20;

/// Bytes that the jobs of a host may take unless it is told otherwise: with the store in memory, most machines have as much.
pub const DEFAULT_KEEP_BYTES: u64 = 4 << 30;

pub(crate) type EnvLookup = Arc<dyn Fn(&str) -> Variable + Send + Sync>;

/// Called with problems as they are found.
pub(crate) type ProblemReporter = Arc<dyn Fn(&[Diagnostic]) + Send + Sync>;

/// Sets a host up.
pub struct HostBuilder {
    app_dir: PathBuf,
    allocator: Allocator,
    cache_dir: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    compiler: Compiler,
    store: StoreChoice,
    keep_events: usize,
    keep_bytes: u64,
    tracer: Option<BoxedTracer>,
    env: EnvLookup,
    waits_for_plugins: bool,
    report: ProblemReporter,
}

/// An app at work. Cheap to clone; [`shutdown`](Host::shutdown) ends it.
#[derive(Clone)]
pub struct Host {
    pub(crate) engine: Engine,
    pub(crate) queue: Queue,
    pub(crate) worker: Worker,
    store: OpenStore,
    pub(crate) app_dir: PathBuf,
    pub(crate) env: EnvLookup,
    pub(crate) app: Arc<std::sync::RwLock<Arc<App>>>,
    pub(crate) loading: Loading,
}

impl HostBuilder {
    /// Where instances come from: [`Allocator::Pooling`] unless said otherwise.
    #[must_use]
    pub fn allocator(self, allocator: Allocator) -> Self {
        Self { allocator, ..self }
    }

    /// Where compiled plugins are stored; nowhere unless said, and nowhere without a [`state_dir`](Self::state_dir).
    #[must_use]
    pub fn cache_dir(self, cache_dir: Option<PathBuf>) -> Self {
        Self { cache_dir, ..self }
    }

    /// Where the key is stored under which compiled plugins are authenticated: a directory that only this user can write to, such
    /// as `~/.local/state/saggar`, and never one of an app.
    #[must_use]
    pub fn state_dir(self, state_dir: Option<PathBuf>) -> Self {
        Self { state_dir, ..self }
    }

    /// Where plugins are parsed and compiled: [`Compiler::InProcess`] unless said otherwise, which is for plugins that are trusted.
    #[must_use]
    pub fn compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Where jobs live: in memory unless said otherwise.
    #[must_use]
    pub fn store(self, store: StoreChoice) -> Self {
        Self { store, ..self }
    }

    /// How many of the last events are kept for those who come back ([`Host::follow`]); none unless said.
    #[must_use]
    pub fn keep_events(self, keep_events: usize) -> Self {
        Self { keep_events, ..self }
    }

    /// How many bytes the jobs of all tasks may take together, ended ones included: 4 GiB unless said. Each task has a bound of its
    /// own beside it.
    #[must_use]
    pub fn keep_bytes(self, keep_bytes: u64) -> Self {
        Self { keep_bytes, ..self }
    }

    /// What makes the spans of jobs: with none, as in the beginning, there are none.
    #[must_use]
    pub fn tracer(self, tracer: Option<BoxedTracer>) -> Self {
        Self { tracer, ..self }
    }

    /// Where the values of `$ENV.NAME` come from; there are none unless said.
    #[must_use]
    pub fn env(self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env_filtered(EnvAllow::all(), lookup)
    }

    /// The same for the variables that `allow` allows. Others are a problem of the task that names them.
    #[must_use]
    pub fn env_filtered(
        self,
        allow: EnvAllow,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let variable = move |name: &str| match allow.allows(name) {
            true => lookup(name).into(),
            false => Variable::NotAllowed(allow.to_string()),
        };
        Self { env: Arc::new(variable), ..self }
    }

    /// Whether [`build`](Self::build) waits until all plugins are loaded, which is so unless said otherwise. If it does not, a
    /// task works as soon as its own plugins are; until then its jobs wait.
    #[must_use]
    pub fn wait_for_plugins(self, waits_for_plugins: bool) -> Self {
        Self { waits_for_plugins, ..self }
    }

    /// Called with the problems of plugins as they are found, if [`build`](Self::build) does not wait for them.
    #[must_use]
    pub fn report_problems(self, report: impl Fn(&[Diagnostic]) + Send + Sync + 'static) -> Self {
        Self { report: Arc::new(report), ..self }
    }

    /// Loads the app without running anything.
    pub async fn load(&self) -> Result<App, StartError> {
        let definitions = Definitions::load(&self.app_dir, &*self.env);
        let engine = self.engine(&definitions)?;
        Ok(definitions.resolve(&engine, &self.app_dir, |_, _| ()).await)
    }

    fn engine(&self, definitions: &Definitions) -> Result<Engine, StartError> {
        let need = definitions.sandboxes();
        let sandboxes = match u32::try_from(need) {
            Ok(need) if need <= MAX_SANDBOXES => (need + SPARE_SANDBOXES).min(MAX_SANDBOXES),
            _ => return Err(StartError::TooManySlots { need, capacity: MAX_SANDBOXES }),
        };
        let options = EngineOptions {
            sandboxes,
            max_memory: definitions.max_memory().max(MIN_POOL_MEMORY),
            allocator: self.allocator,
            cache_dir: self.cache_dir.clone(),
            state_dir: self.state_dir.clone(),
            compiler: self.compiler.clone(),
            ..EngineOptions::default()
        };
        Ok(Engine::new(options)?)
    }

    /// Loads the app and starts to work. Tasks that cannot run stand in [`Host::app`] with their problems; if none can, that is
    /// an error.
    pub async fn build(self) -> Result<Host, StartError> {
        let definitions = Definitions::load(&self.app_dir, &*self.env);
        let engine = self.engine(&definitions)?;
        let mut later = None;
        let app = if self.waits_for_plugins {
            definitions.resolve(&engine, &self.app_dir, |_, _| ()).await
        } else {
            let app = definitions.unresolved();
            later = Some(definitions);
            app
        };
        if app.tasks.is_empty() && app.preparing.is_empty() {
            return Err(StartError::NoTask(app.problems));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = self.store.open(&self.app_dir).await?;
        let queue = Queue::new(store.for_queue(), clock.clone());
        if self.keep_events > 0 {
            queue.keep_events(self.keep_events);
        }
        queue.keep_bytes(self.keep_bytes);
        let worker = Worker::new(TaskKey::DEFAULT_TENANT, queue.clone(), clock, self.tracer);
        let host = Host {
            engine,
            queue,
            worker,
            store,
            app_dir: self.app_dir,
            env: self.env,
            app: Arc::new(std::sync::RwLock::new(Arc::new(app))),
            loading: Loading::default(),
        };
        let app = host.app();
        host.worker.open(app.setups(), app.broken()).await?;
        match later {
            Some(definitions) => host.load_plugins(definitions, self.report),
            None => host.loading.finish(),
        }
        Ok(host)
    }
}

impl Host {
    /// A host for the app in the directory `app_dir`.
    pub fn builder(app_dir: impl Into<PathBuf>) -> HostBuilder {
        HostBuilder {
            app_dir: app_dir.into(),
            allocator: Allocator::Pooling,
            cache_dir: None,
            state_dir: None,
            compiler: Compiler::InProcess,
            store: StoreChoice::Memory,
            keep_bytes: DEFAULT_KEEP_BYTES,
            keep_events: 0,
            tracer: None,
            env: Arc::new(|_| Variable::Unset),
            waits_for_plugins: true,
            report: Arc::new(|_| ()),
        }
    }

    /// The app as it was last loaded.
    pub fn app(&self) -> Arc<App> {
        self.app.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Where the app is.
    pub fn app_dir(&self) -> &Path {
        &self.app_dir
    }

    /// What happens to jobs from now on.
    pub fn events(&self) -> Events {
        self.queue.subscribe(TaskKey::DEFAULT_TENANT)
    }

    /// Follows what happens to jobs: from now on, or after an event that was heard, as long as it is kept
    /// ([`HostBuilder::keep_events`]).
    pub fn follow(&self, filter: EventFilter, after: Option<EventId>) -> Followed {
        self.queue.follow(filter, after)
    }

    /// How many jobs of a task stand where; none if there is no such task.
    pub fn counts(&self, task: &str) -> Option<Counts> {
        Some(self.queue.task(&TaskKey::new(TaskKey::DEFAULT_TENANT, task))?.counts())
    }

    /// Resolves when no job waits or runs and every callback was delivered, given up or deferred.
    pub async fn idle(&self) {
        self.worker.idle().await;
    }

    /// Whether the store can be trusted no more, so that whatever is asked of it fails.
    pub fn store_has_failed(&self) -> bool {
        self.store.has_failed()
    }

    /// Whether the store's disk is full, so that jobs are refused until there is room.
    pub fn store_is_full(&self) -> bool {
        self.store.is_full()
    }

    /// Whether another program keeps the store locked, so that jobs are refused until it lets go.
    pub fn store_is_busy(&self) -> bool {
        self.store.is_busy()
    }

    /// Whether the host has been told to stop: it takes no more jobs.
    pub fn is_stopping(&self) -> bool {
        self.worker.is_stopping()
    }

    /// Resolves when the store can be trusted no more, with the reason; the host should stop then. Never with memory.
    pub async fn store_failed(&self) -> SqliteError {
        self.store.failed().await
    }

    /// Hands what is known at a moment only (depths, ages, totals, memory) to the recorder of the `metrics` facade. Call it
    /// before the recorder is read. The names have no room for a second host in a process with one recorder.
    pub fn measure(&self) {
        self.queue.measure();
        self.worker.measure();
        meters::measure(&self.engine);
    }

    /// What the sandboxes hold at the moment.
    pub fn pool_usage(&self) -> PoolUsage {
        self.engine.pool_usage()
    }

    /// Where instances really come from.
    pub fn allocator(&self) -> Allocator {
        self.engine.allocator()
    }

    /// How often the thread that interrupts guests has ticked. Stands still while the host is idle.
    pub fn ticks(&self) -> u64 {
        self.engine.ticks()
    }

    /// Stops: lets what runs end for at most `drain`, then stops it and puts it back. Answers the jobs that were put back; they
    /// are lost all the same if the store does not outlive the host ([`lost_jobs`](Self::lost_jobs)).
    pub async fn shutdown(&self, drain: Duration) -> Vec<JobKey> {
        self.worker.shutdown(drain).await
    }

    /// How many jobs that have not ended are lost with the host; none if its store outlives it.
    pub fn lost_jobs(&self) -> usize {
        if self.queue.outlives_process() {
            return 0;
        }
        let unfinished = |task: &Arc<saggar_queue::TaskQueue>| task.counts().waiting + task.counts().running;
        self.queue.known().iter().map(unfinished).sum()
    }

    /// Ends a shutdown that is under way at once, as if its time for draining were over.
    pub fn abort(&self) {
        self.worker.abort();
    }
}
