//! One host's handle of a task of the shared store.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::{JobId, Run, TaskKey, Timestamp};

use super::{Host, SharedState};
use crate::{
    AddError, Added, CallbackNumber, CallbackPosition, Change, ChangeError, Claimed, ClaimedCallbacks, ClaimedJob,
    Counts, Delivery, Finish, Finished, History, Job, Lane, ListedRecording, LogLine, NewJob, Peek, Pruned, Recording,
    Rules, SettledUnwanted, StoreError, TaskStore,
};

/// The counts are refreshed once in this many calls.
const STALE_FOR: u32 = 7;

pub(super) struct SharedTask {
    key: TaskKey,
    host: Host,
    task: Arc<dyn TaskStore>,
    state: Arc<SharedState>,
    /// The counts as of the last refresh, and the number of calls.
    counts: Mutex<(Counts, u32)>,
}

impl SharedTask {
    pub(super) fn new(key: TaskKey, host: Host, task: Arc<dyn TaskStore>, state: Arc<SharedState>) -> Self {
        Self { key, host, task, state, counts: Mutex::default() }
    }

    fn note_claims<'a>(&self, jobs: impl IntoIterator<Item = &'a ClaimedJob>) {
        let mut hosts = self.state.hosts.lock();
        hosts.running.extend(jobs.into_iter().map(|job| ((self.key.clone(), job.id), (self.host, job.run))));
    }
}

#[async_trait]
impl TaskStore for SharedTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError> {
        let _turn = self.state.turn_of(self.host).await;
        self.task.add(jobs, rules, now).await
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        let claimed = self.task.claim(most, now).await?;
        self.note_claims(&claimed.jobs);
        Ok(claimed)
    }

    fn may_claim(&self) -> bool {
        true
    }

    fn may_have_callbacks(&self) -> bool {
        true
    }

    fn may_prune(&self) -> bool {
        true
    }

    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp) {
        // No step of this store waits during its turn, so the turn is free at the moment.
        let Ok(_turn) = self.state.turn.try_lock() else { return };
        self.state.hosts.lock().acting = self.host;
        self.task.release(id, run, rules, now);
    }

    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        let finished = self.task.finish(finish, claim_next, rules, now).await?;
        self.note_claims(&finished.next);
        Ok(finished)
    }

    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError> {
        let _turn = self.state.turn_of(self.host).await;
        self.task.change(id, change, rules, now).await
    }

    async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        self.task.set_paused(paused).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.task.get(id).await
    }

    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        self.task.peek(id, most).await
    }

    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        self.task.history(id).await
    }

    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        let claimed = self.task.claim_callbacks(lane, most, now).await?;
        let taken = claimed.callbacks.iter().map(|callback| ((self.key.clone(), callback.number), self.host));
        self.state.hosts.lock().taken.extend(taken);
        Ok(claimed)
    }

    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        self.state.hosts.lock().taken.remove(&(self.key.clone(), number));
        self.task.settle_callback(number, delivery, now).await
    }

    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        self.task.settle_unwanted(lane, after, most, rules, now).await
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        self.task.append_log(id, lines).await
    }

    async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError> {
        let _turn = self.state.turn_of(self.host).await;
        self.task.keep_recording(id, run, bytes).await
    }

    async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError> {
        self.task.recording(id, run).await
    }

    async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError> {
        self.task.recordings(before, most).await
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError> {
        self.task.prune(most, rules, now).await
    }

    fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        self.task.has_room_for(more, rules)
    }

    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError> {
        self.task.make_room(more, most, rules).await
    }

    fn counts(&self) -> Counts {
        let mut counts = self.counts.lock();
        if counts.1 % STALE_FOR == STALE_FOR - 1 {
            counts.0 = self.task.counts();
        }
        counts.1 += 1;
        counts.0
    }

    async fn counts_now(&self) -> Result<Counts, StoreError> {
        Ok(self.task.counts())
    }
}
