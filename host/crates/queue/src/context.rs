//! What all tasks of a queue share: the clock, chance, the events of each tenant, and who waits for quiet.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use saggar_job::{Clock, Timestamp};
use tokio::sync::Notify;

use crate::event::Ring;

pub(crate) struct QueueContext {
    clock: Arc<dyn Clock>,
    chance: Mutex<fastrand::Rng>,
    events: RwLock<Rings>,
    /// Told when a task has become idle while somebody waits for that.
    quiet: Notify,
    quiet_wanted: AtomicUsize,
}

/// The events of each tenant. Tenants are the operator's to name, so there are not more than he wants.
#[derive(Default)]
struct Rings {
    by_tenant: HashMap<Arc<str>, Arc<Ring>>,
    /// How many of each tenant's are kept though nobody listens.
    kept: usize,
}

impl QueueContext {
    pub(crate) fn new(clock: Arc<dyn Clock>, chance: fastrand::Rng) -> Self {
        Self {
            clock,
            chance: Mutex::new(chance),
            events: RwLock::default(),
            quiet: Notify::new(),
            quiet_wanted: AtomicUsize::new(0),
        }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A random number from 0 up to 1.
    pub(crate) fn chance(&self) -> f64 {
        self.chance.lock().f64()
    }

    /// The events of a tenant. For those who hold on to it: every job asks.
    pub(crate) fn events(&self, tenant: &Arc<str>) -> Arc<Ring> {
        let known = self.events.read().by_tenant.get(tenant).cloned();
        known.unwrap_or_else(|| {
            let mut rings = self.events.write();
            let kept = rings.kept;
            Arc::clone(rings.by_tenant.entry(Arc::clone(tenant)).or_insert_with(|| Arc::new(Ring::new(kept))))
        })
    }

    /// How many follow events, of whatever tenant.
    pub(crate) fn followers(&self) -> usize {
        self.events.read().by_tenant.values().map(|ring| ring.followers()).sum()
    }

    pub(crate) fn keep_events(&self, most: usize) {
        let mut rings = self.events.write();
        rings.kept = most;
        rings.by_tenant.values().for_each(|ring| ring.keep(most));
    }

    /// Registers somebody who waits for quiet, until the guard is dropped.
    pub(crate) fn want_quiet(&self) -> QuietWanted<'_> {
        self.quiet_wanted.fetch_add(1, Ordering::SeqCst);
        QuietWanted(self)
    }

    pub(crate) fn is_quiet_wanted(&self) -> bool {
        self.quiet_wanted.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn tell_quiet(&self) {
        self.quiet.notify_waiters();
    }
}

impl std::fmt::Debug for QueueContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueContext").finish_non_exhaustive()
    }
}

/// While this lives, tasks that become idle say so.
pub(crate) struct QuietWanted<'a>(&'a QueueContext);

impl QuietWanted<'_> {
    pub(crate) fn quiet(&self) -> &Notify {
        &self.0.quiet
    }
}

impl Drop for QuietWanted<'_> {
    fn drop(&mut self) {
        self.0.quiet_wanted.fetch_sub(1, Ordering::SeqCst);
    }
}
