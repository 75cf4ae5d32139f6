//! Changes from outside: cancelling, retrying and deleting jobs, pausing and resuming the task.

use std::sync::Arc;

use saggar_job::{JobId, Reason, Run, State, Timestamp};

use super::TaskQueue;
use crate::rates::Counted;
use crate::{Change, ChangeError, Changed, JobEventKind, StoreError};

impl TaskQueue {
    /// Ends a job that waits, at once; tells the running attempt of one that runs to stop, after which no other follows.
    /// Does not wait for that.
    ///
    /// Atomic. When the future is dropped before it answered, a running attempt may not have been told, though no other
    /// follows; cancel again to tell it.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::Ended`].
    pub async fn cancel(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Cancel).await
    }

    /// Lets an ended job wait again, with all its attempts before it; its id, log and records stay.
    ///
    /// Atomic. When the future is dropped it may have happened.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::NotEnded`], [`ChangeError::CallbackPending`], [`ChangeError::NotUnique`].
    pub async fn retry(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Retry).await
    }

    /// Removes a waiting or ended job with all that is kept of it. No handler is told; whoever waits for its end learns
    /// that there is no such job.
    ///
    /// Atomic. When the future is dropped it may have happened.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::Running`].
    pub async fn delete(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Delete).await
    }

    /// Delivers the callbacks of an ended job now that were given up or are deferred, as if they had never been tried.
    ///
    /// Atomic. When the future is dropped it may have happened.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::NotEnded`], [`ChangeError::CallbackPending`], [`ChangeError::NotGivenUp`].
    pub async fn redeliver(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Redeliver).await
    }

    /// Lets no attempt begin until the task is resumed, in later processes neither; running ones go on, and jobs can be
    /// added. [`Counts::paused`](crate::Counts::paused) tells.
    pub async fn pause(&self) -> Result<(), StoreError> {
        self.store.set_paused(true).await.map(drop)
    }

    /// Lets attempts begin again.
    pub async fn resume(&self) -> Result<(), StoreError> {
        let left = self.store.set_paused(false).await?;
        // Whoever is woken wakes the next one if there is more.
        self.slots.ring_for(left);
        Ok(())
    }

    async fn change(&self, id: JobId, change: Change) -> Result<(), ChangeError> {
        let (rules, now) = (self.rules.load_full(), self.hub.now());
        match self.store.change(id, change, &rules, now).await? {
            Changed::Stopping(run) => {
                // Before it is stopped, so that its end is heard of after this.
                self.tell_listeners(id, JobEventKind::Cancelling, now);
                if !self.roster.cancel(id, run) && !self.runs(id, run).await? {
                    self.roster.forget_cancel(id, run);
                }
            }
            Changed::Cancelled { noticed } => self.after_cancel(id, noticed, now),
            Changed::Retried { left } => {
                self.slots.ring_for(left);
                self.tell_listeners(id, JobEventKind::Retried, now);
            }
            Changed::Deleted => {
                self.tell_listeners(id, JobEventKind::Deleted, now);
                self.ended(id, None);
            }
            Changed::Redelivered => {
                self.adds.ring();
                self.ends.ring();
            }
        }
        Ok(())
    }

    /// Tells everybody concerned that a job has ended that was cancelled while no attempt of it ran.
    fn after_cancel(&self, id: JobId, noticed: bool, now: Timestamp) {
        if noticed {
            self.ends.ring();
        }
        self.tally.count(Counted::Failed, 1, now);
        self.tally.endings.count_job(Reason::Cancelled);
        self.tell_listeners(id, JobEventKind::Failed { reason: Reason::Cancelled }, now);
        self.ended(id, None);
    }

    /// Hears of jobs that were cancelled while a claim of them was on its way to somebody who had gone: they ended when it was
    /// taken back, and no attempt is there to tell of it.
    pub(crate) fn hear_of_taken_back(self: &Arc<Self>) {
        // The store lives as long as the queue, not the other way round.
        let queue = Arc::downgrade(self);
        self.store.on_taken_back(Arc::new(move |id, run, ended| {
            if let Some(queue) = queue.upgrade() {
                queue.roster.forget_cancel(id, run);
                queue.after_cancel(id, ended.noticed, queue.hub.now());
            }
        }));
    }

    /// Whether the attempt `run` of the job runs, as far as the store knows.
    async fn runs(&self, id: JobId, of: Run) -> Result<bool, StoreError> {
        let job = self.store.get(id).await?;
        Ok(job.is_some_and(|job| matches!(job.life.state, State::Running { run, .. } if run == of)))
    }

    fn tell_listeners(&self, id: JobId, kind: JobEventKind, at: Timestamp) {
        if self.tells() {
            self.tell(id, kind, at);
        }
    }
}
