//! The memory store: the fastest store, lost with the process. The reference in the tests of other stores.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::{JobId, Run, TaskKey, Timestamp};

use crate::kept_bytes::KeptBytes;
use crate::{
    AddError, Added, AuditEntry, AuditLimits, AuditPage, AuditQuery, CallbackNumber, CallbackPosition, Change,
    ChangeError, Claimed, ClaimedCallbacks, CountedJobs, Counts, Delivery, DeploymentStore, Finish, Finished, History,
    Job, Lane, ListQuery, ListedRecording, LogLine, NewJob, Observer, Page, Peek, Pruned, Recording, RecordingLimits,
    Rules, SettledUnwanted, Store, StoreError, TaskStore, TenantLevels,
};

mod audit;
mod deployments;
mod expiry_queue;
mod kv;
mod listing;
mod names;
mod notifier;
mod outbox;
#[cfg(any(test, feature = "conformance"))]
mod process_death;
mod ready_queue;
mod record;
mod recordings;
mod room;
mod status_index;
mod task_state;

use audit::AuditLog;
use deployments::MemoryDeployments;
use kv::KvSpaces;
use notifier::Notifier;
use recordings::{AllRecordings, Recordings};
use task_state::{Kept, TaskState};

/// A store in memory. Each task has its own lock. No step waits for anything else, so every future is ready when it is
/// first polled, and a future that is dropped before that had no effect.
pub struct MemoryStore {
    tasks: Arc<Tasks>,
    /// What is left of removed tasks, until it is freed.
    removed: Mutex<Vec<TaskState>>,
    /// The insertion number of the last added job of each tenant, over all its tasks.
    numbers: Arc<Mutex<HashMap<Arc<str>, Arc<AtomicU64>>>>,
    kept: Arc<KeptBytes>,
    tenants: Arc<Mutex<HashMap<Arc<str>, TenantLevels>>>,
    /// How many delayed jobs one step promotes, so that a thousand jobs due at once do not block other callers.
    promoted_at_once: usize,
    audit: Arc<Mutex<AuditLog>>,
    recordings: Arc<Mutex<AllRecordings>>,
    deployments: Arc<MemoryDeployments>,
    kv: Arc<Mutex<KvSpaces>>,
}

type Tasks = Mutex<HashMap<TaskKey, Arc<MemoryTask>>>;

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::promoting(256)
    }

    /// Creates an empty store that promotes so few delayed jobs per step that random histories exceed the limit.
    #[cfg(any(test, feature = "conformance"))]
    pub fn for_tests() -> Self {
        Self::promoting(4)
    }

    fn promoting(promoted_at_once: usize) -> Self {
        let (tasks, removed, numbers, kept, tenants, audit, recordings, deployments, kv) = Default::default();
        Self { tasks, removed, numbers, kept, tenants, promoted_at_once, audit, recordings, deployments, kv }
    }

    /// Returns the tasks whose jobs a list may have.
    fn selected(&self, query: &ListQuery) -> Vec<(TaskKey, Arc<MemoryTask>)> {
        let tasks = self.tasks.lock();
        let selected = tasks.iter().filter(|(key, _)| query.selects(key));
        selected.map(|(key, task)| (key.clone(), Arc::clone(task))).collect()
    }

    fn task(&self, key: &TaskKey, mut state: TaskState) -> Arc<MemoryTask> {
        state.promoted_at_once = self.promoted_at_once;
        state.kept.of_all = Arc::clone(&self.kept);
        state.kept.of_tenant = self.tenant_levels(&key.tenant);
        let (tenant, bytes) = (Arc::clone(&key.tenant), state.kept.clone());
        let numbers = Arc::clone(self.numbers.lock().entry(Arc::clone(&tenant)).or_default());
        let (state, others) = (Mutex::new(state), Arc::downgrade(&self.tasks));
        let is_removed = AtomicBool::new(false);
        Arc::new(MemoryTask { state, is_removed, notifier: Mutex::default(), tenant, numbers, others, bytes })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError> {
        let new = || self.task(task, TaskState::new(Recordings::of(&self.recordings, &task.tenant)));
        let opened = Arc::clone(self.tasks.lock().entry(task.clone()).or_insert_with(new));
        opened.notifier.lock().observer = Some(observer);
        opened.step(|state| state.open(rules, now));
        Ok(opened)
    }

    fn outlives_process(&self) -> bool {
        false
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        Ok(self.tasks.lock().keys().cloned().collect())
    }

    async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError> {
        let entries = self.kv.lock().remove(tenant);
        drop(entries);
        let removed: Vec<_> = self.tasks.lock().extract_if(|key, _| *key.tenant == *tenant).collect();
        let states: Vec<TaskState> = removed.iter().map(|(_, task)| task.remove()).collect();
        let jobs = states.iter().map(TaskState::jobs).sum();
        self.removed.lock().extend(states);
        Ok(jobs)
    }

    async fn free_removed(&self, most: usize) -> Result<bool, StoreError> {
        let mut removed = self.removed.lock();
        let Some(state) = removed.last_mut() else { return Ok(false) };
        if state.drop_records(most) < most {
            removed.pop();
        }
        Ok(!removed.is_empty())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        Ok(listing::page(self.selected(query), query))
    }

    async fn count(&self, query: &ListQuery) -> Result<CountedJobs, StoreError> {
        Ok(listing::count(self.selected(query), query))
    }

    fn set_keep_bytes(&self, most: u64) {
        self.kept.set_most(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.kept.bytes()
    }

    fn tenant_levels(&self, tenant: &str) -> TenantLevels {
        let mut tenants = self.tenants.lock();
        match tenants.get(tenant) {
            Some(levels) => levels.clone(),
            None => tenants.entry(tenant.into()).or_default().clone(),
        }
    }

    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.audit.lock().append(entries);
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        Ok(self.audit.lock().page(query))
    }

    async fn remove_audit(&self, tenant: &str, most: usize) -> Result<bool, StoreError> {
        Ok(self.audit.lock().remove(tenant, most))
    }

    fn set_audit_limits(&self, limits: AuditLimits) {
        self.audit.lock().set_limits(limits);
    }

    fn set_recording_limits(&self, limits: RecordingLimits) {
        self.recordings.lock().limits = limits;
    }

    fn deployments(&self) -> Arc<dyn DeploymentStore> {
        Arc::clone(&self.deployments) as Arc<dyn DeploymentStore>
    }
}

