//! Following events: from now on or after a known one, at the follower's own pace.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{JobKey, TaskKey};
use tokio::time::Instant;

use super::armed::Mark;
use super::ring::{Position, Ring};
use super::{EventId, KeptEvent};

/// Time between two reads of a follower that has read everything. Sooner than people notice, and late enough that
/// thousands of followers of busy tasks cost the jobs next to nothing, because an event wakes a follower at most once
/// in it.
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
    /// Returns the tenant whose events are followed.
    pub fn tenant(&self) -> &Arc<str> {
        match self {
            Self::Tenant(tenant) => tenant,
            Self::Task(key) => &key.tenant,
            Self::Job(key) => &key.task.tenant,
        }
    }

    /// Returns whether events of the job are followed; the job is the same tenant's.
    pub(super) fn matches(&self, job: &JobKey) -> bool {
        match self {
            Self::Tenant(_) => true,
            Self::Task(key) => job.task.task == key.task,
            Self::Job(key) => job.id == key.id && job.task.task == key.task.task,
        }
    }
}

/// Some events have been evicted: look the jobs up to learn their states. Following continues with the oldest event
/// that is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("some events have been evicted")]
pub struct Gap {
    /// How many events of the tenant were evicted; no more than these matched. `None` if the event to follow after is
    /// unknown, because it is from an earlier process or events were not retained all the time since.
    pub events: Option<u64>,
}

/// A follower of events ([`Queue::follow`](crate::Queue::follow)). It stores no events, only its position among the
/// retained ones, so a slow follower costs no memory.
#[derive(Debug)]
pub struct Followed {
    ring: Arc<Ring>,
    filter: EventFilter,
    mark: Arc<Mark>,
    position: Position,
    pace: Duration,
    read_at: Option<Instant>,
}

impl Followed {
    pub(crate) fn new(ring: Arc<Ring>, filter: EventFilter, after: Option<EventId>) -> Self {
        let mark = Arc::new(Mark::default());
        let position = ring.enter(&filter, &mark, after);
        Self { ring, filter, mark, position, pace: PACE, read_at: None }
    }

    /// Removes the pace, for listeners within the process, which are few.
    pub(super) fn unpaced(mut self) -> Self {
        self.pace = Duration::ZERO;
        self
    }

    /// Returns the next events, at most `most` (0 counts as 1), in the order of their numbers; waits until there is
    /// one. After it has read everything it does not read again for 10 ms. Cancel-safe: dropping the future loses no
    /// event.
    ///
    /// # Errors
    ///
    /// If some were evicted. The next call continues with the oldest event that is retained. A follower that has read
    /// everything misses nothing because of events that do not match, however many. One that has not may get a gap in
    /// which nothing matched.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timers enabled.
    pub async fn next_batch(&mut self, most: usize) -> Result<Vec<KeptEvent>, Gap> {
        loop {
            if self.position == Position::End
                && let Some(read_at) = self.read_at.filter(|read_at| read_at.elapsed() < self.pace)
            {
                tokio::time::sleep_until(read_at + self.pace).await;
            }
            self.read_at = Some(Instant::now());
            let batch = self.ring.read(&self.filter, &self.mark, &mut self.position, most.max(1))?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            // If the mark was set since the read, there is a permit here.
            self.mark.notify.notified().await;
        }
    }

    /// Like [`next_batch`](Self::next_batch), but does not wait: no events means that all events before the call have
    /// been read.
    ///
    /// # Errors
    ///
    /// As `next_batch`.
    pub fn read_kept(&mut self, most: usize) -> Result<Vec<KeptEvent>, Gap> {
        self.ring.read(&self.filter, &self.mark, &mut self.position, most.max(1))
    }

    /// Returns the id to follow after so that no event is missed that [`next_batch`](Self::next_batch) has not returned
    /// yet. It advances with all events of the tenant. A client that stores this id from time to time, rather than that
    /// of its last matching event, resumes without a gap even if much else has happened. `None` while a gap is due and
    /// was not returned yet.
    pub fn reached(&self) -> Option<EventId> {
        self.ring.reached(&self.mark, self.position)
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.ring.leave(&self.filter, &self.mark);
    }
}
