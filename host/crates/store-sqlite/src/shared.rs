//! The writer's view of a task for other threads, available without reading the file: the counts, the running attempts
//! (a claim does not touch its job's row), and the observer. Updated after a commit and before its answers are sent.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use saggar_job::{Run, TaskKey, Timestamp};

use super::number::TaskNumber;
use saggar_store::kept_bytes::KeptBytes;
use saggar_store::{Counts, Observer};

pub(super) struct Shared {
    pub(super) task: TaskNumber,
    pub(super) key: TaskKey,
    seen: Mutex<Seen>,
    observer: Mutex<Option<Arc<dyn Observer>>>,
}

#[derive(Default)]
struct Seen {
    counts: Counts,
    plain_from: u64,
    live: HashMap<u64, Live>,
}

/// A running attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    pub(super) run: Run,
    pub(super) started_at: Timestamp,
    pub(super) attempt: u32,
    pub(super) cancelling: bool,
}

impl Shared {
    pub(super) fn new(task: TaskNumber, key: TaskKey) -> Self {
        Self { task, key, seen: Mutex::default(), observer: Mutex::default() }
    }

    /// Replaces the observer of the task.
    pub(super) fn set_observer(&self, observer: Arc<dyn Observer>) {
        *self.observer.lock() = Some(observer);
    }

    pub(super) fn observer(&self) -> Option<Arc<dyn Observer>> {
        self.observer.lock().clone()
    }

    pub(super) fn publish(&self, counts: Counts, plain_from: u64, live: impl Iterator<Item = (u64, Option<Live>)>) {
        let mut seen = self.seen.lock();
        seen.counts = counts;
        seen.plain_from = plain_from;
        for (number, live) in live {
            match live {
                Some(live) => drop(seen.live.insert(number, live)),
                None => drop(seen.live.remove(&number)),
            }
        }
    }

    /// Clears the running attempts, before all of them are published again.
    pub(super) fn clear(&self) {
        self.seen.lock().live.clear();
    }

    pub(super) fn counts(&self) -> Counts {
        self.seen.lock().counts
    }

    /// Returns the running attempt of a job.
    pub(super) fn live(&self, number: u64) -> Option<Live> {
        self.seen.lock().live.get(&number).copied()
    }

    /// Returns all running attempts, and the number up to which no plain job waits.
    pub(super) fn all_live(&self) -> (HashMap<u64, Live>, u64) {
        let seen = self.seen.lock();
        (seen.live.clone(), seen.plain_from)
    }
}

/// All tasks of the file.
#[derive(Default)]
pub(super) struct Registry {
    tasks: RwLock<Vec<Arc<Shared>>>,
    /// The bytes of all tasks, as of the last commit.
    pub(super) kept: KeptBytes,
}

impl Registry {
    pub(super) fn enter(&self, shared: Arc<Shared>) {
        self.tasks.write().push(shared);
    }

    pub(super) fn keys(&self) -> Vec<TaskKey> {
        self.tasks.read().iter().map(|shared| shared.key.clone()).collect()
    }

    /// Returns a tenant's tasks, or one of them.
    pub(super) fn find(&self, tenant: &str, task: Option<&str>) -> Vec<Arc<Shared>> {
        let is_it = |key: &TaskKey| *key.tenant == *tenant && task.is_none_or(|task| *key.task == *task);
        self.tasks.read().iter().filter(|shared| is_it(&shared.key)).cloned().collect()
    }
}
