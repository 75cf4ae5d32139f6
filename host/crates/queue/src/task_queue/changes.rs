//! Changes from outside: cancelling, retrying and deleting jobs, pausing and resuming the task.

use saggar_job::JobId;

use super::TaskQueue;
use crate::{Change, ChangeError, StoreError};

impl TaskQueue {
    /// Ends a waiting job at once. Signals the running attempt of a running job to stop, after which no other follows;
    /// does not wait for that.
    ///
    /// Atomic. If the future is dropped before it returned, a running attempt may not have been signalled, though no
    /// other follows; cancel again to signal it.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::Ended`].
    pub async fn cancel(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Cancel).await
    }

    /// Makes an ended job wait again, with all its attempts available; its id, log and records stay.
    ///
    /// Atomic. If the future is dropped, the change may have happened.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::NotEnded`], [`ChangeError::CallbackPending`],
    /// [`ChangeError::NotUnique`].
    pub async fn retry(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Retry).await
    }

    /// Removes a waiting or ended job with everything that is stored about it. No handler is called. Waiters for its
    /// end get [`WaitError::UnknownJob`](crate::WaitError::UnknownJob).
    ///
    /// Atomic. If the future is dropped, the change may have happened.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::Running`].
    pub async fn delete(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Delete).await
    }

    /// Makes the callbacks of an ended job that were given up or are deferred due now, as if they had never been tried.
    ///
    /// Atomic. If the future is dropped, the change may have happened.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`], [`ChangeError::NotEnded`], [`ChangeError::CallbackPending`],
    /// [`ChangeError::NotGivenUp`].
    pub async fn redeliver(&self, id: JobId) -> Result<(), ChangeError> {
        self.change(id, Change::Redeliver).await
    }

    /// Pauses the task: no attempt starts until it is resumed, even after a restart. Running attempts continue, and
    /// jobs can be added. See [`Counts::paused`](crate::Counts::paused).
    pub async fn pause(&self) -> Result<(), StoreError> {
        self.store.set_paused(true).await
    }

    /// Resumes the task: attempts start again.
    pub async fn resume(&self) -> Result<(), StoreError> {
        self.store.set_paused(false).await
    }

    async fn change(&self, id: JobId, change: Change) -> Result<(), ChangeError> {
        self.store.change(id, change, &self.rules.load_full(), self.observer.context.clock.now()).await
    }
}
