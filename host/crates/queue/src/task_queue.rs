//! One task's queue: what its slots, its handlers and those who look at its jobs hold.

use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics::Histogram;
use saggar_job::{JobId, State, TaskKey, Timestamp};

use crate::context::QueueContext;
use crate::meters::{self, Measured};
use crate::waiters::Waiter;
use crate::{
    CallbackNumber, Counts, History, Job, JobEventKind, Lane, ListedJob, LogLine, Peek, Pruned, Rates, Rules,
    StoreError, TaskStore, Totals, WaitError,
};

mod abandoned;
mod adding;
mod attempts;
mod callback;
mod callbacks;
mod changes;
mod claim;
mod observer;
mod reading;
mod running;
mod running_jobs;

use abandoned::{Abandoned, AbandonedAttempt};
pub use callback::Callback;
pub use callbacks::SettledCallbacks;
pub use claim::Claim;
pub(crate) use observer::TaskObserver;
pub use reading::LogTail;
pub use running::{CancelSignal, Running};

/// The queue of one task. Shared by everybody who works on it; every method may be called by any number at once.
pub struct TaskQueue {
    store: Arc<dyn TaskStore>,
    rules: ArcSwap<Rules>,
    observer: Arc<TaskObserver>,
    abandoned_attempts: Abandoned<AbandonedAttempt>,
    abandoned_callbacks: Abandoned<(Lane, CallbackNumber)>,
    start_delay: Histogram,
    measured: Measured,
}

impl TaskQueue {
    pub(crate) fn new(store: Arc<dyn TaskStore>, rules: Arc<Rules>, observer: Arc<TaskObserver>) -> Self {
        Self {
            store,
            rules: ArcSwap::new(rules),
            start_delay: meters::start_delay(observer.key()),
            observer,
            abandoned_attempts: Abandoned::default(),
            abandoned_callbacks: Abandoned::default(),
            measured: Measured::default(),
        }
    }

    /// Which task's queue it is.
    pub fn key(&self) -> &TaskKey {
        self.observer.key()
    }

    /// The rules that hold now.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Looks a job up, with the live progress of its running attempt. None if it never was or retention removed it.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut job = self.store.get(id).await?;
        job.iter_mut().for_each(|job| self.show_progress(job));
        Ok(job)
    }

    /// Looks a job up as [`get`](Self::get) does, unless its texts have more than `most` bytes: these are not read then.
    pub async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        let mut peek = self.store.peek(id, most).await?;
        if let Some(Peek::Job(job)) = &mut peek {
            self.show_progress(job);
        }
        Ok(peek)
    }

    fn show_progress(&self, job: &mut Job) {
        if let State::Running { run, .. } = job.life.state
            && let Some(running) = self.observer.running_jobs.find(job.id, run)
        {
            job.progress = running.latest();
        }
    }

    /// Waits until a job has ended, and answers it. Cancel-safe.
    pub async fn wait(&self, id: JobId) -> Result<Job, WaitError> {
        loop {
            if let Peek::Job(job) = self.wait_and_peek(id, u64::MAX).await? {
                return Ok(job);
            }
        }
    }

    /// Waits until a job has ended, and answers it; if its texts have more than `most` bytes and are not at hand, they are not
    /// read. Those that are at hand are shared by all who wait. Cancel-safe.
    pub async fn wait_and_peek(&self, id: JobId, most: u64) -> Result<Peek, WaitError> {
        let waiter = self.observer.waiters.register(id);
        tokio::select! {
            biased;
            // The end brings the job along, whatever a look at it would still take.
            job = waiter.shown() => Ok(Peek::Job(job)),
            job = self.look_until_ended(id, most, &waiter) => job,
        }
    }

    async fn look_until_ended(&self, id: JobId, most: u64, waiter: &Waiter<'_>) -> Result<Peek, WaitError> {
        loop {
            let mut woken = std::pin::pin!(waiter.woken());
            woken.as_mut().enable();
            // One that runs here has not ended, as far as the observer knows, and wakes its waiters when it does.
            if !self.observer.running_jobs.has(id) {
                let peek = self.peek(id, most).await?.ok_or(WaitError::UnknownJob { id })?;
                if peek.has_ended() {
                    return Ok(peek);
                }
            }
            woken.await;
        }
    }

    /// Appends to a job's log as far as its budget ([`JobLog`](crate::JobLog)) allows; nothing if there is no such job.
    pub async fn log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.store.append_log(id, lines).await
    }

    /// A job's log and the records of its attempts that are over. None if it never was or is kept no more.
    pub async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        self.store.history(id).await
    }

    /// A job's log, oldest line first; its last line says what was dropped. None if there is no such job.
    pub async fn logs(&self, id: JobId) -> Result<Option<Vec<LogLine>>, StoreError> {
        Ok(self.history(id).await?.map(|history| history.log))
    }

    /// Removes ended jobs whose retention is over, with as much work as `most` of them are ([`TaskStore::prune`]). Call it now
    /// and then, and again at once while it answers that there may be [`more`](Pruned::more).
    pub async fn prune(&self, most: usize) -> Result<Pruned, StoreError> {
        self.store.prune(most, &self.rules.load_full(), self.context().now()).await
    }

    /// How many jobs stand where. Cheap.
    pub fn counts(&self) -> Counts {
        self.store.counts()
    }

    /// How much the task does, since the process began and over the last minute. Cheap.
    pub fn rates(&self) -> Rates {
        self.observer.counters.rates()
    }

    /// How often what happened since the process began. Cheap.
    pub fn totals(&self) -> Totals {
        self.observer.counters.totals()
    }

    /// The running jobs whose live progress shows `text`.
    pub(crate) fn showing(&self, text: &str) -> std::collections::HashSet<JobId> {
        self.observer.running_jobs.showing(text)
    }

    /// Puts the live progress of a running attempt in the place of the kept one.
    pub(crate) fn show_live(&self, job: &mut ListedJob) {
        if job.started_at.is_some()
            && let Some(running) = self.observer.running_jobs.find(job.id, job.run)
        {
            job.progress = running.latest();
        }
    }

    pub(crate) fn observer(&self) -> &Arc<TaskObserver> {
        &self.observer
    }

    /// How many jobs were ever added, if nothing is left to do; of a task that nobody works on any more, if nothing runs here.
    pub(crate) async fn added_if_idle(&self) -> Option<u64> {
        let counts = self.store.counts_now().await.ok()?;
        let is_idle =
            if self.observer.is_closed() { !self.observer.running_jobs.has_running() } else { counts.is_idle() };
        is_idle.then_some(counts.added)
    }

    /// Follows these rules from now on.
    pub fn set_rules(&self, rules: impl Into<Arc<Rules>>) {
        self.rules.store(rules.into());
    }

    /// Hands over where the task stands at `now`.
    pub(crate) fn measure(&self, now: Timestamp) {
        meters::measure(self.key(), &self.measured, &self.counts(), &self.totals(), now);
    }

    pub(crate) fn context(&self) -> &Arc<QueueContext> {
        self.observer.context()
    }

    pub(crate) fn notify(&self, id: JobId, kind: JobEventKind, at: Timestamp) {
        self.observer.emit(id, kind, at);
    }
}

impl std::fmt::Debug for TaskQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskQueue").field("key", self.key()).finish_non_exhaustive()
    }
}
