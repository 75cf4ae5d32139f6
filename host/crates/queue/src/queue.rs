//! The queue of all tasks: opens and finds tasks, emits events, and knows when nothing is left to do.

use std::sync::Arc;

use parking_lot::RwLock;
use saggar_job::{Clock, RetryPolicy, TaskKey};

use crate::context::QueueContext;
use crate::meters;
use crate::task_queue::TaskObserver;
use crate::{EventFilter, EventId, Events, Followed, Retention, Rules, Store, StoreError, TaskQueue, TaskStore};

#[cfg(test)]
mod across_hosts;
mod known_tasks;
mod listing;
mod measuring;
mod polling;

use known_tasks::KnownTasks;
use measuring::MeasuredTenants;

/// The jobs of all tasks of a host. Cheap to clone; clones share one queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    context: Arc<QueueContext>,
    tasks: RwLock<KnownTasks>,
    measured: MeasuredTenants,
}

impl Queue {
    /// Creates a queue on `store` that uses `clock`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self::with_chance(store, clock, fastrand::Rng::new())
    }

    /// Like [`new`](Self::new), with the random numbers (the jitter of retries) seeded with `seed`, so that a history
    /// can be replayed.
    pub fn seeded(store: Arc<dyn Store>, clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self::with_chance(store, clock, fastrand::Rng::with_seed(seed))
    }

    fn with_chance(store: Arc<dyn Store>, clock: Arc<dyn Clock>, chance: fastrand::Rng) -> Self {
        let context = Arc::new(QueueContext::new(clock, chance));
        let is_shared = store.is_shared();
        let (tasks, measured) = Default::default();
        let shared = Arc::new(Shared { store, context, tasks, measured });
        if is_shared {
            polling::start(&shared);
        }
        Self { shared }
    }

    /// Opens the queue of the task `key`. If it is open, or was closed, returns the same one, which follows `rules`
    /// from now on. Attempts that a dead process left running are ended as lost before this returns ([`Store::open`]).
    pub async fn open(&self, key: TaskKey, rules: Rules) -> Result<Arc<TaskQueue>, StoreError> {
        let rules = Arc::new(rules);
        let known = self.shared.tasks.read().get(&key).cloned();
        if let Some(task) = known {
            return Ok(reopened(&task, rules));
        }
        let (observer, store) = self.shared.open(&key, &rules).await?;
        let mut tasks = self.shared.tasks.write();
        // Another caller may have opened it meanwhile.
        if let Some(task) = tasks.get(&key) {
            return Ok(reopened(task, rules));
        }
        let task = Arc::new(TaskQueue::new(store, rules, observer));
        tasks.insert(Arc::clone(&task));
        Ok(task)
    }

    /// Opens the rest of a tenant's tasks in the store, whose definition is gone or broken, so that their jobs can be read,
    /// changed and counted ([`orphans`](Self::orphans)). Jobs that a dead process left running there wait again. None of them
    /// ends because its attempts are used up, and none is removed when its retention is over, because the definition
    /// decides both. Call it after the tasks with a definition were opened.
    pub async fn open_rest(&self, tenant: &str) -> Result<(), StoreError> {
        let unlimited = RetryPolicy { retries: u32::MAX, ..RetryPolicy::default() };
        let at_opening = Arc::new(Rules { retry: unlimited, ..Rules::default() });
        let retention = Retention { success_ms: u64::MAX, failure_ms: u64::MAX };
        let rules = Arc::new(Rules { retention, ..Rules::default() });
        for key in self.shared.store.tasks_of(tenant).await? {
            if self.shared.tasks.read().get(&key).is_some() {
                continue;
            }
            let (observer, store) = self.shared.open(&key, &at_opening).await?;
            observer.set_closed(true);
            let task = Arc::new(TaskQueue::new(store, Arc::clone(&rules), observer));
            self.shared.tasks.write().insert_if_unknown(task);
        }
        Ok(())
    }

    /// Removes a tenant: its tasks, jobs and events are gone when this returns, and callers that wait for one of its jobs
    /// learn so. Returns how many jobs it had. What they took in the store is freed by
    /// [`Store::free_removed`]. Stop the tenant's slots and lanes first. Not cancel safe: run it to its end.
    pub async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError> {
        let jobs = self.shared.store.remove_tenant(tenant).await?;
        let removed = self.shared.tasks.write().remove(tenant);
        for task in removed {
            task.observer().set_closed(true);
            task.observer().wake_all();
        }
        self.shared.context.forget_events(tenant);
        Ok(jobs)
    }

    /// Closes the queue of a task that has no workers any more. It is no longer found here, and of its jobs only the
    /// running ones keep the queue from being [`idle`](Self::idle). Its jobs stay in the store and continue when the
    /// task is opened again. Does nothing if it is not open.
    pub fn close(&self, key: &TaskKey) {
        if let Some(task) = self.task(key) {
            task.observer().set_closed(true);
            self.shared.context.recheck_idle();
        }
    }

    /// Returns the store of the jobs, for what concerns all of them, such as its health. Open tasks with
    /// [`open`](Self::open), because the queue observes them.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// Returns the queue of the task `key`, if it is open.
    pub fn task(&self, key: &TaskKey) -> Option<Arc<TaskQueue>> {
        self.shared.tasks.read().get(key).filter(|task| !task.observer().is_closed()).cloned()
    }

    /// Returns the queue of the task `key` if it is not open, but in the store.
    pub fn orphan(&self, key: &TaskKey) -> Option<Arc<TaskQueue>> {
        self.shared.tasks.read().get(key).filter(|task| task.observer().is_closed()).cloned()
    }

    /// Returns the queues of a tenant's tasks that are not open, but in the store, in no order.
    pub fn orphans(&self, tenant: &str) -> Vec<Arc<TaskQueue>> {
        let tasks = self.shared.tasks.read();
        tasks.of(tenant).filter(|task| task.observer().is_closed()).cloned().collect()
    }

    /// Returns the queues of all open tasks, in no order.
    pub fn tasks(&self) -> Vec<Arc<TaskQueue>> {
        self.shared.tasks.read().all().filter(|task| !task.observer().is_closed()).cloned().collect()
    }

    /// Returns the queues of all tasks that are open or were, in no order.
    pub fn known(&self) -> Vec<Arc<TaskQueue>> {
        self.shared.tasks.read().all().cloned().collect()
    }

    /// Returns the queues of a tenant's tasks that are open or were, in no order.
    pub fn known_of(&self, tenant: &str) -> Vec<Arc<TaskQueue>> {
        self.shared.tasks.read().of(tenant).cloned().collect()
    }

    /// Updates the metrics that are not recorded as they happen (depths, ages, totals) in the recorder of the `metrics`
    /// facade, for every task that was ever open here: the jobs of a closed one still wait in the store. The tasks of a
    /// tenant other than `default` are measured together. Call it before the recorder is read.
    pub fn measure(&self) {
        let now = self.shared.context.clock.now();
        self.shared.measured.measure(&self.shared.tasks.read(), now);
        meters::measure_followers(self.shared.context.followers());
        meters::measure_kept(self.shared.store.kept_bytes());
    }

    /// Returns the queue's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.context.clock
    }

    /// Subscribes to the events of all of a tenant's tasks from now on.
    pub fn subscribe(&self, tenant: impl Into<Arc<str>>) -> Events {
        Events::new(self.follow(EventFilter::Tenant(tenant.into()), None))
    }

    /// Retains the last `most` events of each tenant from now on, even without followers, so that a follower can resume
    /// ([`follow`](Self::follow)). An event takes about 150 bytes, and its progress message at most 1 KiB. With 0, the
    /// default, a few thousand are retained while the tenant has followers, and events cost jobs nothing without
    /// followers.
    pub fn keep_events(&self, most: usize) {
        self.shared.context.keep_events(most);
    }

    /// Follows events: those that happen after this call or, with `after`, all that have a greater number. If some of
    /// them have been evicted, the follower gets a [`Gap`](crate::Gap) first, and then the retained ones. The task need
    /// not be open, and the job need not exist. The tenant must be one that the operator knows, because the queue
    /// stores it.
    pub fn follow(&self, filter: EventFilter, after: Option<EventId>) -> Followed {
        Followed::new(self.shared.context.events(filter.tenant()), filter, after)
    }

    /// Wakes all waiters, so that those that sleep until a job is due check the clock again. Call it after the clock
    /// was set.
    pub fn clock_changed(&self) {
        for task in self.shared.tasks.read().all() {
            task.observer().wake_all();
        }
    }

    /// Waits until no job waits (for any reason), no attempt runs and no callback is pending, in any open task.
    /// Cancel-safe. Never returns if the store has failed.
    pub async fn idle(&self) {
        let waiter = self.shared.context.register_idle_waiter();
        loop {
            let mut idle = std::pin::pin!(waiter.idle().notified());
            idle.as_mut().enable();
            if self.is_idle().await {
                return;
            }
            idle.await;
        }
    }

    /// Returns whether all tasks were idle at one point in time during this call.
    async fn is_idle(&self) -> bool {
        // Tasks are checked one after the other, and a job that ends may have added one to a task that was checked
        // before. But if two rounds find every task idle and nothing was added in between, all were idle between them.
        match self.added_if_idle().await {
            Some(added) => self.added_if_idle().await == Some(added),
            None => false,
        }
    }

    /// Returns how many jobs were ever added, if each task is idle when it is checked.
    async fn added_if_idle(&self) -> Option<u64> {
        let mut added: u64 = 0;
        for task in self.known() {
            added = added.wrapping_add(task.added_if_idle().await?);
        }
        Some(added)
    }
}

