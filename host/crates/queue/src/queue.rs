//! The queue of all tasks: opens tasks, finds them, tells events, and knows when there is nothing left to do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use saggar_job::{Clock, JobId, RetryPolicy, TaskKey, Timestamp};

use crate::context::QueueContext;
use crate::meters;
use crate::task_queue::TaskObserver;
use crate::{
    EventFilter, EventId, Events, Followed, ListQuery, Page, Retention, Rules, Store, StoreError, TaskQueue, TaskStore,
};

#[cfg(test)]
mod across_hosts;
mod polling;

/// The jobs of all tasks of a host. Cheap to clone; clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    context: Arc<QueueContext>,
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
        let context = Arc::new(QueueContext::new(clock, chance));
        let is_shared = store.is_shared();
        let shared = Arc::new(Shared { store, context, tasks: RwLock::default() });
        if is_shared {
            polling::start(&shared);
        }
        Self { shared }
    }

    /// Opens the queue of the task `key`. If it is open, or was and is closed, the same one is answered, and follows
    /// `rules` from now on. What a dead process left running in it is back in line before this answers
    /// ([`Store::open`]).
    pub async fn open(&self, key: TaskKey, rules: Rules) -> Result<Arc<TaskQueue>, StoreError> {
        let rules = Arc::new(rules);
        let known = self.shared.tasks.read().get(&key).cloned();
        if let Some(task) = known {
            return Ok(reopened(&task, rules));
        }
        let (observer, store) = self.shared.open(&key, &rules).await?;
        let mut tasks = self.shared.tasks.write();
        // Somebody else may have opened it meanwhile.
        if let Some(task) = tasks.get(&key) {
            return Ok(reopened(task, rules));
        }
        let task = Arc::new(TaskQueue::new(store, rules, observer));
        tasks.insert(key, Arc::clone(&task));
        Ok(task)
    }

    /// Opens the rest of the store's tasks, those whose definition is gone or broken, so that their jobs can be looked at, changed
    /// and counted ([`orphans`](Self::orphans)). What a dead process left running there waits again. None of it ends for want
    /// of attempts, and none is removed when its retention is over, since both are what the definition says. Call it when the
    /// tasks that have one are open.
    pub async fn open_rest(&self) -> Result<(), StoreError> {
        let unlimited = RetryPolicy { retries: u32::MAX, ..RetryPolicy::default() };
        let at_opening = Arc::new(Rules { retry: unlimited, ..Rules::default() });
        let retention = Retention { success_ms: u64::MAX, failure_ms: u64::MAX };
        let rules = Arc::new(Rules { retention, ..Rules::default() });
        for key in self.shared.store.tasks().await? {
            if self.shared.tasks.read().contains_key(&key) {
                continue;
            }
            let (observer, store) = self.shared.open(&key, &at_opening).await?;
            observer.set_closed(true);
            let task = Arc::new(TaskQueue::new(store, Arc::clone(&rules), observer));
            self.shared.tasks.write().entry(key).or_insert(task);
        }
        Ok(())
    }

    /// Closes the queue of a task that nobody works on any more: it is not found here, and of its jobs only those that
    /// still run keep the queue from being [`idle`](Self::idle). They stay in the store, to go on when the task is opened
    /// again. Nothing happens if it is not open.
    pub fn close(&self, key: &TaskKey) {
        if let Some(task) = self.task(key) {
            task.observer().set_closed(true);
            task.observer().quiet_perhaps();
        }
    }

    /// Whether the next process goes on with the jobs of this one.
    pub fn outlives_process(&self) -> bool {
        self.shared.store.outlives_process()
    }

    /// The queue of the task `key`, if it is open.
    pub fn task(&self, key: &TaskKey) -> Option<Arc<TaskQueue>> {
        self.shared.tasks.read().get(key).filter(|task| !task.observer().is_closed()).cloned()
    }

    /// The queue of the task `key` if it is not open, but the store has it.
    pub fn orphan(&self, key: &TaskKey) -> Option<Arc<TaskQueue>> {
        self.shared.tasks.read().get(key).filter(|task| task.observer().is_closed()).cloned()
    }

    /// The queues of all of a tenant's tasks that are not open, but in the store, in no order.
    pub fn orphans(&self, tenant: &str) -> Vec<Arc<TaskQueue>> {
        let tasks = self.shared.tasks.read();
        let orphans = tasks.values().filter(|task| task.observer().is_closed() && &*task.key().tenant == tenant);
        orphans.cloned().collect()
    }

    /// The queues of all tasks that are open, in no order.
    pub fn tasks(&self) -> Vec<Arc<TaskQueue>> {
        self.shared.tasks.read().values().filter(|task| !task.observer().is_closed()).cloned().collect()
    }

    /// The queues of all tasks that are open or were, in no order.
    pub fn known(&self) -> Vec<Arc<TaskQueue>> {
        self.shared.tasks.read().values().cloned().collect()
    }

    /// GuardState what is known at a moment only (depths, ages, totals) to the recorder of the `metrics` facade, for every task that
    /// was ever open here: what a closed one holds still waits in the store. Call it before the recorder is read.
    pub fn measure(&self) {
        let now = self.shared.context.now();
        self.known().iter().for_each(|task| task.measure(now));
        meters::measure_followers(self.shared.context.followers());
        meters::measure_kept(self.shared.store.kept_bytes());
    }

    /// Some jobs of a task or of all of a tenant's tasks, open or not, with the live progress of running attempts. What
    /// they are, in which order and how many: [`Store::list`].
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let searching;
        let query = match &query.text {
            None => query,
            // Before the store looks: what an attempt has reported is kept when it ends.
            Some(text) => {
                searching = ListQuery { live: self.showing(query, text).into(), ..query.clone() };
                &searching
            }
        };
        let mut page = self.shared.store.list(query).await?;
        let tasks = self.shared.tasks.read();
        for job in &mut page.jobs {
            if let Some(task) = tasks.get(&job.task) {
                task.show_live(job);
            }
        }
        Ok(page)
    }

    /// The running jobs of the tasks of `query` whose live progress shows `text`.
    fn showing(&self, query: &ListQuery, text: &str) -> HashMap<TaskKey, HashSet<JobId>> {
        let is_asked_for =
            |key: &TaskKey| key.tenant == query.tenant && query.task.as_ref().is_none_or(|task| *task == key.task);
        let tasks = self.shared.tasks.read();
        let tasks = tasks.iter().filter(|(key, _)| is_asked_for(key));
        tasks.map(|(key, task)| (key.clone(), task.showing(text))).filter(|(_, ids)| !ids.is_empty()).collect()
    }

    /// The time of day by the queue's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.context.now()
    }

    /// Listens to the events of all of a tenant's tasks from now on.
    pub fn subscribe(&self, tenant: impl Into<Arc<str>>) -> Events {
        Events::new(self.follow(EventFilter::Tenant(tenant.into()), None))
    }

    /// From now on the last `most` events of each tenant are kept, also while nobody listens, for whoever comes back
    /// ([`follow`](Self::follow)). Each takes some 150 bytes, and its progress message of 1 KiB at most. With 0, as in the
    /// beginning, none are kept for long: a few thousand while somebody listens, and it costs jobs nothing while nobody
    /// does.
    pub fn keep_events(&self, most: usize) {
        self.shared.context.keep_events(most);
    }

    /// Bounds the bytes that the jobs of all tasks of the store may take; without it only each task's
    /// [`Rules::keep_bytes`] does.
    pub fn keep_bytes(&self, most: u64) {
        self.shared.store.set_keep_bytes(most);
    }

    /// Follows events: those that happen after this call, or, with `after`, all that have a later number. If some of them
    /// are not kept, that is told first, and then those that are. The task need not be open, nor need there be such a
    /// job; the tenant must be one that the operator knows, for it is remembered.
    pub fn follow(&self, filter: EventFilter, after: Option<EventId>) -> Followed {
        Followed::new(self.shared.context.events(filter.tenant()), filter, after)
    }

    /// Lets everybody who sleeps until a job is due look at the clock again. For clocks that were set.
    pub fn clock_changed(&self) {
        for task in self.shared.tasks.read().values() {
            task.observer().look_again();
        }
    }

    /// Waits until no job waits (for whatever), no attempt runs and no callback is pending, in any open task. Cancel-safe. Waits for
    /// ever if the store has failed.
    pub async fn idle(&self) {
        let wanted = self.shared.context.want_quiet();
        loop {
            let mut quiet = std::pin::pin!(wanted.quiet().notified());
            quiet.as_mut().enable();
            if self.is_idle().await {
                return;
            }
            quiet.await;
        }
    }

    /// Whether all tasks were idle at one and the same moment during this call.
    async fn is_idle(&self) -> bool {
        // Tasks are looked at one after the other, and a job that ends may have added one to a task that was looked at
        // before. But if two rounds find every task idle and nothing was added in between, all were idle between them.
        match self.added_if_idle().await {
            Some(added) => self.added_if_idle().await == Some(added),
            None => false,
        }
    }

    /// How many jobs were ever added, if each task is idle when it is looked at.
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
        let store = self.store.open(key, rules, self.context.now(), Arc::clone(&observer) as _).await?;
        Ok((observer, store))
    }
}

