//! A store that several hosts share, for tests of the contract of shared stores: several handles on one store in
//! memory. Each handle knows of the others only what the contract promises: it receives their changes as hints, of
//! which some are lost and some are delivered twice, and its counts are out of date.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::{Failure, JobId, Outcome, Run, Status, TaskKey, Timestamp};
use tokio::sync::MutexGuard;

use super::{Location, Locations};
use crate::Notification;
use crate::{
    AuditEntry, AuditLimits, AuditPage, AuditQuery, CallbackNumber, CountedJobs, DeploymentStore, End, Finish, Hint,
    Lane, ListOrder, ListQuery, MemoryStore, NextDue, Observer, Page, RecordingLimits, Rules, Store, StoreError,
    StoreEvent, TaskStore, TenantLevels,
};
use crate::{KvAnswer, KvError, KvLimits, KvOperation, KvStore, KvUsage};

mod task;

use task::SharedTask;

/// Locations of shared stores.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shared;

#[async_trait]
impl Locations for Shared {
    async fn fresh(&self) -> Box<dyn Location> {
        Box::new(SharedLocation::new(0))
    }
}

/// What becomes of the hints that the hosts of a shared store send to each other.
#[derive(Debug, Clone, Copy, Default)]
pub enum HintDelivery {
    /// Some are lost, some are delivered twice, and in place of some the host learns that hints were lost.
    #[default]
    Random,
    /// All are lost.
    Lost,
    /// In place of each, the host learns that hints were lost.
    Missed,
}

impl HintDelivery {
    /// Returns what another host receives in place of `hint`.
    fn of(self, hint: Hint, chance: &mut fastrand::Rng) -> Vec<Hint> {
        match self {
            Self::Random => match chance.usize(0..4) {
                3 => vec![Hint::Missed],
                times => vec![hint; times],
            },
            Self::Lost => Vec::new(),
            Self::Missed => vec![Hint::Missed],
        }
    }
}

/// The location of one shared store, in memory.
pub struct SharedLocation {
    state: Arc<SharedState>,
}

impl SharedLocation {
    /// Creates an empty location; `seed` determines which hints are lost.
    pub fn new(seed: u64) -> Self {
        Self::of(Hosts { chance: fastrand::Rng::with_seed(seed), ..Hosts::default() })
    }

    /// Creates an empty location in which all hints have the same fate.
    pub fn with_hints(delivery: HintDelivery) -> Self {
        Self::of(Hosts { delivery, ..Hosts::default() })
    }

    fn of(hosts: Hosts) -> Self {
        let state =
            SharedState { store: MemoryStore::for_tests(), turn: tokio::sync::Mutex::default(), hosts: hosts.into() };
        Self { state: Arc::new(state) }
    }

    /// Opens the store as an additional host.
    pub fn join(&self) -> Arc<dyn Store> {
        let mut hosts = self.state.hosts.lock();
        hosts.last += 1;
        Arc::new(SharedStore { state: Arc::clone(&self.state), host: hosts.last })
    }
}

#[async_trait]
impl Location for SharedLocation {
    async fn open(&mut self) -> Arc<dyn Store> {
        let mut hosts = self.state.hosts.lock();
        let last = hosts.last;
        hosts.dead.extend(1..=last);
        hosts.observers.clear();
        drop(hosts);
        self.join()
    }
}

type Host = u32;

/// The state that all hosts share.
struct SharedState {
    store: MemoryStore,
    /// Locked during a step: one step at a time.
    turn: tokio::sync::Mutex<()>,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    last: Host,
    dead: HashSet<Host>,
    /// The host that performs the current step.
    acting: Host,
    observers: HashMap<TaskKey, HashMap<Host, Arc<dyn Observer>>>,
    /// The host of each running attempt, and of each claimed callback.
    running: HashMap<(TaskKey, JobId), (Host, Run)>,
    taken: HashMap<(TaskKey, CallbackNumber), Host>,
    delivery: HintDelivery,
    chance: fastrand::Rng,
}

