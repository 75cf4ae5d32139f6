//! The store in memory: as fast as the queue gets, and gone with the process. The oracle of the other stores' tests.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::{JobId, TaskKey, Timestamp};

use super::{Cancelled, Claimed, ClaimedNotices, Counts, Finish, Finished, NoticeNumber, Store, TaskStore, Told};
use crate::{AddError, Job, LogLine, NewJob, Rules, StoreError};

mod ended;
mod line;
mod outbox;
mod record;
mod shelf;

use shelf::Shelf;

/// A store in memory. Each task has a lock of its own; no step waits for anything else, so every future is ready when it
/// is first polled, and dropping one before that means that nothing happened.
#[derive(Default)]
pub struct MemoryStore {
    tasks: Mutex<HashMap<TaskKey, Arc<MemoryTask>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn open(&self, task: &TaskKey) -> Result<Arc<dyn TaskStore>, StoreError> {
        let opened = Arc::clone(self.tasks.lock().entry(task.clone()).or_default());
        Ok(opened)
    }
}

/// One task's shelf behind its lock.
#[derive(Default)]
struct MemoryTask(Mutex<Shelf>);

#[async_trait]
impl TaskStore for MemoryTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<JobId>, AddError> {
        self.0.lock().add(jobs, rules, now)
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        self.0.lock().claim(most, now)
    }

    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.0.lock().finish(finish, claim_next, rules, now)
    }

    async fn cancel(&self, id: JobId, rules: &Arc<Rules>, now: Timestamp) -> Result<Option<Cancelled>, StoreError> {
        self.0.lock().cancel(id, rules, now)
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.0.lock().get(id))
    }

    async fn claim_notices(&self, most: usize, now: Timestamp) -> Result<ClaimedNotices, StoreError> {
        Ok(self.0.lock().claim_notices(most, now))
    }

    async fn finish_notice(&self, number: NoticeNumber, now: Timestamp) -> Result<Told, StoreError> {
        Ok(self.0.lock().finish_notice(number, now))
    }

    async fn put_off_notice(&self, number: NoticeNumber, until: Timestamp) -> Result<(), StoreError> {
        self.0.lock().put_off_notice(number, until);
        Ok(())
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        self.0.lock().append_log(id, lines);
        Ok(())
    }

    async fn logs(&self, id: JobId) -> Result<Option<Vec<LogLine>>, StoreError> {
        Ok(self.0.lock().logs(id))
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.0.lock().prune(most, rules, now))
    }

    fn counts(&self) -> Counts {
        self.0.lock().counts()
    }
}

#[cfg(test)]
mod tests;
