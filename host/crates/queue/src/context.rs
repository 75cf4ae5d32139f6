//! What all tasks of a queue share: the clock, the random numbers, the events of each tenant, and the callers that wait
//! for idleness.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use saggar_job::Clock;
use tokio::sync::Notify;

use crate::event::Ring;

pub(crate) struct QueueContext {
    pub(crate) clock: Arc<dyn Clock>,
    chance: Mutex<fastrand::Rng>,
    events: RwLock<Rings>,
    /// Notified when a task may have become idle while a caller waits for that.
    idle: Notify,
    idle_waiters: AtomicUsize,
}

/// The events of each tenant. The operator names the tenants, so their number is bounded.
#[derive(Default)]
struct Rings {
    by_tenant: HashMap<Arc<str>, Arc<Ring>>,
    /// How many events of each tenant are retained even without followers.
    kept: usize,
}

impl QueueContext {
    pub(crate) fn new(clock: Arc<dyn Clock>, chance: fastrand::Rng) -> Self {
        Self {
            clock,
            chance: Mutex::new(chance),
            events: RwLock::default(),
            idle: Notify::new(),
            idle_waiters: AtomicUsize::new(0),
        }
    }

    /// Returns a random number from 0 up to 1.
    pub(crate) fn chance(&self) -> f64 {
        self.chance.lock().f64()
    }

    /// Returns the events of a tenant. Takes a lock, so callers that need them for each job store the result.
    pub(crate) fn events(&self, tenant: &Arc<str>) -> Arc<Ring> {
        let known = self.events.read().by_tenant.get(tenant).cloned();
        known.unwrap_or_else(|| {
            let mut rings = self.events.write();
            let kept = rings.kept;
            Arc::clone(rings.by_tenant.entry(Arc::clone(tenant)).or_insert_with(|| Arc::new(Ring::new(kept))))
        })
    }

    /// Forgets the events of a tenant. Its followers keep what they have, and get no more.
    pub(crate) fn forget_events(&self, tenant: &str) {
        self.events.write().by_tenant.remove(tenant);
    }

    /// Returns the number of followers, of all tenants together.
    pub(crate) fn followers(&self) -> usize {
        self.events.read().by_tenant.values().map(|ring| ring.followers()).sum()
    }

    pub(crate) fn keep_events(&self, most: usize) {
        let mut rings = self.events.write();
        rings.kept = most;
        rings.by_tenant.values().for_each(|ring| ring.keep(most));
    }

    /// Registers a caller that waits for idleness, until the guard is dropped.
    pub(crate) fn register_idle_waiter(&self) -> IdleWaiter<'_> {
        self.idle_waiters.fetch_add(1, Ordering::SeqCst);
        IdleWaiter(self)
    }

    /// Wakes the callers that wait for idleness, which check the store. Call it after each change that may have left
    /// nothing to do. Costs one load while there are none.
    pub(crate) fn recheck_idle(&self) {
        if self.idle_waiters.load(Ordering::SeqCst) > 0 {
            self.idle.notify_waiters();
        }
    }
}

impl std::fmt::Debug for QueueContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueContext").finish_non_exhaustive()
    }
}

/// A caller that waits for idleness. While it exists, tasks that may have become idle notify it.
pub(crate) struct IdleWaiter<'a>(&'a QueueContext);

impl IdleWaiter<'_> {
    pub(crate) fn idle(&self) -> &Notify {
        &self.0.idle
    }
}

impl Drop for IdleWaiter<'_> {
    fn drop(&mut self) {
        self.0.idle_waiters.fetch_sub(1, Ordering::SeqCst);
    }
}
