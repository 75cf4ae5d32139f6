//! The tasks that a queue knows, by tenant, so that what one tenant does costs no more with many others.

use std::collections::HashMap;
use std::sync::Arc;

use saggar_job::TaskKey;

use crate::TaskQueue;

/// The tasks that are open or were.
#[derive(Default)]
pub(super) struct KnownTasks(HashMap<Arc<str>, HashMap<Arc<str>, Arc<TaskQueue>>>);

impl KnownTasks {
    pub(super) fn get(&self, key: &TaskKey) -> Option<&Arc<TaskQueue>> {
        self.0.get(&key.tenant)?.get(&key.task)
    }

    pub(super) fn insert(&mut self, task: Arc<TaskQueue>) {
        let TaskKey { tenant, task: id } = task.key().clone();
        self.0.entry(tenant).or_default().insert(id, task);
    }

    pub(super) fn insert_if_unknown(&mut self, task: Arc<TaskQueue>) {
        let TaskKey { tenant, task: id } = task.key().clone();
        self.0.entry(tenant).or_default().entry(id).or_insert(task);
    }

    /// Forgets the tasks of a tenant; returns them.
    pub(super) fn remove(&mut self, tenant: &str) -> Vec<Arc<TaskQueue>> {
        self.0.remove(tenant).into_iter().flat_map(HashMap::into_values).collect()
    }

    /// Returns the tasks of a tenant.
    pub(super) fn of(&self, tenant: &str) -> impl Iterator<Item = &Arc<TaskQueue>> {
        self.0.get(tenant).into_iter().flat_map(HashMap::values)
    }

    /// Returns the tasks of all tenants.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<TaskQueue>> {
        self.0.values().flat_map(HashMap::values)
    }
}
