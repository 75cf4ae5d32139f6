//! The attempts that run here now, so that they can be shown and stopped.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run};

use crate::Running;

#[derive(Default)]
pub(crate) struct Roster(Mutex<HashMap<JobId, Entry, foldhash::fast::RandomState>>);

enum Entry {
    Running(Arc<Running>),
    /// The attempt was cancelled after the store began it and before it was entered here.
    CancelledEarly(Run),
}

impl Roster {
    pub(crate) fn enter(&self, running: &Arc<Running>) {
        let before = self.0.lock().insert(running.id(), Entry::Running(Arc::clone(running)));
        if matches!(before, Some(Entry::CancelledEarly(run)) if run == running.run()) {
            running.cancel_signal().give();
        }
    }

    pub(crate) fn leave(&self, running: &Running) {
        let mut entries = self.0.lock();
        let is_its = |entry: &Entry| matches!(entry, Entry::Running(other) if other.run() == running.run());
        if entries.get(&running.id()).is_some_and(is_its) {
            entries.remove(&running.id());
        }
    }

    pub(crate) fn find(&self, id: JobId, run: Run) -> Option<Arc<Running>> {
        match self.0.lock().get(&id) {
            Some(Entry::Running(running)) if running.run() == run => Some(Arc::clone(running)),
            _ => None,
        }
    }

    /// Gives the attempt its cancel signal. False if it is not here: then it gets the signal when it is entered; if it
    /// never will be, [`forget_cancel`](Self::forget_cancel).
    pub(crate) fn cancel(&self, id: JobId, run: Run) -> bool {
        let mut entries = self.0.lock();
        match entries.get(&id) {
            Some(Entry::Running(running)) if running.run() >= run => {
                if running.run() == run {
                    running.cancel_signal().give();
                }
                true
            }
            _ => {
                entries.insert(id, Entry::CancelledEarly(run));
                false
            }
        }
    }

    pub(crate) fn forget_cancel(&self, id: JobId, run: Run) {
        let mut entries = self.0.lock();
        if matches!(entries.get(&id), Some(Entry::CancelledEarly(early)) if *early == run) {
            entries.remove(&id);
        }
    }
}
