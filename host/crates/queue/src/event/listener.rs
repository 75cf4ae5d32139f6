//! Listeners within the process: one event after the other, and only from now on.

use std::sync::Arc;

use super::{Followed, Gap, JobEvent, KeptEvent};

/// Events that a listener takes at once: their time under the lock is short, and most are there one by one anyway.
const BATCH: usize = 64;

/// A listener to the events of all tasks of a tenant, from the moment it subscribed.
#[derive(Debug)]
pub struct Events {
    followed: Followed,
    batch: std::vec::IntoIter<KeptEvent>,
}

/// A listener was too slow: this many events were overwritten before it heard them. It goes on with the oldest that is
/// left; look at the jobs themselves to know where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed")]
pub struct Missed(pub u64);

impl Events {
    pub(crate) fn new(followed: Followed) -> Self {
        Self { followed: followed.hasty(), batch: Vec::new().into_iter() }
    }

    /// The next event; waits for one. Cancel-safe: dropping the future loses no event.
    pub async fn next(&mut self) -> Result<JobEvent, Missed> {
        loop {
            if let Some(kept) = self.batch.next() {
                return Ok(Arc::unwrap_or_clone(kept.event));
            }
            // Who follows from now on is never at an unknown place.
            let missed = |gap: Gap| Missed(gap.events.unwrap_or(0));
            self.batch = self.followed.next_batch(BATCH).await.map_err(missed)?.into_iter();
        }
    }
}
