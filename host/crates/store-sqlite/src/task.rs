//! One task of the file: passes each step to the writer or to a reader.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use saggar_job::{JobId, Run, Timestamp};

use super::batch_context::Batch;
use super::places::{self, ONE};
use super::reply_guard::{Claims, ReplyGuard, StepGuard};
use super::shared::Shared;
use super::task_state::{Stepped, TaskTx, recordings};
use super::writer_state::{Undo, WriterState};
use super::{Inner, reader};
use saggar_store::{
    AddError, Added, CallbackNumber, CallbackPosition, Change, ChangeError, Claimed, ClaimedCallbacks, Counts,
    Delivery, Finish, Finished, History, Job, Lane, ListedRecording, LogLine, NewJob, Peek, Pruned, Recording,
    RecordingLimits, Rules, SettledUnwanted, StoreError, TaskStore, kept_bytes,
};

pub(super) struct SqliteTask {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Arc<Inner>,
}

impl SqliteTask {
    /// Runs a step that claims jobs or callbacks.
    async fn claim_step<T, E>(
        &self,
        step: impl FnOnce(&mut TaskTx<'_>, StepGuard) -> Stepped<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Claims + Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let writer = self.store.writer().map_err(StoreError::from)?;
        let (flow, (guard, step_guard)) = (self.shared.flow(), ReplyGuard::new(writer.undo_sender.clone()));
        guard.answered_by(writer.on(&flow, ONE, self.shared.task, move |tx| step(tx, step_guard))).await
    }

    /// Looks up something of a job; `None` if the task was removed.
    async fn look_up<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection, &Shared) -> rusqlite::Result<Option<T>> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        if self.shared.is_removed() {
            return Ok(None);
        }
        let (shared, flow) = (Arc::clone(&self.shared), self.shared.flow());
        Ok(self.store.readers()?.query(&flow, move |db| look(db, &shared)).await?)
    }

    /// Returns the places of a change. What it deletes counts like what an addition writes, so that many deletions of large
    /// jobs are not one batch.
    async fn places_of(&self, id: JobId, change: Change) -> Result<usize, StoreError> {
        match change {
            Change::Cancel | Change::Redeliver => Ok(ONE),
            Change::Delete | Change::Retry => {
                let bytes = self.look_up(move |db, shared| reader::bytes(db, shared, id)).await?;
                Ok(places::of_large(bytes.unwrap_or_default()))
            }
        }
    }
}

/// The first and the longest pause between two tries of a step that found the disk full or the file locked.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Retries a step until it is written. Such a step records something that has already happened, so a full disk or
/// another program's lock cannot refuse it. The argument of `step` is whether this is the first try. Cancel-safe as the
/// step is.
async fn retry_until_written<T, F>(mut step: impl FnMut(bool) -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut answer = step(true).await;
    let mut pause = PAUSE;
    while answer.as_ref().is_err_and(StoreError::is_passing) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        answer = step(false).await;
    }
    answer
}

