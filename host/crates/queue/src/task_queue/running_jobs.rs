//! The attempts that run in this process, so that they can be shown and stopped.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run};

use crate::Running;

#[derive(Default)]
pub(crate) struct RunningJobs(Mutex<HashMap<JobId, Entry, foldhash::fast::RandomState>>);

enum Entry {
    Running(Arc<Running>),
    /// The attempt was cancelled after the store began it and before it was entered here.
    CancelledEarly(Run),
}

impl RunningJobs {
    pub(crate) fn enter(&self, running: &Arc<Running>) {
        let before = self.0.lock().insert(running.id(), Entry::Running(Arc::clone(running)));
        if matches!(before, Some(Entry::CancelledEarly(run)) if run == running.run()) {
            running.cancel_signal().set();
        }
    }

    pub(crate) fn leave(&self, id: JobId, run: Run) {
        let mut entries = self.0.lock();
        if entries.get(&id).is_some_and(|entry| entry.run() == run) {
            entries.remove(&id);
        }
    }

    pub(crate) fn find(&self, id: JobId, run: Run) -> Option<Arc<Running>> {
        match self.0.lock().get(&id) {
            Some(Entry::Running(running)) if running.run() == run => Some(Arc::clone(running)),
            _ => None,
        }
    }

    /// Returns whether an attempt of the job runs here.
    pub(crate) fn has(&self, id: JobId) -> bool {
        matches!(self.0.lock().get(&id), Some(Entry::Running(_)))
    }

    /// Returns the jobs whose running attempts have progress that contains `text`.
    pub(crate) fn matching_progress(&self, text: &str) -> HashSet<JobId> {
        let entries = self.0.lock();
        let matching_progress = entries.values().filter_map(|entry| match entry {
            Entry::Running(running) if running.contains_text(text) => Some(running.id()),
            Entry::Running(_) | Entry::CancelledEarly(_) => None,
        });
        matching_progress.collect()
    }

    pub(crate) fn has_running(&self) -> bool {
        self.0.lock().values().any(|entry| matches!(entry, Entry::Running(_)))
    }

    /// Sets the attempt's cancel signal. If the attempt is not here yet, its signal is set when it is entered.
    pub(crate) fn cancel(&self, id: JobId, run: Run) {
        let mut entries = self.0.lock();
        match entries.get(&id) {
            Some(Entry::Running(running)) if running.run() >= run => {
                if running.run() == run {
                    running.cancel_signal().set();
                }
            }
            _ => drop(entries.insert(id, Entry::CancelledEarly(run))),
        }
    }

    /// Forgets an attempt that was cancelled before it was entered and never will be entered.
    pub(crate) fn forget_cancel(&self, id: JobId) {
        let mut entries = self.0.lock();
        if matches!(entries.get(&id), Some(Entry::CancelledEarly(_))) {
            entries.remove(&id);
        }
    }

    /// Returns the attempts that run here.
    pub(crate) fn running(&self) -> Vec<Arc<Running>> {
        let entries = self.0.lock();
        let running = entries.values().filter_map(|entry| match entry {
            Entry::Running(running) => Some(Arc::clone(running)),
            Entry::CancelledEarly(_) => None,
        });
        running.collect()
    }
}

impl Entry {
    fn run(&self) -> Run {
        match self {
            Self::Running(running) => running.run(),
            Self::CancelledEarly(run) => *run,
        }
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::{SystemClock, TaskKey};

    use super::super::running::Began;
    use super::*;
    use crate::{MemoryStore, Queue, Rules};

    async fn running(run: u64) -> Arc<Running> {
        let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        let task = queue.open(TaskKey::new("default", "running_jobs"), Rules::default()).await.unwrap();
        Arc::new(Running::new(Arc::clone(task.observer()), JobId(1), Run(run), 1, Began::default()))
    }

    #[tokio::test]
    async fn an_attempt_that_is_cancelled_before_it_is_entered_gets_its_signal() {
        let (running_jobs, attempt) = (RunningJobs::default(), running(3).await);
        running_jobs.cancel(JobId(1), Run(3));
        running_jobs.enter(&attempt);
        assert!(attempt.cancel_signal().is_cancelled());
        assert!(running_jobs.find(JobId(1), Run(3)).is_some());
    }

    #[tokio::test]
    async fn a_cancel_never_stops_another_attempt() {
        let (running_jobs, earlier, later) = (RunningJobs::default(), running(3).await, running(4).await);
        running_jobs.cancel(JobId(1), Run(3));
        running_jobs.enter(&later);
        assert!(!later.cancel_signal().is_cancelled(), "another attempt was cancelled");
        running_jobs.cancel(JobId(1), Run(3));
        assert!(!later.cancel_signal().is_cancelled(), "the cancelled attempt is over");
        running_jobs.leave(JobId(1), earlier.run());
        assert!(running_jobs.find(JobId(1), Run(4)).is_some(), "an attempt removes only its own entry");
    }

    #[tokio::test]
    async fn a_forgotten_cancel_stops_no_attempt() {
        let (running_jobs, attempt) = (RunningJobs::default(), running(3).await);
        running_jobs.cancel(JobId(1), Run(3));
        running_jobs.forget_cancel(JobId(1));
        running_jobs.enter(&attempt);
        assert!(!attempt.cancel_signal().is_cancelled());
    }
}
