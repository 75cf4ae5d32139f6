//! Turns: long computations share the threads fairly, so short calls do not wait behind all of them.
//!
//! The first slice of a guest needs no turn. After a slice (one tick of the epoch), the guest waits for a turn; there
//! are as many turns as threads. So at most that many long computations are ready to run, however many slots compute,
//! and a new call waits behind one slice instead of one slice of each.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permit to run one more slice.
pub(crate) type Turn = OwnedSemaphorePermit;

/// The queue of guests that wait for a turn, first come, first served.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// Creates as many turns as threads run guests.
    pub(crate) fn new(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads.max(1))))
    }

    /// Waits for a turn and stores it in `slice_turn`, from where it is released at the end of the slice.
    pub(crate) async fn wait(self, slice_turn: Arc<Mutex<Option<Turn>>>) {
        // The semaphore is never closed. If it were, running without a turn would only be unfair.
        let turn = self.0.acquire_owned().await.ok();
        // tokio puts a woken task at the front of the thread's queue. Yielding moves it to the back, so ready calls run
        // first and the thread checks its timers and sockets.
        tokio::task::yield_now().await;
        *slice_turn.lock() = turn;
    }
}
