//! The host: a running app. Connects definitions, engine, queue and worker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use saggar_definition::{Diagnostic, Variable};
use saggar_job::{Clock, JobKey, SystemClock, TaskKey};
use saggar_queue::{Counts, EventFilter, EventId, Events, Followed, Queue, StoreHealth};
use saggar_sandbox::{Allocator, CompileReport, CompileState, Compiler, Engine, EngineError, EngineOptions};
use saggar_worker::Worker;

use crate::app::{App, Definitions, StartError};
use crate::env_allow::EnvAllow;
use crate::loading::Loading;
use crate::meters;
use crate::reloads::{ConfigurationCheck, Reloads};
use crate::script_runner::{SCRIPT_RUNNER, TYPE_STRIPPER};
use crate::store::StoreChoice;

/// Maximum number of sandboxes of a host. Each reserves some gigabytes of address space in the pool, and a process has
/// 128 TiB.
const MAX_SANDBOXES: u32 = 10_000;

/// Capacity beyond what the tasks need at the start, so that a reload can add slots.
const SPARE_SANDBOXES: u32 = 64;

/// Minimum size of the pool's memories, so that tasks can request more after a reload than at the start.
const MIN_POOL_MEMORY: u64 = 64 << 20;

/// The default limit of all jobs in bytes. Most machines have that much memory, in case the store is in memory.
pub const DEFAULT_KEEP_BYTES: u64 = 4 << 30;

/// Looks up an environment variable for task files.
pub(crate) type EnvLookup = Arc<dyn Fn(&str) -> Variable + Send + Sync>;

/// Called with problems as they are found.
pub(crate) type ProblemReporter = Arc<dyn Fn(&[Diagnostic]) + Send + Sync>;

/// Checks the embedder's own files in a reload.
pub(crate) type CheckConfiguration = Arc<dyn Fn() -> ConfigurationCheck + Send + Sync>;

/// Builds a host.
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
    check_configuration: CheckConfiguration,
    compile_report: CompileReport,
}

/// Whether a host accepts jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// It is shutting down.
    Stopping,
    /// The store's disk is full; jobs are refused until space is freed.
    StoreFull,
    /// Another process has locked the store; jobs are refused until it releases the lock.
    StoreBusy,
    /// The store has failed permanently: every request to it fails, and the host should stop.
    StoreFailed,
}

/// A running app. Cheap to clone. Ended by [`shutdown`](Host::shutdown).
#[derive(Clone)]
pub struct Host {
    pub(crate) engine: Engine,
    pub(crate) queue: Queue,
    pub(crate) worker: Worker,
    pub(crate) app_dir: PathBuf,
    pub(crate) env: EnvLookup,
    pub(crate) app: Arc<std::sync::RwLock<Arc<App>>>,
    pub(crate) loading: Loading,
    pub(crate) reloads: Reloads,
    pub(crate) report: ProblemReporter,
    pub(crate) check_configuration: CheckConfiguration,
}

impl HostBuilder {
    /// Sets where wasm instances are allocated. The default is [`Allocator::Pooling`].
    #[must_use]
    pub fn allocator(self, allocator: Allocator) -> Self {
        Self { allocator, ..self }
    }

    /// Sets the directory where compiled plugins are cached. They are not cached if it is `None`, which is the default,
    /// or without a [`state_dir`](Self::state_dir).
    #[must_use]
    pub fn cache_dir(self, cache_dir: Option<PathBuf>) -> Self {
        Self { cache_dir, ..self }
    }

    /// Sets the directory of the key that authenticates cached plugins. Only this user must be able to write to it, as
    /// in `~/.local/state/saggar`, and it must not be inside an app.
    #[must_use]
    pub fn state_dir(self, state_dir: Option<PathBuf>) -> Self {
        Self { state_dir, ..self }
    }

    /// Sets where plugins are parsed and compiled. The default is [`Compiler::InProcess`], which is for trusted
    /// plugins.
    #[must_use]
    pub fn compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Sets where jobs are stored. The default is memory.
    #[must_use]
    pub fn store(self, store: StoreChoice) -> Self {
        Self { store, ..self }
    }

    /// Sets how many of the latest events are retained for subscribers that reconnect ([`Host::follow`]). The default
    /// is 0.
    #[must_use]
    pub fn keep_events(self, keep_events: usize) -> Self {
        Self { keep_events, ..self }
    }

    /// Sets how many bytes the jobs of all tasks may take together, including ended ones. The default is 4 GiB. Each
    /// task also has a limit of its own.
    #[must_use]
    pub fn keep_bytes(self, keep_bytes: u64) -> Self {
        Self { keep_bytes, ..self }
    }

