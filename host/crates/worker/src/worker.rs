//! The worker: runs the jobs of a tenant. The top layer of the crate: it starts and stops the other modules, and is the
//! interface for the host.

use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use opentelemetry::global::BoxedTracer;
use parking_lot::Mutex;
use saggar_files::TenantFiles;
use saggar_http_client::{HttpClient, Secrets, TenantHttp};
use saggar_job::{Clock, JobId, JobKey};
use saggar_queue::{Added, Change, NewJob, Queue, TaskQueue};
use saggar_tenant::{Quota, Tenant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::add::add;
use crate::error::{AddError, LookupError};
use crate::family::Family;
use crate::quota_meters::QuotaMeters;
use crate::running_gate::RunningGate;
use crate::runtime::Runtime;
use crate::shared_files::SharedFiles;
use crate::shielded::Shielded;
use crate::trace::Traces;

/// How long an addition from outside waits until the task's id source is loaded. Guests wait as long as their call may
/// take.
const ID_SOURCE_WAIT: Duration = Duration::from_secs(5);

/// Runs the jobs of one tenant. Cheap to clone.
#[derive(Clone)]
pub struct Worker(pub(crate) Arc<Runtime>);

impl Worker {
    /// Creates a worker without tasks. From now on the store keeps the tenant's levels of waiting jobs and stored bytes,
    /// and knows its weight. With a tracer, each addition and each attempt of a job has a span, if its trace is recorded.
    pub fn new(tenant: Arc<Tenant>, queue: Queue, clock: Arc<dyn Clock>, tracer: Option<Arc<BoxedTracer>>) -> Self {
        queue.store().know_tenant(&tenant);
        let levels = queue.store().tenant_levels(tenant.name());
        tenant.keep_in(Quota::Waiting, levels.waiting);
        tenant.keep_in(Quota::KeepBytes, levels.kept_bytes);
        Self(Arc::new(Runtime {
            gate: RunningGate::new(Arc::clone(&tenant)),
            quota_meters: QuotaMeters::default(),
            tenant,
            clock,
            queue,
            add,
            traces: Traces::new(tracer),
            families: Arc::default(),
            http: OnceLock::new(),
            runners: ArcSwap::default(),
            replacing: Mutex::default(),
            maintained: Once::new(),
            slots: TaskTracker::new(),
            lanes: TaskTracker::new(),
            background: TaskTracker::new(),
            large_fingerprints: Arc::new(Semaphore::new(1)),
            shared_files: OnceLock::new(),
            tenant_files: TenantFiles::default(),
            stop: CancellationToken::new(),
            lanes_stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            abandoned: Mutex::default(),
        }))
    }

    /// Lets guests make exchanges over HTTP with this client, as far as their tasks are granted any. The first call counts.
    pub fn use_http(&self, client: HttpClient) {
        self.0.http.get_or_init(|| TenantHttp::new(client, Arc::clone(&self.0.tenant)));
    }

    /// Replaces the values of the secrets that requests of guests can carry.
    pub fn set_secrets(&self, secrets: Secrets) {
        if let Some(http) = self.0.http.get() {
            http.set_secrets(secrets);
        }
    }

    /// Sets what its guests share with those of other workers to use files. Call it before the first task is opened; later
    /// calls have no effect.
    pub fn share_files(&self, files: SharedFiles) {
        // A second one would count the same directories again.
        let _ = self.0.shared_files.set(files);
    }

    /// Returns the tenant whose jobs it runs.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.0.tenant
    }

    /// Creates an empty family, which records what its members add until it is dropped.
    pub fn family(&self) -> Family {
        self.0.families.begin()
    }

    /// Adds all `jobs` or none; returns which job each of them is: a new one, or the one that has its key or
    /// fingerprint. They are durable, if the store is, when it returns.
    pub async fn add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, AddError> {
        if self.is_stopping() {
            return Err(AddError::Stopping);
        }
        add(&self.0, task, jobs, 0, ID_SOURCE_WAIT).await
    }

    /// Returns the queue of a task, whether or not the task can run: to look jobs up, to wait for them, to count them.
    /// Change jobs with [`change`](Self::change).
    pub fn queue(&self, task: &str) -> Result<Arc<TaskQueue>, LookupError> {
        self.0.queue_of(task)
    }

    /// Changes a job. The change runs to its end even if the caller is dropped.
    pub async fn change(&self, task: &str, id: JobId, change: Change) -> Result<(), LookupError> {
        self.0.change(task, id, change).await
    }

    /// Pauses a task, so that no attempt begins, or resumes it; survives restarts. Runs to its end even if the caller
    /// is dropped.
    pub async fn set_paused(&self, task: &str, paused: bool) -> Result<(), LookupError> {
        let queue = self.0.queue_of(task)?;
        let step = async move { if paused { queue.pause().await } else { queue.resume().await } };
        Ok(Shielded::new(&self.0.background, step).await?)
    }

    /// Aborts a drain in progress: what still runs is stopped and requeued now.
    pub fn abort(&self) {
        self.0.abort.cancel();
    }

    /// Returns whether a stop has been requested.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Stops: accepts no more jobs and claims none, waits at most `drain` for what runs to end, then stops it and
    /// requeues it without using up an attempt. Returns the jobs that were requeued.
    pub async fn shutdown(&self, drain: Duration) -> Vec<JobKey> {
        let runtime = &self.0;
        runtime.stop.cancel();
        runtime.slots.close();
        runtime.lanes.close();
        runtime.background.close();
        let drained = tokio::time::timeout(drain, async {
            runtime.slots.wait().await;
            runtime.lanes_stop.cancel();
            runtime.lanes.wait().await;
            runtime.background.wait().await;
        });
        if drained.await.is_err() {
            runtime.abort.cancel();
            runtime.slots.wait().await;
            runtime.lanes.wait().await;
            runtime.background.wait().await;
        }
        // Nothing runs any more; this drops the sandboxes that are kept warm for `next`.
        runtime.runners.store(Arc::default());
        std::mem::take(&mut *runtime.abandoned.lock())
    }
}
