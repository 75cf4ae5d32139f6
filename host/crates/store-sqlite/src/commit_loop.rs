//! What the writer's thread does: it takes all steps that wait, does them in one transaction, and commits: a step that comes alone
//! is done at once, and under load hundreds share a commit, with nobody having waited for others to gather them.

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

/// Steps in one transaction: more make a job hardly any cheaper, and let the first of them wait longer.
const BATCH: usize = 2_048;
/// Steps in a batch that comes alone: a few callers at most.
const ALONE: usize = 4;

/// The writer's own.
pub(super) struct CommitLoop<'c> {
    pub(super) writer_state: WriterState<'c>,
    /// None if nobody waits for the disk.
    pub(super) headroom: Option<Headroom>,
    pub(super) checkpoints: Checkpoints,
    pub(super) failure: Arc<Failure>,
    /// None if answers need not wait for the disk.
    pub(super) syncer: Option<Arc<Syncer>>,
    pub(super) files: Arc<StoreFiles>,
    pub(super) is_busy: Arc<AtomicBool>,
    pub(super) commits: Commits,
}

/// What is to be sent after a batch: each answer with the commit that it has to wait for, notifications first.
type Outgoing = Vec<(u64, Answer)>;

impl CommitLoop<'_> {
    /// The thread's life: until nobody is left to ask for anything.
    pub(super) fn run(&mut self, inbox: &mut Inbox) {
        let mut works = Vec::with_capacity(BATCH);
        self.make_headroom();
        while inbox.receive(&mut works, BATCH) {
            // Before what whoever put it there asked for later.
            let undone = inbox.take_undone();
            let is_alone = works.len() <= ALONE && inbox.is_empty();
            if !self.batch(&undone, works.drain(..), is_alone) {
                inbox.put_undone_again(undone);
            }
            self.tend();
        }
    }

    /// What is to be done between two batches.
    fn tend(&mut self) {
        // Of a store that has failed nothing is touched any more.
        if self.failure.check().is_err() {
            return;
        }
        if self.checkpoints.has_room_again()
            && let Some(headroom) = &mut self.headroom
        {
            headroom.try_again();
        }
        self.checkpoints.tend(self.writer_state.db);
        self.make_headroom();
    }

    fn make_headroom(&mut self) {
        if let (Some(headroom), Some(pages)) = (&mut self.headroom, self.checkpoints.pages()) {
            headroom.tend(pages);
        }
    }

    /// Answers whether the batch was done. `is_alone`: nobody has anything else to be done at the moment.
    fn batch(&mut self, undone: &[Undo], works: impl Iterator<Item = Work>, is_alone: bool) -> bool {
        let mut works = works;
        let mut outgoing = Outgoing::new();
        let fate = self.failure.check().and_then(|()| {
            let began = Instant::now();
            let done = self.do_all(undone, &mut works, &mut outgoing);
            let steps = done.map_err(|error| self.undo(error))?;
            self.commits.steps.record(steps as f64);
            self.commits.seconds.record(began.elapsed().as_secs_f64());
            let published = self.writer_state.publish();
            published.map_err(|error| self.failure.fail("what was written could not be read", &error))
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

    /// Does everything in one transaction; answers how many steps that were.
    fn do_all(
        &mut self,
        undone: &[Undo],
        works: &mut impl Iterator<Item = Work>,
        outgoing: &mut Outgoing,
    ) -> rusqlite::Result<usize> {
        self.begin()?;
        for undo in undone {
            self.writer_state.undo(undo)?;
            self.writer_state.batch_context.end_step();
        }
        let mut steps = undone.len();
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
            // Before the answers: who is answered may rely on it that the observer has heard.
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

    /// Undoes a batch that failed, and says what became of it.
    fn undo(&mut self, error: rusqlite::Error) -> SqliteError {
        let severity = severity_beside(&error, &self.checkpoints.probe);
        if severity == Severity::Fatal {
            return self.failure.fail("a write failed", &error);
        }
        let db: &Connection = self.writer_state.db;
        // Some errors have undone the transaction already.
        let rolled_back = if db.is_autocommit() { Ok(()) } else { db.execute_batch("ROLLBACK") };
        if let Err(error) = rolled_back.and_then(|()| self.writer_state.reload()) {
            return self.failure.fail("what a failed write left behind could not be read", &error);
        }
        match severity {
            Severity::Full => {
                self.checkpoints.no_room(db, &error);
                SqliteError::Full { source: Arc::new(error) }
            }
            Severity::Busy => {
                // No oftener than a connection waits for a lock.
                tracing::error!(
                    %error,
                    "another program keeps the job store locked; new jobs are refused, and what has ended is kept in memory and \
                     written when it lets go; end its transaction"
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
        // The batch's own number: the batch context counts on when it is published.
        let seq = self.writer_state.batch_context.seq - 1;
        // Whoever is answered now comes back with more, for which the writer should be there.
        let is_alone = is_alone && now.is_empty();
        now.into_iter().for_each(|(_, answer)| answer(Ok(())));
        match later.is_empty() {
            true => {}
            false if is_alone => syncer.sync_here(seq, later),
            false => syncer.send_when_durable(seq, later),
        }
    }
}
