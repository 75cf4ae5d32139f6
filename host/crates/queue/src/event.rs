//! Events: what happened to jobs, for followers. Events are neither durable nor complete: the last ones of each tenant
//! are retained, and a slower follower misses some and gets a [`Gap`]. The store has the truth.

use std::sync::Arc;

use saggar_job::{FailureKind, JobKey, Timestamp};

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

/// Something that happened to a job. Except for [`Started`](JobEventKind::Started) and
/// [`Progress`](JobEventKind::Progress), it is durable when the event is emitted. The events of a job are emitted in
/// order.
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
    /// Its guest reported progress. Emitted at most once in 100 ms per job, and the last values before the attempt's
    /// end.
    Progress(Progress),
    /// An attempt failed, and another one follows.
    Retrying {
        /// The earliest start of the next attempt.
        run_at: Timestamp,
    },
    /// Its cancellation was requested while an attempt runs, which is being stopped. Emitted for every such request.
    Cancelling,
    /// An attempt was undone; the job waits again.
    Requeued,
    /// It had ended, was retried on request, and waits again.
    Retried,
    /// It was deleted.
    Deleted,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed {
        /// Why.
        reason: FailureKind,
    },
}

/// An event with its number. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its position among the tenant's events.
    pub id: EventId,
    /// When it happened, by the same clock as the job's own times. The clock may be set, so events are ordered by id.
    pub at: Timestamp,
    /// What happened.
    pub event: Arc<JobEvent>,
}