#[async_trait]
impl TaskStore for SqliteTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError> {
        let (rules, places, flow) = (Arc::clone(rules), places::of_new(&jobs), self.shared.flow());
        let writer = self.store.writer().map_err(StoreError::from)?;
        writer.on(&flow, places, self.shared.task, move |tx| tx.add(jobs, &rules, now)).await
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        self.claim_step(move |tx, step_guard| {
            step_guard.run(tx, now, |tx, is_awaited| tx.claim(if is_awaited { most } else { 0 }, now).map(Ok))
        })
        .await
    }

    fn may_claim(&self) -> bool {
        let counts = self.shared.counts();
        counts.waiting > 0 && !counts.paused
    }

    fn may_have_callbacks(&self) -> bool {
        self.shared.counts().callbacks > 0
    }

    fn may_prune(&self) -> bool {
        self.shared.counts().has_ended()
    }

    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp) {
        // A closed store has no other slots that could claim the job.
        if let Ok(writer) = self.store.writer() {
            let (task, claims, rules) = (self.shared.task, vec![(id, run)], Some(Arc::clone(rules)));
            // The caller has had the answer to its claim, so the batch is committed.
            let batch = Batch::default();
            writer.undo_sender.send(Undo { task, claims, callbacks: Vec::new(), rules, now, batch });
        }
    }

    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        let (task, writer, places) = (self.shared.task, self.store.writer()?, places::of_end(&finish.end));
        let flow = self.shared.flow();
        retry_until_written(|is_first| {
            let (finish, rules) = (finish.clone(), Arc::clone(rules));
            // A later try claims no job: its attempt would start at the time of the first try.
            let claim_next = claim_next && is_first;
            let (guard, step_guard) = ReplyGuard::new(writer.undo_sender.clone());
            let step = move |tx: &mut TaskTx<'_>| {
                step_guard.run(tx, now, |tx, is_awaited| {
                    let finished = tx.finish(finish, claim_next && is_awaited, &rules, now);
                    tx.state.rules = rules;
                    finished
                })
            };
            guard.answered_by(writer.on(&flow, places, task, step))
        })
        .await
    }

    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError> {
        let (rules, places) = (Arc::clone(rules), self.places_of(id, change).await?);
        let flow = self.shared.flow();
        let writer = self.store.writer().map_err(StoreError::from)?;
        let step = move |tx: &mut TaskTx<'_>| {
            let changed = tx.change(id, change, &rules, now);
            tx.state.rules = rules;
            changed
        };
        writer.on(&flow, places, self.shared.task, step).await
    }

    async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        let step = move |tx: &mut TaskTx<'_>| tx.set_paused(paused).map(Ok);
        self.store.writer()?.on(&self.shared.flow(), ONE, self.shared.task, step).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.look_up(move |db, shared| reader::job(db, shared, id)).await
    }

    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        self.look_up(move |db, shared| reader::peek(db, shared, id, most)).await
    }

    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        self.look_up(move |db, shared| reader::history(db, shared, id)).await
    }

    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError> {
        self.claim_step(move |tx, step_guard| {
            step_guard
                .run(tx, now, |tx, is_awaited| tx.claim_callbacks(lane, if is_awaited { most } else { 0 }, now).map(Ok))
        })
        .await
    }

    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (writer, flow) = (self.store.writer()?, self.shared.flow());
        retry_until_written(|_| {
            let delivery = delivery.clone();
            let step = move |tx: &mut TaskTx<'_>| tx.settle_callback(number, &delivery, now).map(Ok);
            writer.on(&flow, ONE, self.shared.task, step)
        })
        .await
    }

    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError> {
        let rules = Arc::clone(rules);
        let step = move |tx: &mut TaskTx<'_>| tx.settle_unwanted(lane, after, most, &rules, now).map(Ok);
        self.store.writer()?.on(&self.shared.flow(), places::of_many(most), self.shared.task, step).await
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        let (writer, places, flow) = (self.store.writer()?, places::of_lines(&lines), self.shared.flow());
        retry_until_written(|_| {
            let lines = lines.clone();
            writer.on(&flow, places, self.shared.task, move |tx| tx.append_log(id, lines).map(Ok))
        })
        .await
    }

    async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError> {
        let (task, writer, flow) = (self.shared.task, self.store.writer()?, self.shared.flow());
        let mut places = places::of_large(bytes.len() as u64);
        loop {
            let bytes = Arc::clone(&bytes);
            let step = move |writer_state: &mut WriterState<'_>| writer_state.keep_recording(task, id, run, &bytes);
            if writer.ask_for(&flow, places, step).await? {
                return Ok(());
            }
            places = places.max(places::of_many(RecordingLimits::WORK_OF_A_STEP));
        }
    }

    async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError> {
        self.look_up(move |db, shared| reader::recording(db, shared, id, run)).await
    }

    async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError> {
        let list =
            move |db: &Connection, shared: &Shared| recordings::recordings(db, shared.task, before, most).map(Some);
        Ok(self.look_up(list).await?.unwrap_or_default())
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError> {
        let rules = Arc::clone(rules);
        let step = move |tx: &mut TaskTx<'_>| tx.prune(most, &rules, now).map(Ok);
        self.store.writer()?.on(&self.shared.flow(), places::of_many(most), self.shared.task, step).await
    }

    fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        let all = &self.store.registry.kept;
        kept_bytes::has_room(self.shared.counts().bytes, more, rules.keep_bytes)
            && self.shared.of_tenant.has_room_for(more)
            && kept_bytes::has_room(all.bytes(), more, all.most())
    }

    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError> {
        let (task, rules) = (self.shared.task, Arc::clone(rules));
        let step = move |writer_state: &mut WriterState<'_>| writer_state.make_room(task, more, most, &rules).map(Ok);
        self.store.writer()?.ask_for(&self.shared.flow(), places::of_many(most), step).await
    }

    fn counts(&self) -> Counts {
        self.shared.counts()
    }
}