impl SharedState {
    /// Begins a step of `host`, which ends when the guard is dropped.
    async fn turn_of(&self, host: Host) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().await;
        self.hosts.lock().acting = host;
        turn
    }

    /// Ends the attempts of dead hosts in a task, and requeues the callbacks that they had claimed.
    async fn take_over(&self, key: &TaskKey, task: &dyn TaskStore, rules: &Arc<Rules>, now: Timestamp) {
        let query =
            ListQuery { statuses: vec![Status::Running], order: ListOrder::OldestFirst, ..ListQuery::of_task(key) };
        let mut query = Some(query);
        let mut lost = Vec::new();
        while let Some(mut next) = query.take() {
            let Page { jobs, next: after, .. } = super::works(self.store.list(&next).await);
            lost.extend(jobs.into_iter().map(|job| (job.id, job.run)));
            query = after.map(|after| {
                next.after = Some(after);
                next
            });
        }
        let is_dead = |hosts: &Hosts, id: JobId| {
            hosts.running.get(&(key.clone(), id)).is_some_and(|(host, _)| hosts.dead.contains(host))
        };
        lost.retain(|(id, _)| is_dead(&self.hosts.lock(), *id));
        for (id, run) in lost {
            let end = End::Outcome(Outcome::Failure(Failure::lost()));
            let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
            super::works(task.finish(finish, false, rules, now).await);
        }
        let mut hosts = self.hosts.lock();
        let Hosts { dead, taken, .. } = &mut *hosts;
        let requeued =
            taken.extract_if(|(of, _), host| of == key && dead.contains(host)).map(|((_, callback), _)| callback);
        self.store.requeue_callbacks(key, requeued);
    }
}

/// Forwards what the store observes: unchanged to the acting host, as hints to the others.
struct Broadcast {
    key: TaskKey,
    state: std::sync::Weak<SharedState>,
}

impl Broadcast {
    /// Addresses a notification to the acting host.
    fn to_actor(&self, hosts: &Hosts, notification: Notification) -> Option<(Arc<dyn Observer>, Notification)> {
        let observer = hosts.observers.get(&self.key)?.get(&hosts.acting)?;
        Some((Arc::clone(observer), notification))
    }

    /// Addresses a hint to the other hosts.
    fn to_others(&self, hosts: &mut Hosts, hint: Hint, sent: &mut Vec<(Arc<dyn Observer>, Notification)>) {
        let Hosts { observers, acting, delivery, chance, .. } = hosts;
        let others = observers.get(&self.key).into_iter().flatten().filter(|(host, _)| *host != acting);
        for (_, observer) in others {
            let hints = delivery.of(hint, chance);
            sent.extend(hints.into_iter().map(|hint| (Arc::clone(observer), hint.into())));
        }
    }

    fn send(&self, broadcast: impl FnOnce(&mut Hosts, &mut Vec<(Arc<dyn Observer>, Notification)>)) {
        let Some(state) = self.state.upgrade() else { return };
        let mut sent = Vec::new();
        broadcast(&mut state.hosts.lock(), &mut sent);
        sent.into_iter().for_each(|(observer, notification)| notification.send(&*observer));
    }
}

/// Returns the hints that other hosts may receive for an event.
fn hints_of(event: &StoreEvent) -> Vec<Hint> {
    let callback = |lane, is_due: bool| is_due.then_some(Hint::Callback(lane, NextDue::Now));
    match event {
        StoreEvent::Added { on_hold: true, .. } => vec![Hint::Callback(Lane::Adds, NextDue::Now)],
        StoreEvent::Added { due, .. } => vec![Hint::Ready(*due)],
        StoreEvent::Ended { id, result, .. } => match result.run_at {
            Some(run_at) => vec![Hint::Ready(NextDue::At(run_at)), Hint::LogGrown(*id)],
            None => [Some(Hint::Over(*id)), callback(Lane::Ends, result.callback)].into_iter().flatten().collect(),
        },
        StoreEvent::Cancelled { id, callback: is_due, .. } => {
            [Some(Hint::Over(*id)), callback(Lane::Ends, *is_due)].into_iter().flatten().collect()
        }
        StoreEvent::Cancelling { .. } => Vec::new(),
        StoreEvent::Retried { .. } => vec![Hint::Ready(NextDue::Now)],
        StoreEvent::Deleted { id, .. } => vec![Hint::Over(*id)],
    }
}

