//! The worker: a tenant's runners, and what can be done with their jobs.

use std::sync::{Arc, Once};
use std::time::Duration;

use arc_swap::ArcSwap;
use opentelemetry::global::BoxedTracer;
use parking_lot::Mutex;
use saggar_job::{Clock, JobId, JobKey, Role, TaskKey};
use saggar_queue::{
    Added, ChangeError, History, Job, ListQuery, LogLine, LogSource, NewJob, Page, Queue, StoreError, TaskQueue,
    WaitError,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::family::{Families, Family};
use crate::shielded::Shielded;
use crate::task_runner::{NotAdding, TaskRunner};
use crate::task_runners::TaskRunners;
use crate::trace::Traces;
use crate::{AddError, add, meters};

/// How long an adding from outside waits for the task's id source to be loaded. Guests wait as long as their call may take.
const ID_SOURCE_WAIT: Duration = Duration::from_secs(5);

/// Runs the jobs of one tenant. Cheap to clone.
#[derive(Clone)]
pub struct Worker(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) tenant: Arc<str>,
    clock: Arc<dyn Clock>,
    pub(crate) queue: Queue,
    pub(crate) traces: Traces,
    pub(crate) families: Arc<Families>,
    pub(crate) runners: ArcSwap<TaskRunners>,
    /// Maintenance begins with the first tasks.
    pub(crate) maintained: Once,
    pub(crate) slots: TaskTracker,
    pub(crate) lanes: TaskTracker,
    /// What is still to be written of jobs that were added.
    pub(crate) keeping: TaskTracker,
    /// One at a time makes the fingerprint of large arguments that a guest adds a unique job with.
    pub(crate) large_fingerprints: Arc<Semaphore>,
    /// No more claims, no more jobs from outside.
    pub(crate) stop: CancellationToken,
    /// Lanes end when they have nothing to tell.
    pub(crate) lanes_stop: CancellationToken,
    /// Everything ends now.
    pub(crate) abort: CancellationToken,
    /// Jobs whose attempts were stopped and requeued.
    pub(crate) abandoned: Mutex<Vec<JobKey>>,
}

/// Why a job cannot be looked up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// There is no such task.
    #[error("there is no task `{task}`{}", nearest.as_ref().map(|n| format!("; is `{n}` meant?")).unwrap_or_default())]
    UnknownTask {
        /// What was asked for.
        task: String,
        /// The task with the most similar id.
        nearest: Option<String>,
    },
    /// The task's definition cannot be used, and the store has no jobs of it.
    #[error("{}", broken(task, problem))]
    TaskBroken {
        /// Its id.
        task: String,
        /// The first problem of its file.
        problem: Arc<str>,
    },
    /// There is no such job.
    #[error("there is no job {id}; perhaps its retention is over")]
    UnknownJob {
        /// What was asked for.
        id: JobId,
    },
    /// The host has stopped, and looks nothing up any more.
    #[error("the host has stopped; ask again when it is back")]
    Stopping,
    /// The job does not allow the change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LookupError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask { .. } => "unknown-task",
            Self::TaskBroken { .. } => "task-broken",
            Self::UnknownJob { .. } => "unknown-job",
            Self::Stopping => "stopping",
            Self::Change(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl From<WaitError> for LookupError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::UnknownJob { id } => Self::UnknownJob { id },
            WaitError::Store(error) => Self::Store(error),
        }
    }
}

impl Worker {
    /// A worker without tasks. With a tracer, the adding of each job and each attempt of it has a span, if its trace is recorded.
    pub fn new(tenant: &str, queue: Queue, clock: Arc<dyn Clock>, tracer: Option<BoxedTracer>) -> Self {
        Self(Arc::new(Inner {
            tenant: tenant.into(),
            clock,
            queue,
            traces: Traces::new(tracer),
            families: Arc::default(),
            runners: ArcSwap::default(),
            maintained: Once::new(),
            slots: TaskTracker::new(),
            lanes: TaskTracker::new(),
            keeping: TaskTracker::new(),
            large_fingerprints: Arc::new(Semaphore::new(1)),
            stop: CancellationToken::new(),
            lanes_stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            abandoned: Mutex::default(),
        }))
    }

    /// A family without members, which is told of what its members add for as long as somebody holds it.
    pub fn family(&self) -> Family {
        self.0.families.begin()
    }

    /// Adds a job, or finds the one that its key or its fingerprint means; it is kept when its id is answered.
    pub async fn add(&self, task: &str, job: NewJob) -> Result<JobId, AddError> {
        let added = self.add_many(task, vec![job]).await?;
        Ok(added.first().map_or(JobId(0), |added| added.id))
    }

