//! A store that several hosts share, for tests of what the contract says of such stores: handles on one place in memory that
//! know of each other only what the contract promises. What one host does, the others hear of as hints, of which some are lost
//! and some come twice, and what it counts is old.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::{JobId, Outcome, Run, Status, TaskKey, Timestamp};
use tokio::sync::MutexGuard;

use super::{Location, Locations};
use crate::Notification;
use crate::{
    CallbackNumber, End, Finish, Hint, Lane, ListOrder, ListQuery, MemoryStore, NextDue, Observer, Page, Rules, Store,
    StoreError, StoreEvent, TaskStore,
};

mod task;

use task::SharedTask;

/// Places for stores that are shared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shared;

#[async_trait]
impl Locations for Shared {
    async fn fresh(&self) -> Box<dyn Location> {
        Box::new(SharedPlace::new(0))
    }
}

/// One place in memory.
pub struct SharedPlace {
    everything: Arc<Everything>,
}

impl SharedPlace {
    /// An empty place; which hints are lost follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let hosts = Hosts { chance: fastrand::Rng::with_seed(seed), ..Hosts::default() };
        let everything =
            Everything { store: MemoryStore::for_tests(), turn: tokio::sync::Mutex::default(), hosts: hosts.into() };
        Self { everything: Arc::new(everything) }
    }

    /// Opens the store as one more host does, beside those that are there.
    pub fn join(&self) -> Arc<dyn Store> {
        let mut hosts = self.everything.hosts.lock();
        hosts.last += 1;
        Arc::new(SharedStore { everything: Arc::clone(&self.everything), host: hosts.last })
    }
}

#[async_trait]
impl Location for SharedPlace {
    async fn open(&mut self) -> Arc<dyn Store> {
        let mut hosts = self.everything.hosts.lock();
        let last = hosts.last;
        hosts.dead.extend(1..=last);
        hosts.observers.clear();
        drop(hosts);
        self.join()
    }
}

type Host = u32;

/// What all hosts share.
struct Everything {
    store: MemoryStore,
    /// Held for a step: one at a time.
    turn: tokio::sync::Mutex<()>,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    last: Host,
    dead: HashSet<Host>,
    /// The host whose turn it is.
    acting: Host,
    observers: HashMap<TaskKey, HashMap<Host, Arc<dyn Observer>>>,
    /// Who runs which attempt, and who has taken which callback.
    running: HashMap<(TaskKey, JobId), (Host, Run)>,
    taken: HashMap<(TaskKey, CallbackNumber), Host>,
    chance: fastrand::Rng,
}

impl Everything {
    /// Begins a step of `host`, which lasts as long as the guard.
    async fn turn_of(&self, host: Host) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().await;
        self.hosts.lock().acting = host;
        turn
    }

    /// Ends what dead hosts left running in a task, and gives back what they had taken.
    async fn take_over(&self, key: &TaskKey, task: &dyn TaskStore, rules: &Arc<Rules>, now: Timestamp) {
        let query =
            ListQuery { status: Some(Status::Running), order: ListOrder::OldestFirst, ..ListQuery::of_task(key) };
        let mut query = Some(query);
        let mut lost = Vec::new();
        while let Some(mut next) = query.take() {
            let Page { jobs, next: after } = super::works(self.store.list(&next).await);
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
            let end = End::Outcome(Outcome::Lost);
            let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
            super::works(task.finish(finish, false, rules, now).await);
        }
        let mut hosts = self.hosts.lock();
        let Hosts { dead, taken, .. } = &mut *hosts;
        let given_back =
            taken.extract_if(|(of, _), host| of == key && dead.contains(host)).map(|((_, callback), _)| callback);
        self.store.give_back(key, given_back);
    }
}

/// Passes on what the place itself observes: to the acting host as it is, to the others as hints.
struct Spread {
    key: TaskKey,
    everything: std::sync::Weak<Everything>,
}

impl Spread {
    /// Sends something to the acting host.
    fn to_actor(&self, hosts: &Hosts, notification: Notification) -> Option<(Arc<dyn Observer>, Notification)> {
        let observer = hosts.observers.get(&self.key)?.get(&hosts.acting)?;
        Some((Arc::clone(observer), notification))
    }

    /// Sends a hint to the other hosts: to some not at all, to some twice.
    fn to_others(&self, hosts: &mut Hosts, hint: Hint, sent: &mut Vec<(Arc<dyn Observer>, Notification)>) {
        let Hosts { observers, acting, chance, .. } = hosts;
        let others = observers.get(&self.key).into_iter().flatten().filter(|(host, _)| *host != acting);
        for (_, observer) in others {
            let times = chance.usize(0..3);
            sent.extend((0..times).map(|_| (Arc::clone(observer), hint.into())));
        }
    }

    fn send(&self, spread: impl FnOnce(&mut Hosts, &mut Vec<(Arc<dyn Observer>, Notification)>)) {
        let Some(everything) = self.everything.upgrade() else { return };
        let mut sent = Vec::new();
        spread(&mut everything.hosts.lock(), &mut sent);
        sent.into_iter().for_each(|(observer, notification)| notification.send(&*observer));
    }
}

/// What other hosts may hear of an event.
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

impl Observer for Spread {
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
                    // Only the host that runs the attempt hears of it, perhaps.
                    let observers = hosts.observers.get(&self.key);
                    let observer = runs_on.and_then(|host| observers?.get(&host).cloned());
                    let times = hosts.chance.usize(0..3);
                    return sent.extend(observer.into_iter().flat_map(|one| vec![(one, hint.into()); times]));
                }
            } else {
                self.to_others(hosts, hint, sent);
            }
            sent.extend(self.to_actor(hosts, hint.into()));
        });
    }
}

/// A host's handle.
struct SharedStore {
    everything: Arc<Everything>,
    host: Host,
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
        let everything = &self.everything;
        let _turn = everything.turn_of(self.host).await;
        let spread = Spread { key: task.clone(), everything: Arc::downgrade(everything) };
        let opened = everything.store.open(task, rules, now, Arc::new(spread)).await?;
        everything.hosts.lock().observers.entry(task.clone()).or_default().insert(self.host, observer);
        everything.take_over(task, &*opened, rules, now).await;
        Ok(Arc::new(SharedTask::new(task.clone(), self.host, opened, Arc::clone(everything))))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn outlives_process(&self) -> bool {
        true
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        self.everything.store.tasks().await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.everything.store.list(query).await
    }

    fn set_keep_bytes(&self, most: u64) {
        self.everything.store.set_keep_bytes(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.everything.store.kept_bytes()
    }
}