impl Observer for Broadcast {
    fn observe(&self, event: StoreEvent) {
        self.send(|hosts, sent| {
            if let StoreEvent::Ended { id, .. } | StoreEvent::Cancelled { id, .. } = &event {
                hosts.running.remove(&(self.key.clone(), *id));
            }
            for hint in hints_of(&event) {
                self.to_others(hosts, hint, sent);
            }
            sent.extend(self.to_actor(hosts, event.into()));
        });
    }

    fn hint(&self, hint: Hint) {
        self.send(|hosts, sent| {
            if let Hint::Cancel(id, _) = hint {
                let runs_on = hosts.running.get(&(self.key.clone(), id)).map(|(host, _)| *host);
                if runs_on != Some(hosts.acting) {
                    // Only the host that runs the attempt gets the hint, unless it is lost.
                    let Hosts { observers, delivery, chance, .. } = hosts;
                    let observers = observers.get(&self.key);
                    let Some(observer) = runs_on.and_then(|host| observers?.get(&host)) else { return };
                    let hints = delivery.of(hint, chance);
                    return sent.extend(hints.into_iter().map(|hint| (Arc::clone(observer), hint.into())));
                }
            } else {
                self.to_others(hosts, hint, sent);
            }
            sent.extend(self.to_actor(hosts, hint.into()));
        });
    }
}

/// One host's handle of the store.
struct SharedStore {
    state: Arc<SharedState>,
    host: Host,
}

#[async_trait]
impl KvStore for SharedStore {
    async fn kv(
        &self,
        tenant: &Arc<str>,
        operation: KvOperation,
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError> {
        self.state.store.kv(tenant, operation, limits, now).await
    }

    async fn kv_usage(&self, tenant: &Arc<str>) -> Result<KvUsage, StoreError> {
        self.state.store.kv_usage(tenant).await
    }

    async fn remove_expired(&self, tenant: &Arc<str>, most: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.state.store.remove_expired(tenant, most, now).await
    }
}

#[async_trait]
impl Store for SharedStore {
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError> {
        let state = &self.state;
        let _turn = state.turn_of(self.host).await;
        let broadcast = Broadcast { key: task.clone(), state: Arc::downgrade(state) };
        let opened = state.store.open(task, rules, now, Arc::new(broadcast)).await?;
        state.hosts.lock().observers.entry(task.clone()).or_default().insert(self.host, observer);
        state.take_over(task, &*opened, rules, now).await;
        Ok(Arc::new(SharedTask::new(task.clone(), self.host, opened, Arc::clone(state))))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn outlives_process(&self) -> bool {
        true
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        self.state.store.tasks().await
    }

    async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        {
            let mut hosts = self.state.hosts.lock();
            hosts.observers.retain(|key, _| *key.tenant != *tenant);
            hosts.running.retain(|(key, _), _| *key.tenant != *tenant);
            hosts.taken.retain(|(key, _), _| *key.tenant != *tenant);
        }
        self.state.store.remove_tenant(tenant).await
    }

    async fn free_removed(&self, most: usize) -> Result<bool, StoreError> {
        self.state.store.free_removed(most).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.state.store.list(query).await
    }

    async fn count(&self, query: &ListQuery) -> Result<CountedJobs, StoreError> {
        self.state.store.count(query).await
    }

    fn set_keep_bytes(&self, most: u64) {
        self.state.store.set_keep_bytes(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.state.store.kept_bytes()
    }

    fn tenant_levels(&self, tenant: &str) -> TenantLevels {
        self.state.store.tenant_levels(tenant)
    }

    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.state.store.append_audit(entries).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.state.store.audit(query).await
    }

    async fn remove_audit(&self, tenant: &str, most: usize) -> Result<bool, StoreError> {
        self.state.store.remove_audit(tenant, most).await
    }

    fn set_audit_limits(&self, limits: AuditLimits) {
        self.state.store.set_audit_limits(limits);
    }

    fn set_recording_limits(&self, limits: RecordingLimits) {
        self.state.store.set_recording_limits(limits);
    }

    fn deployments(&self) -> Arc<dyn DeploymentStore> {
        self.state.store.deployments()
    }
}

#[cfg(test)]
mod tests;
