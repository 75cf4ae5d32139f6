//! The writer thread's loop. It takes all waiting steps, does them in one transaction, and commits. A single step is
//! done at once, and under load hundreds share a commit, without any delay to gather them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rusqlite::Connection;

use super::checkpoint::Checkpoints;
use super::error::{Severity, SqliteError, severity, severity_beside};
use super::failure::Failure;
use super::headroom::Headroom;
use super::identity::StoreFiles;
use super::inbox::{Inbox, Work};
use super::sync::{Answer, Syncer};
use super::writer_state::{Undo, WriterState};
use crate::meters::Commits;

/// Steps in one transaction. More would make a job hardly any cheaper, and would delay the first of them.
const BATCH: usize = 2_048;
/// Steps in a batch that counts as alone: a few callers at most.
const ALONE: usize = 4;

/// The state of the writer thread.
pub(super) struct CommitLoop<'c> {
    pub(super) writer_state: WriterState<'c>,
    /// `None` if no answer waits for the disk.
    pub(super) headroom: Option<Headroom>,
    pub(super) checkpoints: Checkpoints,
    pub(super) failure: Arc<Failure>,
    /// `None` if no answer waits for the disk.
    pub(super) syncer: Option<Arc<Syncer>>,
    pub(super) files: Arc<StoreFiles>,
    pub(super) is_busy: Arc<AtomicBool>,
    pub(super) commits: Commits,
}

/// Answers to be sent after a batch, each with the commit that it has to wait for; notifications first.
type Outgoing = Vec<(u64, Answer)>;

impl CommitLoop<'_> {
    /// Runs the thread until all senders are dropped.
    pub(super) fn run(&mut self, inbox: &mut Inbox) {
        let mut works = Vec::with_capacity(BATCH);
        self.make_headroom();
        while inbox.receive(&mut works, BATCH) {
            // Undone before any step that the same caller asked for later.
            let undos = inbox.take_undos();
            let is_alone = works.len() <= ALONE && inbox.is_empty();
            if !self.batch(&undos, works.drain(..), is_alone) {
                inbox.restore_undos(undos);
            }
            self.maintain();
        }
    }

    /// Does the maintenance between two batches.
    fn maintain(&mut self) {
        // A store that has failed no longer touches its files.
        if self.failure.check().is_err() {
            return;
        }
        if self.checkpoints.has_room_again()
            && let Some(headroom) = &mut self.headroom
        {
            headroom.try_again();
        }
        self.checkpoints.maintain(self.writer_state.db);
        self.make_headroom();
    }

    fn make_headroom(&mut self) {
        if let (Some(headroom), Some(pages)) = (&mut self.headroom, self.checkpoints.pages()) {
            headroom.maintain(pages);
        }
    }

    /// Does a batch; returns whether it was committed. `is_alone`: no other step is waiting.
    fn batch(&mut self, undos: &[Undo], works: impl Iterator<Item = Work>, is_alone: bool) -> bool {
        let mut works = works;
        let mut outgoing = Outgoing::new();
        let fate = self.failure.check().and_then(|()| {
            let began = Instant::now();
            let done = self.do_all(undos, &mut works, &mut outgoing);
            let steps = done.map_err(|error| self.undo(error))?;
            self.commits.steps.record(steps as f64);
            self.commits.seconds.record(began.elapsed().as_secs_f64());
            let published = self.writer_state.publish();
            published.map_err(|error| self.failure.fail("the committed state could not be read back", &error))
        });
        match fate {
            Ok(()) => {
                self.send(outgoing, is_alone);
                true
            }
            Err(error) => {
                outgoing.into_iter().for_each(|(_, answer)| answer(Err(error.clone())));
                for work in works {
                    let (_, answer) = work(Err(error.clone()));
                    answer.into_iter().for_each(|answer| answer(Err(error.clone())));
                }
                false
            }
        }
    }

    /// Does all steps in one transaction; returns how many there were.
    fn do_all(
        &mut self,
        undos: &[Undo],
        works: &mut impl Iterator<Item = Work>,
        outgoing: &mut Outgoing,
    ) -> rusqlite::Result<usize> {
        self.begin()?;
        self.writer_state.sweep_components()?;
        for undo in undos {
            self.writer_state.undo(undo)?;
            self.writer_state.batch_context.end_step();
        }
        let mut steps = undos.len();
        for work in works {
            steps += 1;
            let (result, answer) = work(Ok(&mut self.writer_state));
            let wait_for = self.writer_state.batch_context.end_step();
            outgoing.extend(answer.map(|answer| (wait_for, answer)));
            result?;
        }
        self.writer_state.flush()?;
        let batch_context = &mut self.writer_state.batch_context;
        if let Some(notifications) = batch_context.take_notifications() {
            // Before the answers: a caller that has its answer may rely on it that the observer was notified.
            outgoing.insert(0, (batch_context.seq, notifications));
        }
        if let Some(syncer) = &self.syncer
            && outgoing.iter().any(|(wait_for, _)| *wait_for == self.writer_state.batch_context.seq)
        {
            syncer.announce(self.writer_state.batch_context.seq);
        }
        self.writer_state.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(steps)
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        let begun =
            self.writer_state.db.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]).map(drop));
        let is_busy = begun.as_ref().is_err_and(|error| severity(error) == Severity::Busy);
        self.is_busy.store(is_busy, Ordering::Relaxed);
        begun
    }

    /// Rolls back a failed batch; returns the error for its callers.
    fn undo(&mut self, error: rusqlite::Error) -> SqliteError {
        let severity = severity_beside(&error, &self.checkpoints.probe);
        if severity == Severity::Fatal {
            return self.failure.fail("a write failed", &error);
        }
        let db: &Connection = self.writer_state.db;
        // Some errors have already rolled back the transaction.
        let rolled_back = if db.is_autocommit() { Ok(()) } else { db.execute_batch("ROLLBACK") };
        if let Err(error) = rolled_back.and_then(|()| self.writer_state.reload()) {
            return self.failure.fail("the state after a failed write could not be read back", &error);
        }
        match severity {
            Severity::Full => {
                self.checkpoints.no_room(db, &error);
                SqliteError::Full { source: Arc::new(error) }
            }
            Severity::Busy => {
                // At most as often as a connection times out waiting for a lock.
                tracing::error!(
                    %error,
                    "another program keeps the job store locked; new jobs are refused, and finished jobs are kept in memory \
                     and written when the lock is released; end its transaction"
                );
                SqliteError::Busy { source: Arc::new(error) }
            }
            Severity::Refused | Severity::Fatal => SqliteError::Refused { source: Arc::new(error) },
        }
    }

    fn send(&mut self, outgoing: Outgoing, is_alone: bool) {
        let Some(syncer) = &self.syncer else {
            let fate = self.files.check(&self.failure);
            return outgoing.into_iter().for_each(|(_, answer)| answer(fate.clone()));
        };
        let durable = syncer.durable();
        let (now, later): (Vec<_>, Vec<_>) = outgoing.into_iter().partition(|(wait_for, _)| *wait_for <= durable);
        let later: Vec<Answer> = later.into_iter().map(|(_, answer)| answer).collect();
        // The number of the batch itself: `publish` has already advanced the batch context.
        let seq = self.writer_state.batch_context.seq - 1;
        // A caller that is answered now sends its next step, for which the writer should be available.
        let is_alone = is_alone && now.is_empty();
        now.into_iter().for_each(|(_, answer)| answer(Ok(())));
        match later.is_empty() {
            true => {}
            false if is_alone => syncer.sync_here(seq, later),
            false => syncer.send_when_durable(seq, later),
        }
    }
}
