//! The interface between the service and the host: one trait, implemented for each tenant.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_definition::Task;
use saggar_job::{JobId, Timestamp};
use saggar_queue::{
    Added, Change, CountedJobs, Counts, Cursor, DeploymentPage, EventId, Followed, Job, ListQuery, NewJob, Page, Rates,
    StoreError, TaskQueue,
};
use saggar_tenant::Tenant;
use saggar_wire::{self as wire, Code};

use crate::problem::Refusal;

/// The tasks and jobs of one tenant. Task ids are compared without case. Every refusal carries the code of its answer.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Returns why the host does not accept jobs now; `None` if it does. Reasons are that it is stopping, and that the
    /// store has failed, is full, or is locked by another program.
    fn why_not_ready(&self) -> Option<Code>;

    /// Returns the tenant: its quotas, and how much of them is used.
    fn tenant(&self) -> &Arc<Tenant>;

    /// Returns the current time, by the clock that the times of jobs are from.
    fn now(&self) -> Timestamp;

    /// Adds all `jobs` or none; returns which job each of them is. They are stored when it returns.
    async fn add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, Refusal>;

    /// Returns the queue of a task, for look-ups and waits. Changes go through [`change`](Self::change).
    fn queue(&self, task: &str) -> Result<Arc<TaskQueue>, Refusal>;

    /// Changes a job. The change completes even if the future is dropped.
    async fn change(&self, task: &str, id: JobId, change: Change) -> Result<(), Refusal>;

    /// Pauses a task, so that no attempt begins, or resumes it. Completes even if the future is dropped.
    async fn set_paused(&self, task: &str, paused: bool) -> Result<(), Refusal>;

    /// Returns a page of jobs. The implementation sets the query's tenant; its task, if any, is the id of a queue's
    /// key.
    async fn list(&self, query: ListQuery) -> Result<Page, StoreError>;

    /// Counts the jobs that [`list`](Self::list) would return on all pages, as far as it looks at them
    /// ([`Queue::count`](saggar_queue::Queue::count)).
    async fn count(&self, query: ListQuery) -> Result<CountedJobs, StoreError>;

    /// Returns the position of the last job in the order of adding; `None` if there are no jobs.
    async fn last_job(&self) -> Result<Option<Cursor>, StoreError>;

    /// Follows events from now on, or after the event with the id `after`. Looks up neither the task nor the job.
    fn follow(&self, scope: EventScope<'_>, after: Option<EventId>) -> Followed;

    /// Returns all tasks with a definition, in the order of their ids.
    fn tasks(&self) -> Vec<KnownTask>;

    /// Returns the definitions and queues of all tasks with a definition, in the order of their ids. Cheaper than
    /// [`tasks`](Self::tasks).
    fn open_tasks(&self) -> Vec<(Arc<Task>, Arc<TaskQueue>)>;

    /// Returns the tasks without a usable definition, in the order of their ids.
    fn orphans(&self) -> Vec<KnownOrphan>;

    /// Returns whether a task is open. Cheap.
    fn has_task(&self, task: &str) -> bool;

    /// Returns one task.
    fn task(&self, task: &str) -> Result<KnownTask, Refusal>;

    /// Reloads the app: all of it or nothing. `by` is who asks for it. Starts at once, and completes even if the future is
    /// dropped.
    async fn reload(&self, by: Arc<str>) -> Result<wire::Reloaded, Refusal>;

    /// Goes back to the code of an earlier deployment, as a reload does: by default to the one before the running one.
    async fn roll_back(&self, to: Option<u64>, by: Arc<str>) -> Result<wire::Reloaded, Refusal>;

    /// Returns a page of the deployments, the newest first.
    async fn deployments(&self, before: Option<u64>, limit: usize) -> Result<DeploymentPage, StoreError>;

    /// Returns how many bytes the code with this digest has, if it is kept.
    async fn version_size(&self, digest: &str) -> Result<Option<u64>, StoreError>;

    /// Returns the code with this digest, if it is kept.
    async fn version(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Returns the plugins and scripts of the app that can be used.
    fn plugins(&self) -> Vec<wire::PluginSummary>;

    /// Returns the plugin or script with this name, without its versions; `None` if there is none that can be used.
    fn plugin(&self, name: &str) -> Option<wire::Plugin>;

    /// Returns the problems of the app that runs.
    fn problems(&self) -> wire::AppProblems;

    /// Returns the state of reloads.
    fn reload_status(&self) -> wire::ReloadStatus;
}

/// The jobs whose events are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventScope<'a> {
    /// All jobs of the tenant.
    Tenant,
    /// The jobs of a task.
    Task(&'a str),
    /// One job of a task.
    Job(&'a str, JobId),
}

/// A job, with facts about its task.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownJob {
    /// The id of its task, in lower case.
    pub task: String,
    /// How many attempts it may have.
    pub max_attempts: u32,
    /// The job as it was when it was looked up.
    pub job: Job,
    /// Why it waits or what its running attempt is bound by, if that is asked for.
    pub explanation: Option<wire::JobExplanation>,
}

impl KnownJob {
    /// Creates a job of the task of `queue`.
    pub fn new(queue: &TaskQueue, job: Job) -> Self {
        let max_attempts = queue.rules().retry.max_attempts_at(job.life.attempt);
        Self { task: queue.key().task.to_string(), max_attempts, job, explanation: None }
    }
}

/// An open task.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTask {
    /// Its definition.
    pub task: Arc<Task>,
    /// Whether attempts begin.
    pub state: TaskState,
    /// The tenant's quota that keeps attempts from starting now.
    pub held_by: Option<&'static str>,
    /// Its job counts, by state.
    pub counts: Counts,
    /// Its rates.
    pub rates: Rates,
}

/// Whether attempts of a task begin, unless it is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// Attempts begin.
    Ready,
    /// Its plugins are still being loaded.
    Preparing,
    /// Its file or a plugin has to be corrected first; contains the first problem.
    Broken(Arc<str>),
}

/// A task without a usable definition: its file is gone or has errors.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownOrphan {
    /// Its id, in lower case.
    pub id: String,
    /// The first problem of its file; `None` if there is no file.
    pub problem: Option<Arc<str>>,
    /// Its job counts, by state.
    pub counts: Counts,
}