    /// Sets the tracer that creates the spans of jobs. By default, no spans are created.
    #[must_use]
    pub fn tracer(self, tracer: Option<BoxedTracer>) -> Self {
        Self { tracer, ..self }
    }

    /// Sets the lookup for the values of `$ENV.NAME`. By default, no variable is set.
    #[must_use]
    pub fn env(self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env_filtered(EnvAllow::all(), lookup)
    }

    /// Like [`env`](Self::env), but only for the variables that `allow` matches. A task that uses another one is
    /// invalid.
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

    /// Sets whether [`build`](Self::build) waits until all plugins are loaded; the default is `true`. Otherwise a task
    /// starts as soon as its own plugins are loaded, and its jobs wait until then.
    #[must_use]
    pub fn wait_for_plugins(self, waits_for_plugins: bool) -> Self {
        Self { waits_for_plugins, ..self }
    }

    /// Sets a function that is called with the problems of plugins as they are found, if [`build`](Self::build) does
    /// not wait for plugins, and with all problems of a reload.
    #[must_use]
    pub fn report_problems(self, report: impl Fn(&[Diagnostic]) + Send + Sync + 'static) -> Self {
        Self { report: Arc::new(report), ..self }
    }

    /// Sets a function that reloads call to check files of the embedder, such as its configuration. It may block.
    #[must_use]
    pub fn check_configuration(self, check: impl Fn() -> ConfigurationCheck + Send + Sync + 'static) -> Self {
        Self { check_configuration: Arc::new(check), ..self }
    }

    /// Sets a function that is called with the file of a plugin, relative to the app's directory, when its compilation
    /// has taken `after`, and again when it has ended.
    #[must_use]
    pub fn report_compiling(
        self,
        after: Duration,
        report: impl Fn(&Path, CompileState) + Send + Sync + 'static,
    ) -> Self {
        let root = self.app_dir.canonicalize().unwrap_or_else(|_| self.app_dir.clone());
        let report = move |path: &Path, state| report(path.strip_prefix(&root).unwrap_or(path), state);
        Self { compile_report: CompileReport::new(report).after(after), ..self }
    }

    /// Reads the app's task files, without loading any code.
    pub fn read_tasks(&self) -> saggar_definition::Loaded {
        saggar_definition::load(&self.app_dir, &*self.env)
    }

    /// Loads the app without running anything.
    pub async fn load(&self) -> Result<App, StartError> {
        let definitions = Definitions::load(&self.app_dir, &*self.env);
        let engine = self.engine(&definitions)?;
        Ok(definitions.resolve(&engine, &self.app_dir, &App::default(), |_, _| ()).await)
    }

    fn engine(&self, definitions: &Definitions) -> Result<Engine, StartError> {
        let need = definitions.sandboxes();
        let sandboxes = match u32::try_from(need) {
            Ok(need) if need <= MAX_SANDBOXES => (need + SPARE_SANDBOXES).min(MAX_SANDBOXES),
            _ => return Err(StartError::TooManySlots { need, capacity: MAX_SANDBOXES }),
        };
        Ok(self.start_engine(sandboxes, definitions.max_memory(), definitions.has_scripts())?)
    }

    /// Starts an engine as that of a host, for calls without a host. `max_memory` is the largest memory limit of its
    /// sandboxes, in bytes; `tuned_for_scripts` makes instances of scripts fast, at 1 MiB for each sandbox.
    pub fn start_engine(
        &self,
        sandboxes: u32,
        max_memory: u64,
        tuned_for_scripts: bool,
    ) -> Result<Engine, EngineError> {
        let options = EngineOptions {
            sandboxes,
            max_memory: max_memory.max(MIN_POOL_MEMORY),
            allocator: self.allocator,
            cache_dir: self.cache_dir.clone(),
            state_dir: self.state_dir.clone(),
            compiler: self.compiler.clone(),
            compile_report: self.compile_report.clone(),
            script_runner: Some(SCRIPT_RUNNER),
            type_stripper: Some(TYPE_STRIPPER),
            tuned_for_scripts,
            ..EngineOptions::default()
        };
        Engine::new(options)
    }