    /// Adds all `jobs` or none; answers which job each of them is.
    pub async fn add_many(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, AddError> {
        if self.is_stopping() {
            return Err(AddError::Stopping);
        }
        self.0.add_within(task, jobs, 0, ID_SOURCE_WAIT).await
    }

    /// Looks a job up.
    pub async fn get(&self, task: &str, id: JobId) -> Result<Job, LookupError> {
        self.0.get(task, id).await
    }

    /// Waits until a job has ended. Cancel safe.
    pub async fn wait(&self, task: &str, id: JobId) -> Result<Job, LookupError> {
        Ok(self.0.queue_of(task)?.wait(id).await?)
    }

    /// Cancels a job.
    pub async fn cancel(&self, task: &str, id: JobId) -> Result<(), LookupError> {
        self.0.cancel(task, id).await
    }

    /// Lets an ended job run again, with all its attempts before it.
    pub async fn retry(&self, task: &str, id: JobId) -> Result<(), LookupError> {
        Ok(self.0.shielded(task, |queue| async move { queue.retry(id).await })?.await?)
    }

    /// Delivers the callbacks of an ended job again that were given up or are deferred.
    pub async fn redeliver(&self, task: &str, id: JobId) -> Result<(), LookupError> {
        Ok(self.0.shielded(task, |queue| async move { queue.redeliver(id).await })?.await?)
    }

    /// Forgets a job that does not run.
    pub async fn delete(&self, task: &str, id: JobId) -> Result<(), LookupError> {
        Ok(self.0.shielded(task, |queue| async move { queue.delete(id).await })?.await?)
    }

    /// Lets no more attempts of a task begin, until [`resume`](Self::resume); a restart changes nothing about it.
    pub async fn pause(&self, task: &str) -> Result<(), LookupError> {
        Ok(self.0.shielded(task, |queue| async move { queue.pause().await })?.await?)
    }

    /// Ends a [`pause`](Self::pause).
    pub async fn resume(&self, task: &str) -> Result<(), LookupError> {
        Ok(self.0.shielded(task, |queue| async move { queue.resume().await })?.await?)
    }

    /// A job's log and its attempts.
    pub async fn history(&self, task: &str, id: JobId) -> Result<History, LookupError> {
        self.0.queue_of(task)?.history(id).await?.ok_or(LookupError::UnknownJob { id })
    }

    /// A page of a list of jobs.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.0.queue.list(query).await
    }

    /// Whether a task is open. Cheap.
    pub fn has_task(&self, task: &str) -> bool {
        let runners = self.0.runners.load();
        runners.open.contains_key(task) || runners.open.contains_key(&task.to_lowercase())
    }

    /// The queue of a task, for counts and rates.
    pub fn queue(&self, task: &str) -> Result<Arc<TaskQueue>, LookupError> {
        self.0.queue_of(task)
    }

    /// Hands what is known at a moment only to the recorder of the `metrics` facade. Call it before the recorder is read.
    pub fn measure(&self) {
        meters::measure_states(self.states());
        let runners = self.0.runners.load();
        for runner in runners.open.values() {
            let setup = runner.setup();
            let roles = Role::ALL.into_iter().filter(|role| setup.role(*role).is_some());
            runner.meters.measure(&runner.queue.totals(), roles);
            runner.meters.measure_slots(setup.slots(), runner.queue.counts().running);
        }
        for queue in self.0.queue.known().iter().filter(|queue| queue.key().tenant == self.0.tenant) {
            if !runners.open.contains_key(&*queue.key().task) {
                meters::measure_removed(queue);
            }
        }
    }

    /// Resolves when no job waits or runs and every callback was delivered, given up or deferred.
    pub async fn idle(&self) {
        self.0.queue.idle().await;
    }

    /// Ends a drain that is under way: what still runs is stopped and requeued now.
    pub fn abort(&self) {
        self.0.abort.cancel();
    }

    /// Whether it has been told to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Stops: takes no more jobs and claims none, lets what runs end for at most `drain`, then stops it and requeues it
    /// without using up an attempt. Answers the jobs that were requeued.
    pub async fn shutdown(&self, drain: Duration) -> Vec<JobKey> {
        let worker = &self.0;
        worker.stop.cancel();
        worker.slots.close();
        worker.lanes.close();
        worker.keeping.close();
        let drained = tokio::time::timeout(drain, async {
            worker.slots.wait().await;
            worker.lanes_stop.cancel();
            worker.lanes.wait().await;
            worker.keeping.wait().await;
        });
        if drained.await.is_err() {
            worker.abort.cancel();
            worker.slots.wait().await;
            worker.lanes.wait().await;
            worker.keeping.wait().await;
        }
        // Nothing runs any more; this frees the sandboxes that are kept warm for `next`.
        worker.runners.store(Arc::default());
        std::mem::take(&mut *worker.abandoned.lock())
    }
}

