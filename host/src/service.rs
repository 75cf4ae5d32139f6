//! The host behind the HTTP service: what the routes ask for, answered by the worker, and every error with its code.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_api::{EventScope, Jobs, KnownJob, KnownOrphan, KnownTask, PeekedJob, Refusal, Service, TaskState, Tokens};
use saggar_job::{JobId, JobKey, TaskKey, Timestamp};
use saggar_queue::{
    Added, EventFilter, EventId, Followed, History, Job, ListQuery, LogTail, NewJob, Page, Peek, StoreError, TaskQueue,
};
use saggar_wire::{self as wire, Code};
use saggar_worker::{AddError, Family, LookupError, OpenTask, Orphan, Unready};

use crate::host::Host;

/// The HTTP service of `host`, for a [`Listener`](saggar_api::Listener).
pub fn service(host: &Host, tokens: Tokens) -> Service {
    Service::new(Arc::new(HostJobs(host.clone())), tokens)
}

/// The jobs of the host's one tenant.
struct HostJobs(Host);

impl HostJobs {
    fn queue(&self, task: &str) -> Result<Arc<TaskQueue>, Refusal> {
        self.0.worker.queue(task).map_err(lookup_refused)
    }
}

fn known_task(open: OpenTask) -> KnownTask {
    let state = match open.unready {
        None => TaskState::Ready,
        Some(Unready::Preparing) => TaskState::Preparing,
        Some(Unready::Broken(problem)) => TaskState::Broken(problem),
    };
    KnownTask { task: open.task, state, counts: open.queue.counts(), rates: open.queue.rates() }
}

#[async_trait]
impl Jobs for HostJobs {
    fn why_not_ready(&self) -> Option<Code> {
        if self.0.store_has_failed() {
            return Some(Code::StoreFailed);
        }
        if self.0.is_stopping() {
            return Some(Code::Stopping);
        }
        if self.0.store_is_full() {
            return Some(Code::StoreFull);
        }
        self.0.store_is_busy().then_some(Code::StoreBusy)
    }

    fn now(&self) -> Timestamp {
        self.0.queue.now()
    }

    async fn add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, Refusal> {
        self.0.worker.add_many(task, jobs).await.map_err(add_refused)
    }

    async fn get(&self, task: &str, id: JobId) -> Result<KnownJob, Refusal> {
        let queue = self.queue(task)?;
        let job = queue.get(id).await.map_err(|error| lookup_refused(error.into()))?;
        Ok(known(&queue, job.ok_or_else(|| lookup_refused(LookupError::UnknownJob { id }))?))
    }

    async fn peek(&self, task: &str, id: JobId, most: u64) -> Result<PeekedJob, Refusal> {
        let queue = self.queue(task)?;
        let found = queue.peek(id, most).await.map_err(|error| lookup_refused(error.into()))?;
        Ok(peeked(&queue, found.ok_or_else(|| lookup_refused(LookupError::UnknownJob { id }))?))
    }

    async fn wait(&self, task: &str, id: JobId, most: u64) -> Result<PeekedJob, Refusal> {
        // Looked up before the waiting: when the last job of a host that stops has ended, there are no tasks any more.
        let queue = self.queue(task)?;
        let found = queue.wait_and_peek(id, most).await.map_err(|error| lookup_refused(error.into()))?;
        Ok(peeked(&queue, found))
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        self.0.worker.cancel(task, id).await.map_err(lookup_refused)
    }

    async fn retry(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        self.0.worker.retry(task, id).await.map_err(lookup_refused)
    }

    async fn redeliver(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        self.0.worker.redeliver(task, id).await.map_err(lookup_refused)
    }

    async fn delete(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        self.0.worker.delete(task, id).await.map_err(lookup_refused)
    }

    async fn history(&self, task: &str, id: JobId) -> Result<History, Refusal> {
        self.0.worker.history(task, id).await.map_err(lookup_refused)
    }

    async fn log_after(&self, task: &str, id: JobId, read: usize) -> Result<LogTail, Refusal> {
        let queue = self.queue(task)?;
        let tail = queue.log_after(id, read).await.map_err(|error| lookup_refused(error.into()))?;
        tail.ok_or_else(|| lookup_refused(LookupError::UnknownJob { id }))
    }

    fn follow(&self, scope: EventScope<'_>, after: Option<EventId>) -> Followed {
        let key = |task| TaskKey::new(TaskKey::DEFAULT_TENANT, task);
        let filter = match scope {
            EventScope::Tenant => EventFilter::Tenant(TaskKey::DEFAULT_TENANT.into()),
            EventScope::Task(task) => EventFilter::Task(key(task)),
            EventScope::Job(task, id) => EventFilter::Job(JobKey { task: key(task), id }),
        };
        self.0.follow(filter, after)
    }

