//! Waiters for something to happen to a job, such as its end. Costs one load each time while there are no waiters.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use saggar_job::JobId;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::Job;

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    count: AtomicUsize,
    by_job: Mutex<HashMap<JobId, Vec<Arc<Waiting>>, foldhash::fast::RandomState>>,
}

/// The state of one waiter.
#[derive(Debug, Default)]
struct Waiting {
    woken: Notify,
    job: Mutex<Option<Arc<Job>>>,
}

impl Waiters {
    /// Registers a waiter for `id`, until the guard is dropped. Call it before reading the job.
    pub(crate) fn register(&self, id: JobId) -> Waiter<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let waiting = Arc::new(Waiting::default());
        self.by_job.lock().entry(id).or_default().push(Arc::clone(&waiting));
        Waiter { waiters: self, id, waiting }
    }

    /// Returns whether `id` has waiters.
    pub(crate) fn has(&self, id: JobId) -> bool {
        self.count.load(Ordering::SeqCst) > 0 && self.by_job.lock().contains_key(&id)
    }

    /// Wakes all waiters for `id`. Without the `job` they look it up themselves.
    pub(crate) fn wake(&self, id: JobId, job: Option<Arc<Job>>) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        for waiting in self.by_job.lock().get(&id).into_iter().flatten() {
            if job.is_some() {
                waiting.job.lock().clone_from(&job);
            }
            waiting.woken.notify_waiters();
        }
    }

    /// Wakes all waiters, which check their jobs again.
    pub(crate) fn wake_all(&self) {
        self.by_job.lock().values().flatten().for_each(|waiting| waiting.woken.notify_waiters());
    }
}

pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    id: JobId,
    waiting: Arc<Waiting>,
}

impl Waiter<'_> {
    /// Returns the next wake-up. Enable it before reading the job.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.waiting.woken.notified()
    }

    /// Waits for the snapshot that comes with the job's end. Never returns if the job ends without one. Cancel-safe.
    pub(crate) async fn snapshot(&self) -> Job {
        loop {
            let mut woken = std::pin::pin!(self.woken());
            woken.as_mut().enable();
            if let Some(job) = self.waiting.job.lock().take() {
                return Arc::unwrap_or_clone(job);
            }
            woken.await;
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut by_job = self.waiters.by_job.lock();
        if let Some(waiting) = by_job.get_mut(&self.id) {
            waiting.retain(|other| !Arc::ptr_eq(other, &self.waiting));
            if waiting.is_empty() {
                by_job.remove(&self.id);
            }
        }
        drop(by_job);
        self.waiters.count.fetch_sub(1, Ordering::SeqCst);
    }
}