/// One task's state behind its lock, with the insertion counter of its tenant's tasks.
struct MemoryTask {
    state: Mutex<TaskState>,
    /// Set under the lock of the state, which is empty then.
    is_removed: AtomicBool,
    /// Locked by a step before it releases the state, and until its notifications are sent. So they are sent in the order
    /// of the steps, while the next step is already done.
    notifier: Mutex<Notifier>,
    tenant: Arc<str>,
    /// Read without the lock.
    bytes: Kept,
    numbers: Arc<AtomicU64>,
    /// All tasks of the store, including this one; dropped with the store.
    others: Weak<Tasks>,
}

impl MemoryTask {
    /// Removes the task; returns its state.
    fn remove(&self) -> TaskState {
        let mut state = self.state.lock();
        self.is_removed.store(true, Ordering::Relaxed);
        let removed = state.remove();
        self.notifier.lock().observer = None;
        removed
    }

    /// Refuses steps on a removed task.
    fn check(&self) -> Result<(), StoreError> {
        if self.is_removed.load(Ordering::Relaxed) { Err(StoreError::TaskRemoved) } else { Ok(()) }
    }

    /// Performs a step that may notify the observer.
    fn step<T>(&self, step: impl FnOnce(&mut TaskState) -> T) -> T {
        let mut state = self.state.lock();
        let answer = step(&mut state);
        if !state.notifications.is_empty() {
            self.notifier.lock().send(state);
        }
        answer
    }
}

#[async_trait]
impl TaskStore for MemoryTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError> {
        // Under the lock, because nothing may be added to a removed task.
        self.step(|state| {
            self.check()?;
            state.add(jobs, rules, now, &self.numbers)
        })
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        self.check()?;
        self.state.lock().claim(most, now)
    }

    fn may_claim(&self) -> bool {
        self.state.lock().may_claim()
    }

    fn may_have_callbacks(&self) -> bool {
        self.state.lock().counts().callbacks > 0
    }

    fn may_prune(&self) -> bool {
        self.state.lock().counts().has_ended()
    }

    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp) {
        self.step(|state| state.release(id, run, rules, now));
    }

    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.check()?;
        self.step(|state| state.finish(finish, claim_next, rules, now))
    }

    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError> {
        self.check()?;
        self.step(|state| state.change(id, change, rules, now))
    }

    async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        self.check()?;
        self.step(|state| state.set_paused(paused));
        Ok(())
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.state.lock().get(id))
    }

    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        // The texts are shared and not copied.
        let job = self.state.lock().get(id);
        Ok(job.map(|job| match job.text_bytes() {
            bytes if bytes > most => Peek::Large { bytes, has_ended: job.life.state.is_ended() },
            _ => Peek::Job(job),
        }))
    }

    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        Ok(self.state.lock().history(id))
    }

    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError> {
        self.check()?;
        Ok(self.state.lock().claim_callbacks(lane, most, now))
    }

    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.check()?;
        self.step(|state| state.settle_callback(number, delivery, now));
        Ok(())
    }

    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError> {
        self.check()?;
        Ok(self.step(|state| state.settle_unwanted(lane, after, most, rules, now)))
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        self.check()?;
        self.step(|state| state.append_log(id, lines));
        Ok(())
    }

    async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError> {
        self.check()?;
        while !self.state.lock().keep_recording(id, run, &bytes) {}
        Ok(())
    }

    async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError> {
        Ok(self.state.lock().recordings.get(id, run))
    }

    async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError> {
        Ok(self.state.lock().recordings.list(before, most))
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError> {
        self.check()?;
        Ok(self.state.lock().prune(most, rules, now))
    }

    fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        self.bytes.has_room_for(more, rules)
    }

    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError> {
        self.check()?;
        let mut pruned = self.state.lock().make_room(more, most, rules);
        let Some(others) = self.others.upgrade() else { return Ok(pruned) };
        let lacking: [(Option<&str>, &dyn Fn() -> bool); 2] = [
            (Some(&*self.tenant), &|| self.bytes.lacks_room_in_tenant(more)),
            (None, &|| self.bytes.lacks_room_in_all(more)),
        ];
        for (tenant, lacks) in lacking {
            if !pruned.more {
                pruned = room::make(&others, tenant, lacks, most, pruned);
            }
        }
        Ok(pruned)
    }

    fn counts(&self) -> Counts {
        self.state.lock().counts()
    }
}

#[cfg(test)]
mod tests;
