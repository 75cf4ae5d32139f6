//! What was dropped by those who had to finish it, until the next one who looks for work picks it up.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use saggar_job::{JobId, Run};

use crate::Progress;

/// Things that were dropped.
pub(crate) struct Abandoned<T> {
    /// Whether there is anything; spares those who look the lock.
    some: AtomicBool,
    things: Mutex<Vec<T>>,
}

/// An attempt whose claim was dropped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AbandonedAttempt {
    pub(crate) id: JobId,
    pub(crate) run: Run,
    pub(crate) progress: Option<Progress>,
}

impl<T: Clone + PartialEq> Abandoned<T> {
    pub(crate) fn put(&self, thing: T) {
        let mut things = self.things.lock();
        things.push(thing);
        self.some.store(true, Ordering::SeqCst);
    }

    /// One of the things. It stays, so that it is not lost when whoever looks is dropped too; several may deal with it at
    /// once.
    pub(crate) fn look(&self) -> Option<T> {
        if !self.some.load(Ordering::SeqCst) {
            return None;
        }
        self.things.lock().last().cloned()
    }

    /// The thing has been dealt with.
    pub(crate) fn remove(&self, thing: &T) {
        let mut things = self.things.lock();
        things.retain(|other| other != thing);
        if things.is_empty() {
            self.some.store(false, Ordering::SeqCst);
        }
    }
}

impl<T> Default for Abandoned<T> {
    fn default() -> Self {
        Self { some: AtomicBool::new(false), things: Mutex::default() }
    }
}
