//! Claims and callbacks that were dropped before they were settled, until the next caller that looks for work picks
//! them up.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use saggar_job::{JobId, Run};

use crate::Progress;

/// Items that were dropped.
pub(crate) struct Abandoned<T> {
    /// Whether there are items; without any, callers do not lock.
    has_any: AtomicBool,
    items: Mutex<Vec<T>>,
}

/// An attempt whose claim was dropped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AbandonedAttempt {
    pub(crate) id: JobId,
    pub(crate) run: Run,
    pub(crate) progress: Option<Progress>,
}

impl<T: Clone + PartialEq> Abandoned<T> {
    pub(crate) fn put(&self, item: T) {
        let mut items = self.items.lock();
        items.push(item);
        self.has_any.store(true, Ordering::SeqCst);
    }

    /// Returns one of the items. It stays, so that it is not lost when the caller is dropped too. Several callers may
    /// handle it at once.
    pub(crate) fn peek(&self) -> Option<T> {
        if !self.has_any.load(Ordering::SeqCst) {
            return None;
        }
        self.items.lock().last().cloned()
    }

    /// Removes an item that was handled.
    pub(crate) fn remove(&self, item: &T) {
        let mut items = self.items.lock();
        items.retain(|other| other != item);
        if items.is_empty() {
            self.has_any.store(false, Ordering::SeqCst);
        }
    }
}

impl<T> Default for Abandoned<T> {
    fn default() -> Self {
        Self { has_any: AtomicBool::new(false), items: Mutex::default() }
    }
}
