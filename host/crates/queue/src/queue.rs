//! The queue of all tasks: opens tasks, finds them, tells events, and knows when there is nothing left to do.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use saggar_job::{Clock, TaskKey};

use crate::hub::Hub;
use crate::{Events, Rules, Store, StoreError, TaskQueue};

/// The jobs of all tasks of a host. Cheap to clone; clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    tasks: RwLock<HashMap<TaskKey, Arc<TaskQueue>>>,
}

impl Queue {
    /// A queue on `store` that goes by `clock`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self::with_chance(store, clock, fastrand::Rng::new())
    }

    /// Like [`new`](Self::new), with the chance (which moves retries by their jitter) that follows from `seed`, so that a
    /// history can be played again.
    pub fn seeded(store: Arc<dyn Store>, clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self::with_chance(store, clock, fastrand::Rng::with_seed(seed))
    }

    fn with_chance(store: Arc<dyn Store>, clock: Arc<dyn Clock>, chance: fastrand::Rng) -> Self {
        let hub = Arc::new(Hub::new(clock, chance));
        Self { shared: Arc::new(Shared { store, hub, tasks: RwLock::default() }) }
    }

    /// Opens the queue of the task `key`. If it is open, the same one is answered, and follows `rules` from now on.
    pub async fn open(&self, key: TaskKey, rules: Rules) -> Result<Arc<TaskQueue>, StoreError> {
        if let Some(task) = self.task(&key) {
            task.set_rules(rules);
            return Ok(task);
        }
        let store = self.shared.store.open(&key).await?;
        let mut tasks = self.shared.tasks.write();
        // Somebody else may have opened it meanwhile.
        if let Some(task) = tasks.get(&key) {
            task.set_rules(rules);
            return Ok(Arc::clone(task));
        }
        let task = Arc::new(TaskQueue::new(key.clone(), store, rules, Arc::clone(&self.shared.hub)));
        tasks.insert(key, Arc::clone(&task));
        Ok(task)
    }

    /// The queue of the task `key`, if it was opened.
    pub fn task(&self, key: &TaskKey) -> Option<Arc<TaskQueue>> {
        self.shared.tasks.read().get(key).cloned()
    }

    /// The queues of all tasks that were opened, in no order.
    pub fn tasks(&self) -> Vec<Arc<TaskQueue>> {
        self.shared.tasks.read().values().cloned().collect()
    }

    /// Listens to the events of all tasks from now on.
    pub fn subscribe(&self) -> Events {
        self.shared.hub.listen()
    }

    /// Lets everybody who sleeps until a job is due look at the clock again. For clocks that were set.
    pub fn clock_changed(&self) {
        for task in self.shared.tasks.read().values() {
            task.look_again();
        }
    }

    /// Waits until no job waits (for whatever), no attempt runs and no notice is pending, in any task. Cancel-safe.
    pub async fn idle(&self) {
        let wanted = self.shared.hub.want_quiet();
        loop {
            let mut quiet = std::pin::pin!(wanted.quiet().notified());
            quiet.as_mut().enable();
            if self.is_idle() {
                return;
            }
            quiet.await;
        }
    }

    /// Whether all tasks were idle at one and the same moment during this call.
    fn is_idle(&self) -> bool {
        // Tasks are looked at one after the other, and a job that ends may have added one to a task that was looked at
        // before. But if two rounds find every task idle and nothing was added in between, all were idle between them.
        match self.added_if_idle() {
            Some(added) => self.added_if_idle() == Some(added),
            None => false,
        }
    }

    /// How many jobs were ever added, if each task is idle when it is looked at.
    fn added_if_idle(&self) -> Option<u64> {
        let tasks = self.shared.tasks.read();
        tasks
            .values()
            .map(|task| task.counts())
            .try_fold(0, |sum: u64, counts| counts.is_idle().then(|| sum.wrapping_add(counts.added)))
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}