    async fn list(&self, mut query: ListQuery) -> Result<Page, Refusal> {
        query.tenant = TaskKey::DEFAULT_TENANT.into();
        if let Some(task) = &query.task {
            let queue = self.queue(task)?;
            query.task = Some(queue.key().task.clone());
        }
        self.0.worker.list(&query).await.map_err(|error| lookup_refused(error.into()))
    }

    async fn pause(&self, task: &str) -> Result<(), Refusal> {
        self.0.worker.pause(task).await.map_err(lookup_refused)
    }

    async fn resume(&self, task: &str) -> Result<(), Refusal> {
        self.0.worker.resume(task).await.map_err(lookup_refused)
    }

    fn tasks(&self) -> Vec<KnownTask> {
        self.0.worker.tasks().into_iter().map(known_task).collect()
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
        self.0.worker.task(task).map(known_task).map_err(lookup_refused)
    }
}

impl Host {
    /// The address of a job.
    pub fn key(&self, task: &str, id: u64) -> JobKey {
        JobKey { task: TaskKey::new(TaskKey::DEFAULT_TENANT, &task.to_lowercase()), id: JobId(id) }
    }

    /// A family, to be told of each job that `Family::begin_with` names and of those that its guests add.
    pub fn family(&self) -> Family {
        self.worker.family()
    }

    /// Looks a job up; returns it as the HTTP service shows it.
    pub async fn document(&self, task: &str, id: u64) -> Result<wire::Job, LookupError> {
        let queue = self.worker.queue(task)?;
        let id = JobId(id);
        let job = queue.get(id).await?.ok_or(LookupError::UnknownJob { id })?;
        Ok(saggar_api::shown_job(known(&queue, job), self.queue.now()))
    }

    /// Waits until a job has ended; returns it as the HTTP service shows it. Cancel safe.
    pub async fn ended_document(&self, task: &str, id: u64) -> Result<wire::Job, LookupError> {
        let queue = self.worker.queue(task)?;
        let job = queue.wait(JobId(id)).await?;
        Ok(saggar_api::shown_job(known(&queue, job), self.queue.now()))
    }
}

fn known(queue: &TaskQueue, job: Job) -> KnownJob {
    let max_attempts = queue.rules().retry.max_attempts_at(job.life.attempt);
    KnownJob { task: queue.key().task.to_string(), max_attempts, job }
}

fn peeked(queue: &TaskQueue, found: Peek) -> PeekedJob {
    match found {
        Peek::Job(job) => PeekedJob::Job(known(queue, job)),
        Peek::Large { bytes, has_ended } => PeekedJob::Large { bytes, has_ended },
    }
}

fn add_refused(error: AddError) -> Refusal {
    if let AddError::Queue(saggar_queue::AddError::Store(error)) = &error {
        log_store_failure(error);
    }
    refusal(error.code(), error.to_string()).of_job(error.job())
}

fn lookup_refused(error: LookupError) -> Refusal {
    match &error {
        LookupError::Store(error) | LookupError::Change(saggar_queue::ChangeError::Store(error)) => {
            log_store_failure(error);
        }
        _ => {}
    }
    refusal(error.code(), error.to_string())
}

/// What made the store fail is for the operator, not for the client.
fn log_store_failure(error: &StoreError) {
    if let StoreError::Failed(source) = error {
        let mut causes = source.to_string();
        let mut next = source.source();
        while let Some(cause) = next {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            next = cause.source();
        }
        tracing::error!(error = causes, "the job store failed a request");
    }
}

/// The worker's codes are among those of the service, but for what only a guest or an attempt can hear: `too-deep`, `refused`.
fn refusal(code: &str, detail: String) -> Refusal {
    let code = Code::from_name(code).unwrap_or_else(|| {
        tracing::error!(code, "is no code of the HTTP service");
        Code::Internal
    });
    Refusal::new(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_says_has_its_code() {
        let why = || Box::new(std::io::Error::other("why"));
        let of = |error: StoreError| lookup_refused(error.into());
        assert_eq!(of(StoreError::Full(why())).code, Code::StoreFull);
        assert_eq!(of(StoreError::Failed(why())).code, Code::StoreFailed);
        assert_eq!(of(StoreError::Busy(why())).code, Code::StoreBusy);
        let adding = AddError::Queue(saggar_queue::AddError::Store(StoreError::Full(why())));
        assert_eq!(add_refused(adding).code, Code::StoreFull);
        assert_eq!(lookup_refused(LookupError::UnknownJob { id: JobId(1) }).code, Code::UnknownJob);
    }
}
