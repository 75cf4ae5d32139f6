//! The instance that a sandbox keeps warm between two calls. It uses memory of the tenant's quota, so it is given up when
//! another sandbox of the tenant needs that memory.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use saggar_tenant::{Idle, Quota, Tenant};

use crate::instance::LiveInstance;

/// The place of a sandbox's idle instance. Empty during calls.
#[derive(Default)]
pub(crate) struct WarmInstance(Mutex<Option<(LiveInstance, Instant)>>);

impl WarmInstance {
    /// Creates an empty place, whose instance is given up when `tenant` needs the memory.
    pub(crate) fn of(tenant: &Tenant) -> Arc<Self> {
        let place = Arc::<Self>::default();
        let weak = Arc::downgrade(&place);
        tenant.may_be_idle(Quota::Memory, weak);
        place
    }

    pub(crate) fn take(&self) -> Option<LiveInstance> {
        self.0.lock().take().map(|(live, _)| live)
    }

    pub(crate) fn is_occupied(&self) -> bool {
        self.0.lock().is_some()
    }

    pub(crate) fn keep(&self, live: LiveInstance, now: Instant) {
        *self.0.lock() = Some((live, now));
    }
}

impl Idle for WarmInstance {
    fn idle_since(&self) -> Option<Instant> {
        // A place that is locked is being emptied or filled by its sandbox.
        self.0.try_lock()?.as_ref().map(|(_, since)| *since)
    }

    fn give_up(&self) {
        let live = self.0.try_lock().and_then(|mut place| place.take());
        drop(live);
    }
}
