//! Following events: from now on or after one that was heard, at the follower's own pace.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{JobKey, TaskKey};
use tokio::time::Instant;

use super::armed::Mark;
use super::ring::{Place, Ring};
use super::{EventId, KeptEvent};

/// Time between two readings of a follower that has read everything: sooner than people see, and late enough that
/// thousands of followers of busy tasks cost the jobs next to nothing, for an event wakes a follower at most once in it.
const PACE: Duration = Duration::from_millis(10);

/// Which events are followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventFilter {
    /// Those of all jobs of a tenant.
    Tenant(Arc<str>),
    /// Those of all jobs of a task.
    Task(TaskKey),
    /// Those of one job.
    Job(JobKey),
}

impl EventFilter {
    /// The tenant of which events are followed.
    pub fn tenant(&self) -> &Arc<str> {
        match self {
            Self::Tenant(tenant) => tenant,
            Self::Task(key) => &key.tenant,
            Self::Job(key) => &key.task.tenant,
        }
    }

    /// Whether events of the job are followed; it is the same tenant's.
    pub(super) fn matches(&self, job: &JobKey) -> bool {
        match self {
            Self::Tenant(_) => true,
            Self::Task(key) => job.task.task == key.task,
            Self::Job(key) => job.id == key.id && job.task.task == key.task.task,
        }
    }
}

/// Some events are not kept any more: look at the jobs themselves to know where they stand. Following goes on with the
/// oldest event that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("some events are not kept any more")]
pub struct Gap {
    /// How many events of the tenant that is; no more than these were for the follower. None if the event after which to
    /// follow is not known, because it is of an earlier process or was not kept from then on.
    pub events: Option<u64>,
}

/// Somebody who follows events ([`Queue::follow`](crate::Queue::follow)). Holds no events while it waits, only its place
/// among those that are kept, so its slowness costs nobody memory.
#[derive(Debug)]
pub struct Followed {
    ring: Arc<Ring>,
    filter: EventFilter,
    mark: Arc<Mark>,
    place: Place,
    pace: Duration,
    read_at: Option<Instant>,
}

impl Followed {
    pub(crate) fn new(ring: Arc<Ring>, filter: EventFilter, after: Option<EventId>) -> Self {
        let mark = Arc::new(Mark::default());
        let place = ring.enter(&filter, &mark, after);
        Self { ring, filter, mark, place, pace: PACE, read_at: None }
    }

    /// Without [`PACE`]: for listeners within the process, which are few.
    pub(super) fn hasty(mut self) -> Self {
        self.pace = Duration::ZERO;
        self
    }

    /// The next events, no more than `most` (taken as 1 if it is 0), in the order of their numbers; waits until there is
    /// one. Once all were read it does not look again for 10 ms. Cancel-safe: dropping the future loses no event.
    ///
    /// # Errors
    ///
    /// If some were not kept. The next call goes on with the oldest that is. A follower that has read everything misses
    /// nothing because of events that are not for it, however many; one that has not may be told of a gap in which
    /// nothing was for it.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timers enabled.
    pub async fn next_batch(&mut self, most: usize) -> Result<Vec<KeptEvent>, Gap> {
        loop {
            if self.place == Place::End
                && let Some(read_at) = self.read_at.filter(|read_at| read_at.elapsed() < self.pace)
            {
                tokio::time::sleep_until(read_at + self.pace).await;
            }
            self.read_at = Some(Instant::now());
            let batch = self.ring.read(&self.filter, &self.mark, &mut self.place, most.max(1))?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            // A mark that was set since the reading has left a permit here.
            self.mark.told.notified().await;
        }
    }

    /// Like [`next_batch`](Self::next_batch), but waits for nothing: no event means that all were read that happened before
    /// the call.
    ///
    /// # Errors
    ///
    /// As `next_batch`.
    pub fn read_kept(&mut self, most: usize) -> Result<Vec<KeptEvent>, Gap> {
        self.ring.read(&self.filter, &self.mark, &mut self.place, most.max(1))
    }

    /// The id to follow after so that nothing is missed of what [`next_batch`](Self::next_batch) has not answered yet. It
    /// goes on with all the tenant's events: whoever remembers this one now and then, rather than only that of the last
    /// event that was for him, comes back without a gap though much else has happened. None before a gap was told that
    /// is due.
    pub fn reached(&self) -> Option<EventId> {
        self.ring.reached(&self.mark, self.place)
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.ring.leave(&self.filter, &self.mark);
    }
}