/// The queue of a task that somebody opens again.
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
    use saggar_job::{ManualClock, Status};

    use super::*;
    use crate::{MemoryStore, NewJob};

    #[tokio::test]
    async fn no_job_ends_for_want_of_attempts_while_nobody_knows_how_many_it_may_have() {
        let (clock, key) = (Arc::new(ManualClock::new(Timestamp(1_000))), TaskKey::new("default", "gone"));
        let mut store = Arc::new(MemoryStore::new());
        let opened = Queue::new(store.clone(), clock.clone()).open(key.clone(), Rules::default()).await.unwrap();
        opened.add(NewJob::new("[]")).await.unwrap();
        for attempt in 1..=RetryPolicy::LOST_ATTEMPTS {
            store = Arc::new(store.die());
            let opened = Queue::new(store.clone(), clock.clone()).open(key.clone(), Rules::default()).await.unwrap();
            assert_eq!(opened.claim().await.unwrap().attempt(), attempt);
        }
        let queue = Queue::new(Arc::new(store.die()), clock);
        queue.open_rest().await.unwrap();
        let listed = queue.list(&ListQuery::of_task(&key)).await.unwrap().jobs;
        let standing: Vec<_> = listed.iter().map(|job| (job.status, job.attempt)).collect();
        assert_eq!(standing, [(Status::Waiting, RetryPolicy::LOST_ATTEMPTS)]);
    }

    #[tokio::test]
    async fn jobs_of_a_task_without_a_definition_can_be_looked_at_and_changed_and_are_never_pruned() {
        let (clock, key) = (Arc::new(ManualClock::new(Timestamp(1_000))), TaskKey::new("default", "gone"));
        let store = MemoryStore::new();
        let opened = Queue::new(Arc::new(store.die()), clock.clone());
        let task = opened.open(key.clone(), Rules::default()).await.unwrap();
        task.add_many(vec![NewJob::new("[1]"), NewJob::new("[2]"), NewJob::new("[3]")]).await.unwrap();
        let store = opened.shared.store.clone();
        let queue = Queue::new(store, clock.clone());
        queue.open_rest().await.unwrap();
        assert!(queue.task(&key).is_none(), "nobody works on it");
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
        assert_eq!(again.claim().await.unwrap().id(), JobId(3));
    }
}
