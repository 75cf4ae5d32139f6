//! Simulated deaths of processes, for the tests of durable stores.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::TaskKey;

use super::{MemoryStore, MemoryTask};
use crate::CallbackNumber;

impl MemoryStore {
    /// Returns a store with the jobs that a durable store would contain if the process died now, and leaves this one
    /// empty. For the tests of durable stores.
    #[must_use]
    pub fn die(&self) -> Self {
        let (numbers, kept, tenants) = (Arc::clone(&self.numbers), Arc::clone(&self.kept), Arc::clone(&self.tenants));
        let (promoted_at_once, audit) = (self.promoted_at_once, Arc::clone(&self.audit));
        let (deployments, kv) = (Arc::clone(&self.deployments), Arc::clone(&self.kv));
        let recordings = Arc::clone(&self.recordings);
        let removed = Mutex::new(std::mem::take(&mut *self.removed.lock()));
        let tasks = Arc::default();
        let next =
            Self { tasks, removed, numbers, kept, tenants, promoted_at_once, audit, recordings, deployments, kv };
        let die = |(key, task): (TaskKey, Arc<MemoryTask>)| {
            let state = task.state.lock().die();
            let task = next.task(&key, state);
            (key, task)
        };
        let tasks = self.tasks.lock().drain().map(die).collect();
        *next.tasks.lock() = tasks;
        next
    }

    /// Makes callbacks of a task claimable again, with the same number of tries, because the host that claimed them is
    /// dead.
    pub(crate) fn requeue_callbacks(&self, task: &TaskKey, callbacks: impl Iterator<Item = CallbackNumber>) {
        let task = self.tasks.lock().get(task).cloned();
        if let Some(task) = task {
            callbacks.for_each(|callback| task.state.lock().requeue_callback(callback));
        }
    }
}
