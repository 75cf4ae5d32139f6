//! Whether the host takes jobs, as `/readyz` says it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether the host takes jobs. Cheap to clone; all clones say the same.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

const READY: u8 = 0;
const DRAINING: u8 = 1;
const STORE_FAILED: u8 = 2;

impl Readiness {
    /// From now on the host drains.
    pub fn drain(&self) {
        // A store that failed stays failed.
        let _ = self.0.compare_exchange(READY, DRAINING, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// From now on the store can be trusted no more.
    pub fn store_failed(&self) {
        self.0.store(STORE_FAILED, Ordering::Relaxed);
    }

    /// Whether the host takes jobs.
    pub fn is_ready(&self) -> bool {
        self.why_not().is_none()
    }

    /// Why the host is not ready, if it is not.
    pub(crate) fn why_not(&self) -> Option<crate::Code> {
        match self.0.load(Ordering::Relaxed) {
            READY => None,
            DRAINING => Some(crate::Code::Stopping),
            _ => Some(crate::Code::StoreFailed),
        }
    }
}
