//! The host as the backend of the HTTP service: implements the trait [`Jobs`] over the worker.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_api::{EventScope, Jobs, KnownJob, KnownOrphan, KnownTask, Refusal, Service, TaskState, Tokens};
use saggar_definition::Task;
use saggar_job::{JobId, JobKey, TaskKey, Timestamp};
use saggar_queue::{
    Added, Change, CountedJobs, Cursor, DeploymentPage, EventFilter, EventId, Followed, ListQuery, NewJob, Page,
    StoreError, TaskQueue,
};
use saggar_tenant::Tenant;
use saggar_wire::{self as wire, Code};
use saggar_worker::{AddError, Family, LookupError, OpenTask, Orphan, Unready};

use crate::host::{Health, Host};
use crate::plugin_view;
use crate::reload_view;
use crate::reloads::ReloadError;
use crate::single_app::SingleApp;

/// Creates the HTTP service of `host`, for a [`Listener`](saggar_api::Listener). Reloads may replace its tokens
/// ([`ConfigurationCheck`](crate::ConfigurationCheck)).
pub fn service(host: &Host, tokens: Tokens) -> Service {
    let service = Service::new(Arc::new(SingleApp::new(host.clone(), jobs(host.clone()))), tokens);
    *host.service.lock() = service.downgrade();
    service
}

/// Returns the jobs of a host's tenant.
pub(crate) fn jobs(host: Host) -> Arc<dyn Jobs> {
    Arc::new(HostJobs(host))
}

/// Returns why a host does not accept jobs.
pub(crate) fn why_not_ready(health: Health) -> Option<Code> {
    match health {
        Health::Ready => None,
        Health::Stopping => Some(Code::Stopping),
        Health::StoreFull => Some(Code::StoreFull),
        Health::StoreBusy => Some(Code::StoreBusy),
        Health::StoreFailed => Some(Code::StoreFailed),
    }
}

/// The jobs of a host's tenant.
struct HostJobs(Host);

impl HostJobs {
    /// Returns the refusal of a request, unless the task may exist, because the app's files are still being read.
    fn unless_reading(&self, refusal: Refusal) -> Refusal {
        if refusal.code != Code::UnknownTask || self.0.opened.is_finished() {
            return refusal;
        }
        Refusal::new(Code::TaskPreparing, "the files of the app are still being read; try again in a moment")
    }
}

#[async_trait]
impl Jobs for HostJobs {
    fn why_not_ready(&self) -> Option<Code> {
        why_not_ready(self.0.health())
    }

    fn tenant(&self) -> &Arc<Tenant> {
        self.0.worker.tenant()
    }

    fn now(&self) -> Timestamp {
        self.0.queue.clock().now()
    }

    async fn add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, Refusal> {
        self.0.worker.add(task, jobs).await.map_err(|error| self.unless_reading(add_refused(error)))
    }

    fn queue(&self, task: &str) -> Result<Arc<TaskQueue>, Refusal> {
        self.0.worker.queue(task).map_err(|error| self.unless_reading(lookup_refused(error)))
    }

    async fn change(&self, task: &str, id: JobId, change: Change) -> Result<(), Refusal> {
        let changed = self.0.worker.change(task, id, change).await;
        changed.map_err(|error| self.unless_reading(lookup_refused(error)))
    }

    async fn set_paused(&self, task: &str, paused: bool) -> Result<(), Refusal> {
        let changed = self.0.worker.set_paused(task, paused).await;
        changed.map_err(|error| self.unless_reading(lookup_refused(error)))
    }

    async fn list(&self, query: ListQuery) -> Result<Page, StoreError> {
        self.0.queue.list(&ListQuery { tenant: self.0.tenant_name().clone(), ..query }).await
    }

    async fn count(&self, query: ListQuery) -> Result<CountedJobs, StoreError> {
        self.0.queue.count(&ListQuery { tenant: self.0.tenant_name().clone(), ..query }).await
    }

    async fn last_job(&self) -> Result<Option<Cursor>, StoreError> {
        self.0.queue.last_job(self.0.tenant_name()).await
    }

    fn follow(&self, scope: EventScope<'_>, after: Option<EventId>) -> Followed {
        let key = |task| TaskKey::new(self.0.tenant_name(), task);
        let filter = match scope {
            EventScope::Tenant => EventFilter::Tenant(self.0.tenant_name().clone()),
            EventScope::Task(task) => EventFilter::Task(key(task)),
            EventScope::Job(task, id) => EventFilter::Job(JobKey { task: key(task), id }),
        };
        self.0.follow(filter, after)
    }

    fn tasks(&self) -> Vec<KnownTask> {
        self.0.worker.tasks().into_iter().map(known_task).collect()
    }

    fn open_tasks(&self) -> Vec<(Arc<Task>, Arc<TaskQueue>)> {
        self.0.worker.tasks().into_iter().map(|open| (open.task, open.queue)).collect()
    }

    fn orphans(&self) -> Vec<KnownOrphan> {
        let known = |orphan: Orphan| {
            let counts = orphan.counts().unwrap_or_default();
            KnownOrphan { id: orphan.id, problem: orphan.problem, counts }
        };
        self.0.worker.orphans().into_iter().map(known).collect()
    }

    fn has_task(&self, task: &str) -> bool {
        self.0.worker.has_task(task)
    }

