//! Who waits for something to happen to which job, such as its end. Costs one load each time while nobody waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use saggar_job::JobId;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    count: AtomicUsize,
    by_job: Mutex<HashMap<JobId, Arc<Notify>>>,
}

impl Waiters {
    /// Registers somebody who waits for `id`, until the guard is dropped. Do this before you look at the job.
    pub(crate) fn register(&self, id: JobId) -> Waiter<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let woken = Arc::clone(self.by_job.lock().entry(id).or_default());
        Waiter { waiters: self, id, woken }
    }

    /// Wakes all who wait for `id`, after it has happened.
    pub(crate) fn wake(&self, id: JobId) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(woken) = self.by_job.lock().get(&id) {
            woken.notify_waiters();
        }
    }
}

pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    id: JobId,
    woken: Arc<Notify>,
}

impl Waiter<'_> {
    pub(crate) fn woken(&self) -> &Notify {
        &self.woken
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut by_job = self.waiters.by_job.lock();
        // The map's and this one: nobody else waits for the job.
        if Arc::strong_count(&self.woken) == 2 {
            by_job.remove(&self.id);
        }
        drop(by_job);
        self.waiters.count.fetch_sub(1, Ordering::SeqCst);
    }
}
