//! Turns: how guests that compute for long share the threads, so that short calls need not wait behind all of them.
//!
//! A guest's first slice needs no turn. When it has used up a slice (one tick of the epoch), it waits in line for one of
//! as many turns as there are threads. So at most that many long computations are ever ready to run, however many slots
//! compute; a call that has just begun waits behind one slice of one of them, not behind a slice of each.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permission to run one more slice.
pub(crate) type Turn = OwnedSemaphorePermit;

/// The line in which guests wait for turns, first come first served.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// As many turns as there are threads that run guests.
    pub(crate) fn new(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads.max(1))))
    }

    /// Waits for a turn and leaves it in `slice_turn`, where the end of the slice takes it away.
    pub(crate) async fn wait(self, slice_turn: Arc<Mutex<Option<Turn>>>) {
        // The semaphore is never closed; if it were, going on without a turn would only be less fair.
        let turn = self.0.acquire_owned().await.ok();
        // Whoever is given a turn is put in front of the thread's queue by tokio. Going to its end instead lets calls
        // that are ready go first, and lets the thread look at its timers and sockets.
        tokio::task::yield_now().await;
        *slice_turn.lock() = turn;
    }
}
