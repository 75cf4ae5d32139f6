//! The writer's view of a task for other threads, available without reading the file: the counts, the running attempts
//! (a claim does not touch its job's row), and the observer. Updated after a commit and before its answers are sent.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use saggar_job::{Run, TaskKey, Timestamp};

use super::number::TaskNumber;
use super::tenant_books::Levels;
use saggar_store::kept_bytes::KeptBytes;
use saggar_store::{AuditLimits, Counts, Observer, RecordingLimits, TenantLevels};
use saggar_tenant::{Flow, Tenant};

pub(super) struct Shared {
    pub(super) task: TaskNumber,
    pub(super) key: TaskKey,
    /// What the jobs of the task's tenant use, over all its tasks.
    pub(super) of_tenant: TenantLevels,
    /// To whom the steps and lookups of the task are charged; `None` until it is opened.
    flow: RwLock<Option<Flow>>,
    seen: Mutex<Seen>,
    observer: Mutex<Option<Arc<dyn Observer>>>,
}

#[derive(Default)]
struct Seen {
    counts: Counts,
    plain_from: u64,
    live: HashMap<u64, Live>,
    is_removed: bool,
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
    pub(super) fn new(task: TaskNumber, key: TaskKey, of_tenant: TenantLevels) -> Self {
        let (flow, seen, observer) = (RwLock::default(), Mutex::default(), Mutex::default());
        Self { task, key, of_tenant, flow, seen, observer }
    }

    /// Returns to whom the steps and lookups of the task are charged.
    pub(super) fn flow(&self) -> Flow {
        let flow = self.flow.read().clone();
        flow.unwrap_or_else(|| flow_of(None, &self.key.tenant, &self.key.task))
    }

    fn set_tenant(&self, tenant: Option<&Arc<Tenant>>) {
        *self.flow.write() = Some(flow_of(tenant, &self.key.tenant, &self.key.task));
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

    /// Shows the task as removed and empty, and forgets its observer.
    pub(super) fn remove(&self) {
        *self.seen.lock() = Seen { is_removed: true, ..Seen::default() };
        *self.observer.lock() = None;
    }

    /// Returns whether the task was removed; the file may still have rows of its jobs.
    pub(super) fn is_removed(&self) -> bool {
        self.seen.lock().is_removed
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

/// All tasks of the file, by tenant, and the limits that are set for them.
#[derive(Default)]
pub(super) struct Registry {
    tasks: RwLock<HashMap<Arc<str>, Vec<Arc<Shared>>>>,
    /// The bytes of all tasks, as of the last commit.
    pub(super) kept: KeptBytes,
    pub(super) levels: Levels,
    pub(super) audit_limits: Mutex<AuditLimits>,
    pub(super) recording_limits: Mutex<RecordingLimits>,
    /// The tenants whose weights are known, by name.
    tenants: RwLock<HashMap<Arc<str>, Arc<Tenant>>>,
}

impl Registry {
    /// Makes the weight of a tenant count, also for its tasks that are open: one that comes back has them since it was here
    /// last.
    pub(super) fn know(&self, tenant: &Arc<Tenant>) {
        // Locked until all tasks have it, so that none that is opened meanwhile keeps the tenant from before.
        let mut tenants = self.tenants.write();
        tenants.insert(Arc::clone(tenant.name()), Arc::clone(tenant));
        for shared in self.find(tenant.name(), None) {
            shared.set_tenant(Some(tenant));
        }
    }

    /// Charges the steps of a task that was opened to its tenant.
    pub(super) fn opened(&self, shared: &Shared) {
        let tenants = self.tenants.read();
        shared.set_tenant(tenants.get(&shared.key.tenant));
    }

    /// Forgets the weight of a tenant.
    pub(super) fn forget(&self, tenant: &str) {
        self.tenants.write().remove(tenant);
    }

    /// Returns the flow of a task, or of a tenant's steps of no task if `task` is empty.
    pub(super) fn flow(&self, tenant: &Arc<str>, task: &Arc<str>) -> Flow {
        flow_of(self.tenants.read().get(tenant), tenant, task)
    }

    pub(super) fn enter(&self, shared: Arc<Shared>) {
        self.tasks.write().entry(shared.key.tenant.clone()).or_default().push(shared);
    }

    /// Removes a task.
    pub(super) fn leave(&self, shared: &Arc<Shared>) {
        let mut tasks = self.tasks.write();
        let Some(of_tenant) = tasks.get_mut(&shared.key.tenant) else { return };
        of_tenant.retain(|other| !Arc::ptr_eq(other, shared));
        if of_tenant.is_empty() {
            tasks.remove(&shared.key.tenant);
        }
    }

    pub(super) fn keys(&self) -> Vec<TaskKey> {
        self.tasks.read().values().flatten().map(|shared| shared.key.clone()).collect()
    }

    /// Returns a tenant's tasks, or one of them.
    pub(super) fn find(&self, tenant: &str, task: Option<&str>) -> Vec<Arc<Shared>> {
        let is_it = |key: &TaskKey| task.is_none_or(|task| *key.task == *task);
        let tasks = self.tasks.read();
        let of_tenant = tasks.get(tenant).into_iter().flatten();
        of_tenant.filter(|shared| is_it(&shared.key)).cloned().collect()
    }
}

/// Returns the flow of a task of a tenant, which has the default weight if it is not `known`.
fn flow_of(known: Option<&Arc<Tenant>>, tenant: &Arc<str>, task: &Arc<str>) -> Flow {
    let tenant = known.cloned().unwrap_or_else(|| Tenant::new(Arc::clone(tenant)));
    Flow::new(tenant, Arc::clone(task))
}