    /// Loads the app and starts it. The problems of tasks that cannot run are in [`Host::app`]. Fails if no task can
    /// run.
    pub async fn build(self) -> Result<Host, StartError> {
        let definitions = Definitions::load(&self.app_dir, &*self.env);
        let engine = self.engine(&definitions)?;
        let mut later = None;
        let app = if self.waits_for_plugins {
            definitions.resolve(&engine, &self.app_dir, &App::default(), |_, _| ()).await
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
        store.set_keep_bytes(self.keep_bytes);
        let queue = Queue::new(store, clock.clone());
        if self.keep_events > 0 {
            queue.keep_events(self.keep_events);
        }
        let reloads = Reloads::new(clock.now());
        let worker = Worker::new(TaskKey::DEFAULT_TENANT, queue.clone(), clock, self.tracer);
        let host = Host {
            engine,
            queue,
            worker,
            app_dir: self.app_dir,
            env: self.env,
            app: Arc::new(std::sync::RwLock::new(Arc::new(app))),
            loading: Loading::default(),
            reloads,
            report: self.report,
            check_configuration: self.check_configuration,
        };
        let app = host.app();
        host.worker.open(app.setups(), app.broken.clone()).await?;
        match later {
            Some(definitions) => host.load_plugins(definitions, host.report.clone()),
            None => host.loading.finish(),
        }
        Ok(host)
    }
}

impl Host {
    /// Creates a builder of a host for the app in the directory `app_dir`.
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
            check_configuration: Arc::new(ConfigurationCheck::default),
            compile_report: CompileReport::default(),
        }
    }

    /// Returns the app as it was last loaded.
    pub fn app(&self) -> Arc<App> {
        self.app.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Returns the app's directory.
    pub fn app_dir(&self) -> &Path {
        &self.app_dir
    }

    /// Subscribes to the events of jobs from now on.
    pub fn events(&self) -> Events {
        self.queue.subscribe(TaskKey::DEFAULT_TENANT)
    }

    /// Subscribes to the events of jobs, from now on, or after an earlier event if that is still retained
    /// ([`HostBuilder::keep_events`]).
    pub fn follow(&self, filter: EventFilter, after: Option<EventId>) -> Followed {
        self.queue.follow(filter, after)
    }

    /// Counts the jobs of a task per status; `None` if the task is not open.
    pub fn counts(&self, task: &str) -> Option<Counts> {
        Some(self.queue.task(&TaskKey::new(TaskKey::DEFAULT_TENANT, task))?.counts())
    }

    /// Resolves when no job is waiting or running, and every callback was delivered, given up or deferred.
    pub async fn idle(&self) {
        self.queue.idle().await;
    }

    /// Returns whether the host accepts jobs now, or why not. While the store is full or busy, each call makes it try
    /// again.
    pub fn health(&self) -> Health {
        match (self.queue.store().health(), self.worker.is_stopping()) {
            (StoreHealth::Failed, _) => Health::StoreFailed,
            (_, true) => Health::Stopping,
            (StoreHealth::Full, _) => Health::StoreFull,
            (StoreHealth::Busy, _) => Health::StoreBusy,
            (StoreHealth::Ready, _) => Health::Ready,
        }
    }

    /// Resolves with the reason when the store has failed permanently; the host should stop then. Never resolves if the
    /// store is in memory.
    pub async fn store_failed(&self) -> Box<dyn std::error::Error + Send + Sync> {
        self.queue.store().failed().await
    }

    /// Sets the gauges (depths, ages, totals, memory) in the recorder of the `metrics` facade. Call it before the
    /// recorder is read. The names do not distinguish two hosts that share a process and a recorder.
    pub fn measure(&self) {
        self.queue.measure();
        self.worker.measure();
        meters::measure(&self.engine, self.reloads.status().failed > 0);
    }

    /// Returns the engine that runs the plugins: its allocator and the usage of its sandboxes.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Shuts down: waits up to `drain` for running attempts, then stops them and requeues their jobs. Returns the
    /// requeued jobs. They are lost if the store does not outlive the host ([`lost_jobs`](Self::lost_jobs)).
    pub async fn shutdown(&self, drain: Duration) -> Vec<JobKey> {
        self.worker.shutdown(drain).await
    }

    /// Returns the number of unfinished jobs that are lost with the host; 0 if its store outlives it.
    pub fn lost_jobs(&self) -> usize {
        if self.queue.store().outlives_process() {
            return 0;
        }
        let unfinished = |task: &Arc<saggar_queue::TaskQueue>| task.counts().waiting + task.counts().running;
        self.queue.known().iter().map(unfinished).sum()
    }

    /// Ends a shutdown in progress at once, as if its drain time had elapsed.
    pub fn abort(&self) {
        self.worker.abort();
    }
}
