//! What all tasks of a queue share: the clock, chance, who listens, and who waits for quiet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use saggar_job::{Clock, Timestamp};
use tokio::sync::{Notify, broadcast};

use crate::{Events, JobEvent};

/// Events that a listener may lag behind before it misses some: about 10 ms of a busy host's.
const EVENTS_KEPT: usize = 4096;

pub(crate) struct Hub {
    clock: Arc<dyn Clock>,
    chance: Mutex<fastrand::Rng>,
    events: broadcast::Sender<JobEvent>,
    /// Counted here because asking the channel takes its lock, and every job would.
    listeners: AtomicUsize,
    /// Told when a task has become idle while somebody waits for that.
    quiet: Notify,
    quiet_wanted: AtomicUsize,
}

impl Hub {
    pub(crate) fn new(clock: Arc<dyn Clock>, chance: fastrand::Rng) -> Self {
        Self {
            clock,
            chance: Mutex::new(chance),
            events: broadcast::Sender::new(EVENTS_KEPT),
            listeners: AtomicUsize::new(0),
            quiet: Notify::new(),
            quiet_wanted: AtomicUsize::new(0),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A random number from 0 up to 1.
    pub(crate) fn chance(&self) -> f64 {
        self.chance.lock().f64()
    }

    pub(crate) fn listen(self: &Arc<Self>) -> Events {
        self.listeners.fetch_add(1, Ordering::SeqCst);
        Events::new(self.events.subscribe(), Arc::clone(self))
    }

    pub(crate) fn unlisten(&self) {
        self.listeners.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn has_listeners(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn tell(&self, event: JobEvent) {
        // An error means that the last listener has just gone.
        let _ = self.events.send(event);
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

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// While this lives, tasks that become idle say so.
pub(crate) struct QuietWanted<'a>(&'a Hub);

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
