//! The host: a running app. Connects definitions, engine, queue and worker.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use parking_lot::Mutex;
use saggar_api::{HostFacts, WeakService};
use saggar_definition::Diagnostic;
use saggar_http_client::HttpClient;
use saggar_job::{Clock, JobKey, TaskKey};
use saggar_queue::{Counts, EventFilter, EventId, Events, Followed, Queue, StoreError, StoreHealth};
use saggar_sandbox::Engine;
use saggar_tenant::Tenant;
use saggar_worker::{SharedFiles, Worker};

use crate::app::App;
use crate::app_location::AppLocation;
use crate::loading::Loading;
use crate::meters;
use crate::reloads::{ConfigurationCheck, Reloads};

/// The default limit of all jobs in bytes. Most machines have that much memory, in case the store is in memory.
pub const DEFAULT_KEEP_BYTES: u64 = 4 << 30;

/// Called with problems as they are found.
pub(crate) type ProblemReporter = Arc<dyn Fn(&[Diagnostic]) + Send + Sync>;

/// Checks the embedder's own files in a reload.
pub(crate) type CheckConfiguration = Arc<dyn Fn() -> ConfigurationCheck + Send + Sync>;

/// Returns what a program prints that has the value of a secret.
pub(crate) type SecretProgram = Arc<dyn Fn(&[String]) -> Result<Vec<u8>, String> + Send + Sync>;

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

/// What all apps of a process share.
#[derive(Clone)]
pub(crate) struct HostParts {
    pub(crate) engine: Engine,
    pub(crate) queue: Queue,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Option<Arc<BoxedTracer>>,
    pub(crate) files: SharedFiles,
    pub(crate) report: ProblemReporter,
    pub(crate) http: HttpClient,
    pub(crate) secret_program: SecretProgram,
    pub(crate) keep_versions: u64,
    pub(crate) facts: Arc<HostFacts>,
}

/// A running app. Cheap to clone. Ended by [`shutdown`](Host::shutdown).
#[derive(Clone)]
pub struct Host {
    pub(crate) engine: Engine,
    pub(crate) queue: Queue,
    pub(crate) worker: Worker,
    /// The owner of the app: of a single app, the tenant `default`.
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) place: Arc<RwLock<Arc<AppLocation>>>,
    pub(crate) app: Arc<RwLock<Arc<App>>>,
    /// Whether its tasks are open.
    pub(crate) opened: Loading,
    pub(crate) loading: Loading,
    pub(crate) reloads: Reloads,
    /// Locked while a deployment is recorded and the app is replaced by it.
    pub(crate) deploying: Arc<tokio::sync::Mutex<()>>,
    /// How many bytes of code are kept for the app; 0 to keep none.
    pub(crate) keep_versions: u64,
    /// What clients may know of the process.
    pub(crate) facts: Arc<HostFacts>,
    /// How many sandboxes the app may have, if fewer than the engine has.
    pub(crate) max_sandboxes: u32,
    pub(crate) report: ProblemReporter,
    pub(crate) secret_program: SecretProgram,
    pub(crate) check_configuration: CheckConfiguration,
    /// The service whose tokens reloads replace.
    pub(crate) service: Arc<Mutex<WeakService>>,
}

impl Host {
    /// Creates a host that has not opened the tasks of its `app` yet.
    pub(crate) fn new(
        parts: &HostParts,
        tenant: Arc<Tenant>,
        place: AppLocation,
        app: App,
        check_configuration: CheckConfiguration,
    ) -> Self {
        let HostParts { engine, queue, clock, tracer, files, report, http, secret_program, keep_versions, facts } =
            parts.clone();
        let engine = engine.for_tenant(tenant.clone());
        let reloads = Reloads::new(clock.now());
        let worker = Worker::new(tenant.clone(), queue.clone(), clock, tracer);
        worker.share_files(files);
        worker.use_http(http);
        let max_sandboxes = engine.capacity();
        Self {
            engine,
            queue,
            worker,
            tenant,
            place: Arc::new(RwLock::new(Arc::new(place))),
            app: Arc::new(RwLock::new(Arc::new(app))),
            opened: Loading::default(),
            loading: Loading::default(),
            reloads,
            deploying: Arc::default(),
            keep_versions,
            facts,
            max_sandboxes,
            report,
            secret_program,
            check_configuration,
            service: Arc::default(),
        }
    }

    /// Opens the tasks of the app, whose code has this deployment.
    pub(crate) async fn open(&self, deployment: Option<u64>) -> Result<(), StoreError> {
        let app = self.app();
        self.worker.open(app.setups(deployment), app.broken.clone()).await.map(drop)
    }

    /// Runs `work`, which reads files of the app, on a thread that may block, within the tenant's share of such work.
    pub(crate) async fn read<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self.engine.read_blocking(work).await {
            Ok(read) => read,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Returns the app as it was last loaded.
    pub fn app(&self) -> Arc<App> {
        self.app.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the app's directory.
    pub fn app_dir(&self) -> PathBuf {
        self.place().dir.clone()
    }

    /// Returns where the app is loaded from.
    pub(crate) fn place(&self) -> Arc<AppLocation> {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets where the app is loaded from at the next reload.
    pub(crate) fn set_place(&self, place: AppLocation) {
        *self.place.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(place);
    }

    pub(crate) fn set_app(&self, app: App) {
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(app);
    }

    /// Returns the name of the tenant whose app it runs.
    pub(crate) fn tenant_name(&self) -> &Arc<str> {
        self.tenant.name()
    }

    /// Subscribes to the events of jobs from now on.
    pub fn events(&self) -> Events {
        self.queue.subscribe(self.tenant_name().clone())
    }

    /// Subscribes to the events of jobs, from now on, or after an earlier event if that is still retained
    /// ([`HostBuilder::keep_events`]).
    pub fn follow(&self, filter: EventFilter, after: Option<EventId>) -> Followed {
        self.queue.follow(filter, after)
    }

    /// Counts the jobs of a task per status; `None` if the task is not open.
    pub fn counts(&self, task: &str) -> Option<Counts> {
        Some(self.queue.task(&TaskKey::new(self.tenant_name(), task))?.counts())
    }

    /// Resolves when no job is waiting or running, and every callback was delivered, given up or deferred.
    pub async fn idle(&self) {
        self.queue.idle().await;
    }

    /// Returns whether the host accepts jobs now, or why not. While the store is full or busy, each call makes it try
    /// again.
    pub fn health(&self) -> Health {
        health(&self.queue, self.worker.is_stopping())
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
        lost_jobs(&self.queue)
    }

    /// Ends a shutdown in progress at once, as if its drain time had elapsed.
    pub fn abort(&self) {
        self.worker.abort();
    }
}

/// Returns whether a host with this queue accepts jobs now, or why not.
pub(crate) fn health(queue: &Queue, is_stopping: bool) -> Health {
    match (queue.store().health(), is_stopping) {
        (StoreHealth::Failed, _) => Health::StoreFailed,
        (_, true) => Health::Stopping,
        (StoreHealth::Full, _) => Health::StoreFull,
        (StoreHealth::Busy, _) => Health::StoreBusy,
        (StoreHealth::Ready, _) => Health::Ready,
    }
}

/// Returns the number of unfinished jobs that are lost with the process; 0 if the store outlives it.
pub(crate) fn lost_jobs(queue: &Queue) -> usize {
    if queue.store().outlives_process() {
        return 0;
    }
    let unfinished = |task: &Arc<saggar_queue::TaskQueue>| task.counts().waiting + task.counts().running;
    queue.known().iter().map(unfinished).sum()
}
