//! One task's queue: what its slots, its handlers and the readers of its jobs use.

use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics::Histogram;
use saggar_job::{JobId, Run, State, TaskKey, Timestamp};

use crate::meters::{self, Measured, Sums};
use crate::waiters::Waiter;
use crate::{
    CallbackNumber, Counters, Counts, History, Job, Lane, ListedJob, ListedRecording, LogLine, Peek, Pruned, Recording,
    Rules, StoreError, TaskStore, WaitError,
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
pub use reading::{AttemptTimes, LogTail};
pub use running::{CancelSignal, Running};

/// The queue of one task. Shared by all its users; every method may be called concurrently.
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
            start_delay: meters::start_delay(&observer.key),
            observer,
            abandoned_attempts: Abandoned::default(),
            abandoned_callbacks: Abandoned::default(),
            measured: Measured::default(),
        }
    }

    /// Returns the task's key.
    pub fn key(&self) -> &TaskKey {
        &self.observer.key
    }

    /// Returns the current rules.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Looks a job up, with the live progress of its running attempt. `None` if it never existed or retention removed
    /// it.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut job = self.store.get(id).await?;
        job.iter_mut().for_each(|job| self.show_progress(job));
        Ok(job)
    }

    /// Looks a job up as [`get`](Self::get) does, but does not read its texts if they have more than `most` bytes.
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

    /// Waits until a job has ended, and returns it. Cancel-safe.
    pub async fn wait(&self, id: JobId) -> Result<Job, WaitError> {
        loop {
            if let Peek::Job(job) = self.wait_and_peek(id, u64::MAX).await? {
                return Ok(job);
            }
        }
    }

    /// Waits until a job has ended, and returns it. If its texts have more than `most` bytes and are not in memory,
    /// they are not read. Texts in memory are shared by all waiters. Cancel-safe.
    pub async fn wait_and_peek(&self, id: JobId, most: u64) -> Result<Peek, WaitError> {
        let waiter = self.observer.waiters.register(id);
        tokio::select! {
            biased;
            // The end brings a snapshot of the job, so a lookup that is in progress need not complete.
            job = waiter.snapshot() => Ok(Peek::Job(job)),
            job = self.peek_until_ended(id, most, &waiter) => job,
        }
    }

    async fn peek_until_ended(&self, id: JobId, most: u64, waiter: &Waiter<'_>) -> Result<Peek, WaitError> {
        loop {
            let mut woken = std::pin::pin!(waiter.woken());
            woken.as_mut().enable();
            // A job that runs here has not ended as far as the observer knows, and wakes its waiters when it does.
            if !self.observer.running_jobs.has(id) {
                let peek = self.peek(id, most).await?.ok_or(WaitError::UnknownJob { id })?;
                if peek.has_ended() {
                    return Ok(peek);
                }
            }
            woken.await;
        }
    }

    /// Appends to a job's log as far as its budget ([`JobLog`](crate::JobLog)) allows. Does nothing for an unknown job.
    pub async fn log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.store.append_log(id, lines).await
    }

    /// Returns a job's log and the records of its ended attempts. `None` if the job never existed or is not stored any
    /// more.
    pub async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        self.store.history(id).await
    }

    /// Returns a job's log, oldest line first; its last line says what was dropped. `None` for an unknown job.
    pub async fn logs(&self, id: JobId) -> Result<Option<Vec<LogLine>>, StoreError> {
        Ok(self.history(id).await?.map(|history| history.log))
    }

    /// Stores the recording of an attempt ([`TaskStore::keep_recording`]).
    pub async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError> {
        self.store.keep_recording(id, run, bytes).await
    }

    /// Returns the recording of an attempt, or with `None` that of the last attempt of the job which has one.
    pub async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError> {
        self.store.recording(id, run).await
    }

    /// Returns a page of the recordings of the task, the last stored first ([`TaskStore::recordings`]).
    pub async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError> {
        self.store.recordings(before, most).await
    }

    /// Removes ended jobs whose retention is over, with as much work as `most` of them take ([`TaskStore::prune`]).
    /// Call it periodically, and again at once while it returns that there may be [`more`](Pruned::more).
    pub async fn prune(&self, most: usize) -> Result<Pruned, StoreError> {
        // A step of the store for each of ten thousand tasks without ended jobs would keep an idle host busy.
        if !self.store.may_prune() {
            return Ok(Pruned::default());
        }
        self.store.prune(most, &self.rules.load_full(), self.observer.context.clock.now()).await
    }

    /// Returns the number of jobs in each state. Cheap.
    pub fn counts(&self) -> Counts {
        self.store.counts()
    }

    /// Returns the counters of what the task does: how often, and how it ends.
    pub fn counters(&self) -> &Counters {
        &self.observer.counters
    }

    /// Replaces the stored progress of a running job by the live one.
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

    /// Returns how many jobs were ever added, if nothing is left to do. For a closed task: if nothing runs here.
    pub(crate) async fn added_if_idle(&self) -> Option<u64> {
        let counts = self.store.counts_now().await.ok()?;
        let is_idle =
            if self.observer.is_closed() { !self.observer.running_jobs.has_running() } else { counts.is_idle() };
        is_idle.then_some(counts.added)
    }

    /// Replaces the rules from now on.
    pub fn set_rules(&self, rules: impl Into<Arc<Rules>>) {
        self.rules.store(rules.into());
    }

    /// Returns what is measured of the task.
    pub(crate) fn sums(&self) -> Sums {
        Sums { counts: self.counts(), totals: self.counters().totals() }
    }

    /// Updates the task's metrics at `now`.
    pub(crate) fn measure(&self, now: Timestamp) {
        meters::measure(|| meters::series_label(self.key()), &self.measured, &self.sums(), now);
    }
}

impl std::fmt::Debug for TaskQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskQueue").field("key", self.key()).finish_non_exhaustive()
    }
}
