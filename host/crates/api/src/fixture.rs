//! For tests: the jobs of a real queue in memory that no worker runs.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{JobId, JobKey, Outcome, SystemClock, TaskKey, Timestamp};
use saggar_queue::{
    Added, ChangeError, Claim, EventFilter, EventId, Followed, History, ListQuery, LogTail, MemoryStore, NewJob, Page,
    Queue, Rules, StoreError, TaskQueue, WaitError,
};
use saggar_wire::Code;

use crate::{EventScope, Jobs, KnownJob, KnownOrphan, KnownTask, PeekedJob, Refusal};

/// A queue with the one task `fixture`.
pub(crate) struct Fixture {
    pub(crate) queue: Queue,
    pub(crate) task: Arc<TaskQueue>,
}

impl Fixture {
    pub(crate) const TASK: &str = "fixture";

    /// One whose last `kept` events are kept.
    pub(crate) async fn new(kept: usize) -> Arc<Self> {
        let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        queue.keep_events(kept);
        let task = queue.open(TaskKey::new("default", Self::TASK), Rules::default()).await.unwrap();
        Arc::new(Self { queue, task })
    }

    pub(crate) async fn add(&self) -> JobId {
        self.task.add(NewJob::new("[]")).await.unwrap()
    }

    pub(crate) async fn claim(&self) -> Claim {
        self.task.claim().await.unwrap()
    }

    pub(crate) async fn succeed(&self, claim: Claim) {
        self.task.finish(claim, Outcome::Success("7".into())).await.unwrap();
    }

    fn of(&self, task: &str) -> Result<&Arc<TaskQueue>, Refusal> {
        let known = task.eq_ignore_ascii_case(Self::TASK).then_some(&self.task);
        known.ok_or_else(|| Refusal::new(Code::UnknownTask, task))
    }
}

fn unknown() -> Refusal {
    Refusal::plain(Code::UnknownJob)
}

fn refusal(code: &str) -> Refusal {
    Refusal::plain(Code::from_name(code).unwrap())
}

fn changed(change: Result<(), ChangeError>) -> Result<(), Refusal> {
    change.map_err(|error| refusal(error.code()))
}

fn stored<T>(answer: Result<T, StoreError>) -> Result<T, Refusal> {
    answer.map_err(|error| refusal(error.code()))
}

#[async_trait]
impl Jobs for Fixture {
    fn why_not_ready(&self) -> Option<Code> {
        None
    }

    fn now(&self) -> Timestamp {
        self.queue.now()
    }

    async fn add(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, Refusal> {
        self.of(task)?.add_many(jobs).await.map_err(|error| refusal(error.code()))
    }

    async fn get(&self, task: &str, id: JobId) -> Result<KnownJob, Refusal> {
        let job = stored(self.of(task)?.get(id).await)?.ok_or_else(unknown)?;
        Ok(KnownJob { task: Self::TASK.to_owned(), max_attempts: 1, job })
    }

    async fn peek(&self, task: &str, id: JobId, _: u64) -> Result<PeekedJob, Refusal> {
        Ok(PeekedJob::Job(self.get(task, id).await?))
    }

    async fn wait(&self, task: &str, id: JobId, _: u64) -> Result<PeekedJob, Refusal> {
        let job = self.of(task)?.wait(id).await.map_err(|error: WaitError| refusal(error.code()))?;
        Ok(PeekedJob::Job(KnownJob { task: Self::TASK.to_owned(), max_attempts: 1, job }))
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        changed(self.of(task)?.cancel(id).await)
    }

    async fn retry(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        changed(self.of(task)?.retry(id).await)
    }

    async fn redeliver(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        changed(self.of(task)?.redeliver(id).await)
    }

    async fn delete(&self, task: &str, id: JobId) -> Result<(), Refusal> {
        changed(self.of(task)?.delete(id).await)
    }

    async fn history(&self, task: &str, id: JobId) -> Result<History, Refusal> {
        stored(self.of(task)?.history(id).await)?.ok_or_else(unknown)
    }

    async fn log_after(&self, task: &str, id: JobId, read: usize) -> Result<LogTail, Refusal> {
        stored(self.of(task)?.log_after(id, read).await)?.ok_or_else(unknown)
    }

    fn follow(&self, scope: EventScope<'_>, after: Option<EventId>) -> Followed {
        let key = |task| TaskKey::new("default", task);
        let filter = match scope {
            EventScope::Tenant => EventFilter::Tenant("default".into()),
            EventScope::Task(task) => EventFilter::Task(key(task)),
            EventScope::Job(task, id) => EventFilter::Job(JobKey { task: key(task), id }),
        };
        self.queue.follow(filter, after)
    }

    async fn list(&self, query: ListQuery) -> Result<Page, Refusal> {
        stored(self.queue.list(&query).await)
    }

    async fn pause(&self, task: &str) -> Result<(), Refusal> {
        stored(self.of(task)?.pause().await)
    }

    async fn resume(&self, task: &str) -> Result<(), Refusal> {
        stored(self.of(task)?.resume().await)
    }

    fn tasks(&self) -> Vec<KnownTask> {
        Vec::new()
    }

    fn orphans(&self) -> Vec<KnownOrphan> {
        Vec::new()
    }

    fn has_task(&self, task: &str) -> bool {
        self.of(task).is_ok()
    }

    fn task(&self, task: &str) -> Result<KnownTask, Refusal> {
        // It has no definition.
        Err(Refusal::new(Code::UnknownTask, task))
    }
}
