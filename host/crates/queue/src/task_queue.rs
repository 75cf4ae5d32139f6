//! One task's queue: what its slots, its handlers and those who look at its jobs hold.

use std::sync::Arc;

use arc_swap::ArcSwap;
use saggar_job::{JobId, JobKey, State, TaskKey};

use crate::doorbell::Doorbell;
use crate::hub::Hub;
use crate::waiters::Waiters;
use crate::{
    AddError, CancelError, Cancelled, Counts, Job, JobEvent, JobEventKind, Left, LogLine, NewJob, NoticeNumber, Rules,
    StoreError, TaskStore, WaitError,
};

mod abandoned;
mod attempts;
mod notices;
mod roster;

use abandoned::{Abandoned, AbandonedAttempt};
use roster::Roster;

/// The queue of one task. Shared by everybody who works on it; every method may be called by any number at once.
pub struct TaskQueue {
    key: TaskKey,
    store: Arc<dyn TaskStore>,
    rules: ArcSwap<Rules>,
    hub: Arc<Hub>,
    /// For those who wait for a job to run.
    slots: Doorbell,
    /// For those who wait for a notice to tell.
    lanes: Doorbell,
    roster: Roster,
    abandoned_attempts: Abandoned<AbandonedAttempt>,
    abandoned_notices: Abandoned<NoticeNumber>,
    waiters: Waiters,
}

impl TaskQueue {
    pub(crate) fn new(key: TaskKey, store: Arc<dyn TaskStore>, rules: Rules, hub: Arc<Hub>) -> Self {
        Self {
            key,
            store,
            rules: ArcSwap::from_pointee(rules),
            hub,
            slots: Doorbell::new(),
            lanes: Doorbell::new(),
            roster: Roster::default(),
            abandoned_attempts: Abandoned::default(),
            abandoned_notices: Abandoned::default(),
            waiters: Waiters::default(),
        }
    }

    /// Which task's queue it is.
    pub fn key(&self) -> &TaskKey {
        &self.key
    }

    /// The rules that hold now.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Adds a job; it has lasted when its id is answered.
    ///
    /// Atomic. When the future is dropped the job may have been added.
    ///
    /// # Errors
    ///
    /// As [`TaskStore::add`]; then nothing was added.
    pub async fn add(&self, job: NewJob) -> Result<JobId, AddError> {
        let ids = self.add_many(vec![job]).await?;
        // A store answers one id for each job; 0 is no job's.
        Ok(ids.first().copied().unwrap_or(JobId(0)))
    }

    /// Adds all `jobs` or none; answers their ids in order.
    ///
    /// Atomic. When the future is dropped all of them or none may have been added.
    ///
    /// # Errors
    ///
    /// As [`TaskStore::add`]; then nothing was added.
    pub async fn add_many(&self, jobs: Vec<NewJob>) -> Result<Vec<JobId>, AddError> {
        let rules = self.rules.load();
        let shortest_delay_ms = jobs.iter().map(|job| job.delay_ms).min();
        let now = self.hub.now();
        let ids = self.store.add(jobs, &rules, now).await?;
        if rules.add_handler {
            self.lanes.ring();
        } else if let Some(delay_ms) = shortest_delay_ms {
            // Whoever is woken wakes the next one if there is more.
            self.slots.ring_for(Left::after(delay_ms, now));
        }
        if self.hub.has_listeners() {
            ids.iter().for_each(|id| self.tell(*id, JobEventKind::Added));
        }
        Ok(ids)
    }

    /// Looks a job up, with the live progress of its running attempt. None if it never was or retention removed it.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut job = self.store.get(id).await?;
        if let Some(job) = &mut job
            && let State::Running { run, .. } = job.life.state
            && let Some(running) = self.roster.find(id, run)
        {
            job.progress = running.latest();
        }
        Ok(job)
    }

    /// Waits until a job has ended, and answers it. Cancel-safe.
    pub async fn wait(&self, id: JobId) -> Result<Job, WaitError> {
        let waiter = self.waiters.register(id);
        loop {
            let mut ended = std::pin::pin!(waiter.ended().notified());
            ended.as_mut().enable();
            let job = self.get(id).await?.ok_or(WaitError::UnknownJob { id })?;
            if job.life.state.is_ended() {
                return Ok(job);
            }
            ended.await;
        }
    }

    /// Ends a job that waits, at once; tells the running attempt of one that runs to stop, after which no other follows.
    /// Does not wait for that.
    ///
    /// Atomic. When the future is dropped before it answered, a running attempt may not have been told, though no other
    /// follows; cancel again to tell it.
    pub async fn cancel(&self, id: JobId) -> Result<(), CancelError> {
        let rules = self.rules.load_full();
        let cancelled = match self.store.cancel(id, &rules, self.hub.now()).await {
            Ok(cancelled) => cancelled.ok_or(CancelError::UnknownJob { id })?,
            Err(StoreError::Refused { id, .. }) => return Err(CancelError::Ended { id }),
            Err(error) => return Err(error.into()),
        };
        match cancelled {
            Cancelled::Stopping(run) => {
                if !self.roster.cancel(id, run) && !self.runs(id, run).await? {
                    self.roster.forget_cancel(id, run);
                }
            }
            Cancelled::Ended { noticed } => {
                if noticed {
                    self.lanes.ring();
                }
                if self.hub.has_listeners() {
                    self.tell(id, JobEventKind::Failed { reason: saggar_job::Reason::Cancelled });
                }
                self.ended(id);
            }
        }
        Ok(())
    }

    /// Appends to a job's log as far as its budget ([`JobLog`](crate::JobLog)) allows; nothing if there is no such job.
    pub async fn log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.store.append_log(id, lines).await
    }

    /// A job's log, oldest line first; its last line says what was dropped. None if there is no such job.
    pub async fn logs(&self, id: JobId) -> Result<Option<Vec<LogLine>>, StoreError> {
        self.store.logs(id).await
    }

    /// Removes up to `most` ended jobs whose retention is over; answers how many. Fewer than `most` means that no more
    /// are due. Call it now and then, and again at once while it answers `most`.
    pub async fn prune(&self, most: usize) -> Result<usize, StoreError> {
        self.store.prune(most, &self.rules.load_full(), self.hub.now()).await
    }

    /// How many jobs stand where. Cheap.
    pub fn counts(&self) -> Counts {
        self.store.counts()
    }

    pub(crate) fn set_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Wakes all who sleep until something is due.
    pub(crate) fn look_again(&self) {
        self.slots.ring_all();
        self.lanes.ring_all();
    }

    /// Whether the attempt `run` of the job runs, as far as the store knows.
    async fn runs(&self, id: JobId, of: saggar_job::Run) -> Result<bool, StoreError> {
        let job = self.store.get(id).await?;
        Ok(job.is_some_and(|job| matches!(job.life.state, State::Running { run, .. } if run == of)))
    }

    fn tell(&self, id: JobId, kind: JobEventKind) {
        self.hub.tell(JobEvent { key: JobKey { task: self.key.clone(), id }, kind });
    }

    /// To be called after a job has ended.
    fn ended(&self, id: JobId) {
        self.waiters.wake(id);
        self.perhaps_quiet();
    }

    /// To be called after something that may have been the last thing to do.
    fn perhaps_quiet(&self) {
        if self.hub.is_quiet_wanted() && self.store.counts().is_idle() {
            self.hub.tell_quiet();
        }
    }
}

impl std::fmt::Debug for TaskQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskQueue").field("key", &self.key).finish_non_exhaustive()
    }
}
