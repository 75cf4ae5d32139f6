//! Changes from outside: cancelling, retrying and deleting jobs, pausing and resuming the task.

use saggar_job::JobId;

use super::TaskQueue;
use crate::{Change, ChangeError, StoreError};

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
        self.store.set_paused(true).await
    }

    /// Lets attempts begin again.
    pub async fn resume(&self) -> Result<(), StoreError> {
        self.store.set_paused(false).await
    }

    async fn change(&self, id: JobId, change: Change) -> Result<(), ChangeError> {
        self.store.change(id, change, &self.rules.load_full(), self.context().now()).await
    }
}
