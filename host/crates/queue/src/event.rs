//! Events: what happened to jobs, for whoever listens. Not durable and not complete: the last ones of each tenant are
//! kept, and who is slower misses some and is told; the store has the truth.

use std::sync::Arc;

use saggar_job::{JobKey, Reason, Timestamp};

use crate::Progress;

mod armed;
mod follow;
mod id;
mod listener;
mod ring;

pub use follow::{EventFilter, Followed, Gap};
pub use id::{BadEventId, EventId};
pub use listener::{Events, Missed};
pub(crate) use ring::Ring;

/// Something that happened to a job. It is durable by the time it is heard of, and the events of a job are heard in order.
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
    /// The job was cancelled while an attempt runs, which is being stopped. Once for every such request.
    Cancelling,
    /// An attempt was undone; the job waits again.
    Requeued,
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

/// An event with its number. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its place among the tenant's events.
    pub id: EventId,
    /// When it happened, as the job's own times say. Clocks may be set: the order is that of the ids.
    pub at: Timestamp,
    /// What happened.
    pub event: Arc<JobEvent>,
}