    fn task(&self, task: &str) -> Result<KnownTask, Refusal> {
        self.0.worker.task(task).map(known_task).map_err(|error| self.unless_reading(lookup_refused(error)))
    }

    async fn reload(&self, by: Arc<str>) -> Result<wire::Reloaded, Refusal> {
        match self.0.reload_by(by).await {
            Ok(reloaded) => Ok(reload_view::reloaded(&reloaded)),
            Err(error) => Err(reload_refused(&error)),
        }
    }

    async fn roll_back(&self, to: Option<u64>, by: Arc<str>) -> Result<wire::Reloaded, Refusal> {
        match self.0.rollback(to, by).await {
            Ok(reloaded) => Ok(reload_view::reloaded(&reloaded)),
            Err(error) => Err(reload_refused(&error)),
        }
    }

    async fn deployments(&self, before: Option<u64>, limit: usize) -> Result<DeploymentPage, StoreError> {
        self.0.deployments(before, limit).await
    }

    async fn version_size(&self, digest: &str) -> Result<Option<u64>, StoreError> {
        self.0.queue.store().deployments().size(self.0.tenant_name(), digest).await
    }

    async fn version(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.0.version(digest).await
    }

    fn plugins(&self) -> Vec<wire::PluginSummary> {
        plugin_view::list(&self.0.app())
    }

    fn plugin(&self, name: &str) -> Option<wire::Plugin> {
        plugin_view::find(&self.0.app(), name)
    }

    fn problems(&self) -> wire::AppProblems {
        let app = self.0.app();
        wire::AppProblems { count: app.problems.len() as u64, problems: reload_view::diagnostics(&app.problems) }
    }

    fn reload_status(&self) -> wire::ReloadStatus {
        reload_view::status(self.0.reload_status())
    }
}

impl Host {
    /// Returns the key of a job.
    pub fn key(&self, task: &str, id: u64) -> JobKey {
        JobKey { task: TaskKey::new(self.tenant_name(), &task.to_lowercase()), id: JobId(id) }
    }

    /// Creates an empty family. It tracks the jobs that are added with [`Family::begin_with`], and their descendants:
    /// the jobs that their guests add.
    pub fn family(&self) -> Family {
        self.worker.family()
    }

    /// Looks up a job; returns it as the HTTP service does.
    pub async fn document(&self, task: &str, id: u64) -> Result<wire::Job, LookupError> {
        let (queue, id) = (self.worker.queue(task)?, JobId(id));
        let job = queue.get(id).await?.ok_or(LookupError::UnknownJob { id })?;
        Ok(saggar_api::shown_job(KnownJob::new(&queue, job), self.queue.clock().now()))
    }

    /// Waits until a job has ended; returns it as the HTTP service does. Cancel safe.
    pub async fn ended_document(&self, task: &str, id: u64) -> Result<wire::Job, LookupError> {
        let queue = self.worker.queue(task)?;
        let job = queue.wait(JobId(id)).await?;
        Ok(saggar_api::shown_job(KnownJob::new(&queue, job), self.queue.clock().now()))
    }
}

fn known_task(open: OpenTask) -> KnownTask {
    let state = match open.unready {
        None => TaskState::Ready,
        Some(Unready::Preparing) => TaskState::Preparing,
        Some(Unready::Broken(problem)) => TaskState::Broken(problem),
    };
    let (counts, rates) = (open.queue.counts(), open.queue.counters().rates());
    KnownTask { task: open.task, state, held_by: open.held_by, counts, rates }
}

/// Converts why a reload has changed nothing.
pub(crate) fn reload_refused(error: &ReloadError) -> Refusal {
    let code = match error {
        ReloadError::Store(error) => return Refusal::named(error.code(), error.to_string()),
        ReloadError::Problems(_) | ReloadError::TooManySlots { .. } | ReloadError::NoTokens(_) => Code::ReloadFailed,
        ReloadError::UnknownDeployment(_) => Code::UnknownDeployment,
        ReloadError::Stopping => Code::Stopping,
    };
    Refusal::new(code, reload_view::detail(error)).with_problems(reload_view::diagnostics(error.problems()))
}

fn add_refused(error: AddError) -> Refusal {
    let (code, job, quota) = (error.code(), error.job(), error.quota().copied());
    match error {
        AddError::Queue(saggar_queue::AddError::Store(error)) => error.into(),
        error => Refusal::named(code, error.to_string()).of_job(job).with_quota(quota),
    }
}

fn lookup_refused(error: LookupError) -> Refusal {
    match error {
        LookupError::Store(error) => error.into(),
        LookupError::Change(error) => error.into(),
        error => Refusal::named(error.code(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_worker_have_their_codes() {
        let full = || StoreError::Full(Box::new(std::io::Error::other("why")));
        assert_eq!(lookup_refused(full().into()).code, Code::StoreFull);
        let adding = AddError::Queue(saggar_queue::AddError::Store(full()));
        assert_eq!(add_refused(adding).code, Code::StoreFull);
        assert_eq!(lookup_refused(LookupError::UnknownJob { id: JobId(1) }).code, Code::UnknownJob);
        let invalid = add_refused(AddError::InvalidArgs { at: 3, why: "why".to_owned() });
        assert_eq!((invalid.code, invalid.job), (Code::InvalidArgs, Some(3)));
    }
}
