//! Silence about attempts that begin before the adding of their jobs has lasted: a power cut could still undo the jobs, so
//! nobody hears of them until it cannot.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::Timestamp;

use crate::Running;

/// The attempts that begin with one adding; none once it is lifted.
pub(crate) struct Hush(Mutex<Option<Vec<Hushed>>>);

struct Hushed {
    running: Arc<Running>,
    began_at: Timestamp,
}

impl Hush {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }

    /// Keeps silence about an attempt from its beginning on; answers whether it still does.
    pub(crate) fn keep(&self, running: &Arc<Running>, began_at: Timestamp) -> bool {
        let mut kept = self.0.lock();
        let Some(kept) = &mut *kept else { return false };
        running.hush();
        kept.push(Hushed { running: Arc::clone(running), began_at });
        true
    }

    /// Lets listeners hear of the attempts what they have missed, and whatever comes.
    pub(crate) fn lift(&self) {
        let kept = self.0.lock().take();
        for Hushed { running, began_at } in kept.into_iter().flatten() {
            running.speak(began_at);
        }
    }
}
