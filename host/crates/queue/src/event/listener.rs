//! Listeners within the process: one event after the other, from now on only.

use std::sync::Arc;

use super::{Followed, Gap, JobEvent, KeptEvent};

/// Events that a listener reads at once: few, so that it holds the lock briefly, and most arrive one by one anyway.
const BATCH: usize = 64;

/// A listener to the events of all tasks of a tenant, since it subscribed.
#[derive(Debug)]
pub struct Events {
    followed: Followed,
    batch: std::vec::IntoIter<KeptEvent>,
}

/// The listener was too slow: this many events were evicted before it read them. It continues with the oldest event
/// that is retained; look the jobs up to learn their states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed")]
pub struct Missed(pub u64);

impl Events {
    pub(crate) fn new(followed: Followed) -> Self {
        Self { followed: followed.unpaced(), batch: Vec::new().into_iter() }
    }

    /// Returns the next event; waits for one. Cancel-safe: dropping the future loses no event.
    pub async fn next(&mut self) -> Result<JobEvent, Missed> {
        loop {
            if let Some(kept) = self.batch.next() {
                return Ok(Arc::unwrap_or_clone(kept.event));
            }
            // A follower that starts from now on is never at an unknown position.
            let missed = |gap: Gap| Missed(gap.events.unwrap_or(0));
            self.batch = self.followed.next_batch(BATCH).await.map_err(missed)?.into_iter();
        }
    }
}
