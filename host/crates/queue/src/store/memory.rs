//! The store in memory: as fast as the queue gets, and gone with the process. The oracle of the other stores' tests.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::{JobId, Run, TaskKey, Timestamp};

use super::observer::Notification;
use super::{
    Added, Claimed, ClaimedNotices, Counts, Finish, Finished, History, Lane, NoticeNumber, NoticePosition, Observer,
    Pruned, SettledUnwanted, Store, TaskStore, Telling,
};
use crate::kept_bytes::KeptBytes;
use crate::{AddError, Change, ChangeError, Job, ListQuery, LogLine, NewJob, Page, Peek, Rules, StoreError};

mod ended;
mod line;
mod listing;
mod names;
mod outbox;
mod record;
mod register;
mod room;
mod shelf;

use shelf::Shelf;

/// A store in memory. Each task has a lock of its own; no step waits for anything else, so every future is ready when it
/// is first polled, and dropping one before that means that nothing happened.
#[derive(Default)]
pub struct MemoryStore {
    tasks: Arc<Tasks>,
    /// The number of the last job added, over all tasks.
    numbers: Arc<AtomicU64>,
    kept: Arc<KeptBytes>,
}

type Tasks = Mutex<HashMap<TaskKey, Arc<MemoryTask>>>;

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a store that outlives its process would hold if the process died now: this one's jobs, in another store. This
    /// one is empty afterwards. For the tests of stores that do outlive it.
    #[cfg(any(test, feature = "conformance"))]
    #[must_use]
    pub fn die(&self) -> Self {
        let next = Self { tasks: Arc::default(), numbers: Arc::clone(&self.numbers), kept: Arc::clone(&self.kept) };
        let tasks = self.tasks.lock().drain().map(|(key, task)| (key, next.task(task.shelf.lock().die()))).collect();
        *next.tasks.lock() = tasks;
        next
    }

    /// Lets notices of a task be taken again, their tries as they were: whoever had taken them is dead.
    #[cfg(any(test, feature = "conformance"))]
    pub(crate) fn give_back(&self, task: &TaskKey, notices: impl Iterator<Item = NoticeNumber>) {
        let task = self.tasks.lock().get(task).cloned();
        if let Some(task) = task {
            notices.for_each(|notice| task.shelf.lock().give_back(notice));
        }
    }

    fn task(&self, mut shelf: Shelf) -> Arc<MemoryTask> {
        shelf.kept.of_all = Arc::clone(&self.kept);
        let (shelf, numbers, others) = (Mutex::new(shelf), Arc::clone(&self.numbers), Arc::downgrade(&self.tasks));
        Arc::new(MemoryTask { shelf, numbers, others, turn: Mutex::default() })
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
        let opened = Arc::clone(self.tasks.lock().entry(task.clone()).or_insert_with(|| self.task(Shelf::default())));
        opened.turn.lock().observer = Some(observer);
        opened.step(|shelf| shelf.open(rules, now));
        Ok(opened)
    }

    fn outlives_process(&self) -> bool {
        false
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        Ok(self.tasks.lock().keys().cloned().collect())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let is_asked_for =
            |key: &TaskKey| key.tenant == query.tenant && query.task.as_ref().is_none_or(|task| *task == key.task);
        let tasks = self
            .tasks
            .lock()
            .iter()
            .filter(|(key, _)| is_asked_for(key))
            .map(|(key, task)| (key.clone(), Arc::clone(task)))
            .collect();
        Ok(listing::page(tasks, query))
    }

    fn set_keep_bytes(&self, most: u64) {
        self.kept.set_most(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.kept.bytes()
    }
}

/// One task's shelf behind its lock, with the numbers of all tasks.
struct MemoryTask {
    shelf: Mutex<Shelf>,
    /// Held by a step until its notifications are sent, so that they come in the order of the steps.
    turn: Mutex<Turn>,
    numbers: Arc<AtomicU64>,
    /// All tasks of the store, this one among them; gone with the store.
    others: Weak<Tasks>,
}

#[derive(Default)]
struct Turn {
    observer: Option<Arc<dyn Observer>>,
    /// Swapped with the shelf's, so that no step allocates one.
    notifications: Vec<Notification>,
}

impl MemoryTask {
    /// Does a step of which the observer has to hear.
    fn step<T>(&self, step: impl FnOnce(&mut Shelf) -> T) -> T {
        let mut turn = self.turn.lock();
        let Turn { observer, notifications } = &mut *turn;
        let mut shelf = self.shelf.lock();
        let answer = step(&mut shelf);
        std::mem::swap(&mut shelf.notifications, notifications);
        drop(shelf);
        let notifications = notifications.drain(..);
        if let Some(observer) = observer {
            notifications.for_each(|notification| notification.send(&**observer));
        }
        answer
    }
}

#[async_trait]
impl TaskStore for MemoryTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError> {
        self.step(|shelf| shelf.add(jobs, rules, now, &self.numbers))
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        self.shelf.lock().claim(most, now)
    }

    fn may_claim(&self) -> bool {
        self.shelf.lock().may_claim()
    }

    fn may_have_callbacks(&self) -> bool {
        self.shelf.lock().counts().notices > 0
    }

    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp) {
        self.step(|shelf| shelf.release(id, run, rules, now));
    }

    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.step(|shelf| shelf.finish(finish, claim_next, rules, now))
    }

    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError> {
        self.step(|shelf| shelf.change(id, change, rules, now))
    }

    async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        self.step(|shelf| shelf.set_paused(paused));
        Ok(())
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.shelf.lock().get(id))
    }

    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        // Its texts are shared and not copied.
        let job = self.shelf.lock().get(id);
        Ok(job.map(|job| match job.text_bytes() {
            bytes if bytes > most => Peek::Large { bytes, has_ended: job.life.state.is_ended() },
            _ => Peek::Job(job),
        }))
    }

    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        Ok(self.shelf.lock().history(id))
    }

    async fn claim_notices(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedNotices, StoreError> {
        Ok(self.shelf.lock().claim_notices(lane, most, now))
    }

    async fn settle_notice(&self, number: NoticeNumber, telling: Telling, now: Timestamp) -> Result<(), StoreError> {
        self.step(|shelf| shelf.settle_notice(number, telling, now));
        Ok(())
    }

    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: NoticePosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError> {
        Ok(self.step(|shelf| shelf.settle_unwanted(lane, after, most, rules, now)))
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        self.step(|shelf| shelf.append_log(id, lines));
        Ok(())
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError> {
        Ok(self.shelf.lock().prune(most, rules, now))
    }

    fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        self.shelf.lock().has_room_for(more, rules)
    }

    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError> {
        let pruned = self.shelf.lock().make_room(more, most, rules);
        let others = self.others.upgrade().filter(|_| !pruned.more);
        Ok(others.map_or(pruned, |others| room::make(&others, &self.shelf, more, most, pruned)))
    }

    fn counts(&self) -> Counts {
        self.shelf.lock().counts()
    }
}

#[cfg(test)]
mod tests;
