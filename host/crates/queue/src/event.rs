//! Events: what happened to jobs, for whoever listens. Not durable and not complete: a listener that is slow misses
//! some and is told how many; the store has the truth.

use std::sync::Arc;

use saggar_job::{JobKey, Reason, Timestamp};
use tokio::sync::broadcast;

use crate::Progress;
use crate::hub::Hub;

/// Something that happened to a job. It has lasted by the time it is heard of. What one attempt does is heard in order;
/// but whoever added the job may be a moment behind the slot that began it, so `Added` may come after `Started`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEvent {
    /// The job.
    pub key: JobKey,
    /// What happened.
    pub kind: JobEventKind,
}

/// What happened to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEventKind {
    /// It was added.
    Added,
    /// An attempt began.
    Started {
        /// Its number, from 1.
        attempt: u32,
    },
    /// Its guest reported progress. At most once in 100 ms for a job, and the last values before an attempt's end.
    Progress(Progress),
    /// An attempt failed, and another one follows.
    Retrying {
        /// Not before this moment.
        run_at: Timestamp,
    },
    /// An attempt was undone; the job waits again.
    PutBack,
    /// It had ended, and waits again, for somebody wants it to.
    Retried,
    /// It was deleted.
    Deleted,
    /// It ended well.
    Succeeded,
    /// It ended otherwise.
    Failed {
        /// In which way.
        reason: Reason,
    },
}

/// A listener to the events of all tasks of a [`Queue`](crate::Queue), from the moment it subscribed.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<JobEvent>,
    hub: Arc<Hub>,
}

/// A listener was too slow: this many events were overwritten before it heard them. It goes on with the oldest that is
/// left; look at the jobs themselves to know where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed")]
pub struct Missed(pub u64);

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<JobEvent>, hub: Arc<Hub>) -> Self {
        Self { receiver, hub }
    }

    /// The next event; waits for one. Cancel-safe: dropping the future loses no event.
    pub async fn next(&mut self) -> Result<JobEvent, Missed> {
        match self.receiver.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Err(Missed(missed)),
            // The hub that this listener holds holds the sender.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.hub.unlisten();
    }
}