impl Shared {
    async fn open(
        &self,
        key: &TaskKey,
        rules: &Arc<Rules>,
    ) -> Result<(Arc<TaskObserver>, Arc<dyn TaskStore>), StoreError> {
        let observer = Arc::new(TaskObserver::new(key.clone(), Arc::clone(&self.context)));
        let store = self.store.open(key, rules, self.context.clock.now(), Arc::clone(&observer) as _).await?;
        Ok((observer, store))
    }
}

/// Returns the queue of a task that is opened again.
fn reopened(task: &Arc<TaskQueue>, rules: Arc<Rules>) -> Arc<TaskQueue> {
    task.set_rules(rules);
    task.observer().set_closed(false);
    Arc::clone(task)
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::{JobId, ManualClock, Status, Timestamp};

    use super::*;
    use crate::{ListQuery, MemoryStore, NewJob};

    #[tokio::test]
    async fn no_job_of_an_orphan_ends_because_its_attempts_are_used_up() {
        let (clock, key) = (Arc::new(ManualClock::new(Timestamp(1_000))), TaskKey::new("default", "gone"));
        let mut store = Arc::new(MemoryStore::new());
        let opened = Queue::new(store.clone(), clock.clone()).open(key.clone(), Rules::default()).await.unwrap();
        opened.add(NewJob::new("[]")).await.unwrap();
        for attempt in 1..=RetryPolicy::LOST_ATTEMPTS {
            store = Arc::new(store.die());
            let opened = Queue::new(store.clone(), clock.clone()).open(key.clone(), Rules::default()).await.unwrap();
            assert_eq!(opened.claim().await.unwrap().running().attempt(), attempt);
        }
        let queue = Queue::new(Arc::new(store.die()), clock);
        queue.open_rest("default").await.unwrap();
        let listed = queue.list(&ListQuery::of_task(&key)).await.unwrap().jobs;
        let jobs: Vec<_> = listed.iter().map(|job| (job.status, job.attempt)).collect();
        assert_eq!(jobs, [(Status::Waiting, RetryPolicy::LOST_ATTEMPTS)]);
    }

    #[tokio::test]
    async fn jobs_of_an_orphan_can_be_read_and_changed_and_are_never_pruned() {
        let (clock, key) = (Arc::new(ManualClock::new(Timestamp(1_000))), TaskKey::new("default", "gone"));
        let store = MemoryStore::new();
        let opened = Queue::new(Arc::new(store.die()), clock.clone());
        let task = opened.open(key.clone(), Rules::default()).await.unwrap();
        task.add_many(vec![NewJob::new("[1]"), NewJob::new("[2]"), NewJob::new("[3]")]).await.unwrap();
        let store = opened.shared.store.clone();
        let queue = Queue::new(store, clock.clone());
        queue.open_rest("default").await.unwrap();
        assert!(queue.task(&key).is_none(), "it is not open");
        let orphan = queue.orphan(&key).unwrap();
        assert_eq!(orphan.counts().waiting, 3);
        assert_eq!(queue.orphans("default").len(), 1);
        orphan.cancel(JobId(1)).await.unwrap();
        orphan.delete(JobId(2)).await.unwrap();
        assert_eq!(orphan.get(JobId(1)).await.unwrap().unwrap().status(), Status::Failure);
        clock.advance_ms(1 << 50);
        assert_eq!(orphan.prune(9).await.unwrap().jobs, 0);
        let again = queue.open(key.clone(), Rules::default()).await.unwrap();
        assert!(Arc::ptr_eq(&again, &orphan) && queue.orphan(&key).is_none());
        assert_eq!(again.claim().await.unwrap().running().id(), JobId(3));
    }
}
