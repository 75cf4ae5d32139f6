//! Who waits for which job to end. Costs one load per job while nobody waits.

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
        let ended = Arc::clone(self.by_job.lock().entry(id).or_default());
        Waiter { waiters: self, id, ended }
    }

    /// Wakes all who wait for `id`, after it has ended.
    pub(crate) fn wake(&self, id: JobId) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(ended) = self.by_job.lock().get(&id) {
            ended.notify_waiters();
        }
    }
}

pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    id: JobId,
    ended: Arc<Notify>,
}

impl Waiter<'_> {
    pub(crate) fn ended(&self) -> &Notify {
        &self.ended
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut by_job = self.waiters.by_job.lock();
        // The map's and this one: nobody else waits for the job.
        if Arc::strong_count(&self.ended) == 2 {
            by_job.remove(&self.id);
        }
        drop(by_job);
        self.waiters.count.fetch_sub(1, Ordering::SeqCst);
    }
}