impl Inner {
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// A line of a job's log, written now.
    pub(crate) fn line(&self, source: LogSource, text: String) -> LogLine {
        LogLine { at: self.clock.now(), source, text }
    }

    pub(crate) async fn append_log(&self, runner: &TaskRunner, id: JobId, lines: Vec<LogLine>) {
        if lines.is_empty() {
            return;
        }
        if let Err(error) = runner.queue.log(id, lines).await {
            tracing::error!(task = %runner.queue.key(), %id, %error, "lines of a job's log are lost");
        }
    }

    pub(crate) async fn add(
        self: &Arc<Self>,
        task: &str,
        jobs: Vec<NewJob>,
        depth: u32,
    ) -> Result<Vec<Added>, AddError> {
        // A call of a guest has a time of its own.
        self.add_within(task, jobs, depth, Duration::MAX).await
    }

    /// `wait`: for how long at most it waits until the task can be asked for ids.
    async fn add_within(
        self: &Arc<Self>,
        task: &str,
        jobs: Vec<NewJob>,
        depth: u32,
        wait: Duration,
    ) -> Result<Vec<Added>, AddError> {
        let runner = self.runner_for_adding(task, wait).await?;
        // Boxed, for `next` may add jobs whose `next` may add jobs.
        Box::pin(add::add(self, &runner, jobs, depth)).await
    }

    pub(crate) async fn get(&self, task: &str, id: JobId) -> Result<Job, LookupError> {
        self.queue_of(task)?.get(id).await?.ok_or(LookupError::UnknownJob { id })
    }

    pub(crate) async fn cancel(&self, task: &str, id: JobId) -> Result<(), LookupError> {
        Ok(self.shielded(task, |queue| async move { queue.cancel(id).await })?.await?)
    }

    /// A change of a task or its jobs, that is made to its end.
    fn shielded<T, F>(&self, task: &str, change: impl FnOnce(Arc<TaskQueue>) -> F) -> Result<Shielded<T>, LookupError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let queue = self.queue_of(task)?;
        Ok(Shielded::new(&self.keeping, change(queue)))
    }

    /// The runner to which jobs can be added. Waits for at most `wait` until it can be asked for ids, if it is to be asked.
    async fn runner_for_adding(&self, task: &str, wait: Duration) -> Result<Arc<TaskRunner>, AddError> {
        let runner = self.runner(task)?;
        if runner.is_ready() {
            return Ok(runner);
        }
        // Apart from the adding, which would be moved with room for it each time.
        match Box::pin(tokio::time::timeout(wait, runner.id_source_loaded())).await {
            Ok(Ok(())) => Ok(runner),
            Ok(Err(why)) => Err(self.not_adding(task, why)),
            Err(_) => Err(AddError::TaskPreparing { task: runner.queue.key().task.to_string() }),
        }
    }

    fn not_adding(&self, task: &str, why: NotAdding) -> AddError {
        match why {
            NotAdding::Broken(problem) => AddError::TaskBroken { task: task.to_owned(), problem },
            NotAdding::Stopped => self.runner(task).err().map_or(AddError::Stopping, AddError::from),
        }
    }

    pub(crate) fn runner(&self, task: &str) -> Result<Arc<TaskRunner>, LookupError> {
        let runners = self.runners.load();
        if runners.open.is_empty() && self.stop.is_cancelled() {
            return Err(LookupError::Stopping);
        }
        runners.find(task).cloned()
    }

    /// The jobs of a task, whether anything works on it or not.
    fn queue_of(&self, task: &str) -> Result<Arc<TaskQueue>, LookupError> {
        match self.runner(task) {
            Ok(runner) => Ok(runner.queue.clone()),
            Err(LookupError::Stopping) => Err(LookupError::Stopping),
            Err(error) => self.queue.orphan(&TaskKey::new(&self.tenant, &task.to_lowercase())).ok_or(error),
        }
    }
}

/// What is said of a task that cannot run.
pub(crate) fn broken(task: &str, problem: &str) -> String {
    format!("the task `{task}` cannot run until this is corrected: {problem}")
}
