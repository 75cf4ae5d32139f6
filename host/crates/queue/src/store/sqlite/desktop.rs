//! What the writer's thread does: it takes all steps that wait, does them in one transaction, and commits: a step that comes alone
//! is done at once, and under load hundreds share a commit, with nobody having waited for others to gather them. Only the sync of
//! an adding may wait a moment for the end of the job (`owed`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::checkpoint::Checkpoints;
use super::connect::LOCK_WAIT;
use super::error::{Severity, SqliteError, severity, severity_beside};
use super::failure::Failure;
use super::headroom::Headroom;
use super::identity::StoreFiles;
use super::inbox::{Inbox, Received};
use super::owed::{Owed, Patience};
use super::sync::{Answer, Syncer};
use super::workshop::{Undo, Workshop};
use super::writer::{Answers, Work};
use crate::meters::Commits;

/// Steps in one transaction: more make a job hardly any cheaper, and let the first of them wait longer.
const BATCH: usize = 2_048;
/// Steps in a batch that comes alone: a few callers at most.
const ALONE: usize = 4;

/// The writer's own.
pub(super) struct Desktop<'c> {
    pub(super) workshop: Workshop<'c>,
    /// None if nobody waits for the disk.
    pub(super) headroom: Option<Headroom>,
    pub(super) checkpoints: Checkpoints,
    pub(super) failure: Arc<Failure>,
    /// None if answers need not wait for the disk.
    pub(super) syncer: Option<Arc<Syncer>>,
    pub(super) files: Arc<StoreFiles>,
    pub(super) is_busy: Arc<AtomicBool>,
    pub(super) commits: Commits,
    /// What the last commit is to be answered, if it is not synced yet.
    pub(super) owed: Option<Owed>,
    pub(super) patience: Patience,
}

/// What a batch is to be answered: each answer, and the commit that it has to wait for.
#[derive(Default)]
struct Outgoing {
    answers: Vec<(u64, Answer)>,
    begins: bool,
    ends: bool,
}

impl Desktop<'_> {
    /// The thread's life: until nobody is left to ask for anything.
    pub(super) fn run(&mut self, inbox: &mut Inbox) {
        let mut works = Vec::with_capacity(BATCH);
        self.make_headroom();
        loop {
            match inbox.receive(&mut works, BATCH, self.owed.as_ref().map(|owed| owed.until)) {
                Received::Steps => {}
                Received::Nothing => {
                    self.let_go();
                    self.tend();
                    continue;
                }
                Received::End => return self.let_go(),
            }
            // Before what whoever put it there asked for later.
            let undone = inbox.take_undone();
            let is_alone = works.len() <= ALONE && inbox.is_empty();
            if !self.batch(&undone, works.drain(..), is_alone) {
                self.let_go();
                inbox.put_undone_again(undone);
            }
            self.tend();
        }
    }

    /// What is to be done between two batches.
    fn tend(&mut self) {
        // While somebody is to be answered in a moment, nothing that may take longer is begun. Of a store that has failed nothing
        // is touched any more.
        if self.owed.is_some() || self.failure.check().is_err() {
            return;
        }
        if self.checkpoints.has_room_again()
            && let Some(headroom) = &mut self.headroom
        {
            headroom.try_again();
        }
        self.checkpoints.tend(self.workshop.db);
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
        let mut outgoing = Outgoing::default();
        let fate = self.failure.check().and_then(|()| {
            let began = Instant::now();
            let done = self.do_all(undone, &mut works, &mut outgoing);
            let steps = done.map_err(|error| self.undo(error))?;
            self.commits.steps.record(steps as f64);
            self.commits.seconds.record(began.elapsed().as_secs_f64());
            let published = self.workshop.publish();
            published.map_err(|error| self.failure.fail("what was written could not be read", &error))
        });
        match fate {
            Ok(()) => {
                self.send(outgoing, is_alone);
                true
            }
            Err(error) => {
                outgoing.answers.into_iter().for_each(|(_, answer)| answer(Err(error.clone())));
                for work in works {
                    let (_, Answers { ahead, lasting, .. }) = work(Err(error.clone()));
                    ahead.into_iter().chain(lasting).for_each(|answer| answer(Err(error.clone())));
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
        let answers = &mut outgoing.answers;
        for undo in undone {
            let ends = self.workshop.undo(undo)?;
            let waits = self.workshop.ledger.end_step();
            answers.extend(ends.into_iter().map(|answer| (waits.lasting, answer)));
        }
        let mut steps = undone.len();
        for work in works {
            steps += 1;
            let (result, Answers { ahead, lasting, begins, ends }) = work(Ok(&mut self.workshop));
            let waits = self.workshop.ledger.end_step();
            answers.extend(ahead.map(|answer| (waits.ahead, answer)));
            answers.extend(lasting.map(|answer| (waits.lasting, answer)));
            outgoing.begins |= begins;
            outgoing.ends |= ends;
            result?;
        }
        self.workshop.flush()?;
        if let Some(syncer) = &self.syncer
            && answers.iter().any(|(wait_for, _)| *wait_for == self.workshop.ledger.seq)
        {
            syncer.announce(self.workshop.ledger.seq);
        }
        self.workshop.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(steps)
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        let begun = self.begin_in_time();
        let is_busy = begun.as_ref().is_err_and(|error| severity(error) == Severity::Busy);
        self.is_busy.store(is_busy, Ordering::Relaxed);
        begun
    }

    /// Begins a transaction; waits for a program that keeps the file locked, but lets nobody wait with it whose step is done.
    fn begin_in_time(&mut self) -> rusqlite::Result<()> {
        let db = self.workshop.db;
        if self.owed.is_some() {
            db.busy_timeout(Duration::ZERO)?;
            let begun = db.prepare_cached("BEGIN IMMEDIATE")?.execute([]);
            db.busy_timeout(LOCK_WAIT)?;
            if begun.is_ok() {
                return Ok(());
            }
            self.let_go();
        }
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    /// Undoes a batch that failed, and says what became of it.
    fn undo(&mut self, error: rusqlite::Error) -> SqliteError {
        self.let_go();
        let severity = severity_beside(&error, &self.checkpoints.probe);
        if severity == Severity::Fatal {
            return self.failure.fail("a write failed", &error);
        }
        let db: &Connection = self.workshop.db;
        // Some errors have undone the transaction already.
        let rolled_back = if db.is_autocommit() { Ok(()) } else { db.execute_batch("ROLLBACK") };
        if let Err(error) = rolled_back.and_then(|()| self.workshop.reload()) {
            return self.failure.fail("what a failed write left could not be read", &error);
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

    fn send(&mut self, Outgoing { answers, begins, ends }: Outgoing, is_alone: bool) {
        let Some(syncer) = &self.syncer else {
            let fate = self.files.check(&self.failure);
            return answers.into_iter().for_each(|(_, answer)| answer(fate.clone()));
        };
        let durable = syncer.durable();
        let (now, later): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(wait_for, _)| *wait_for <= durable);
        let mut later: Vec<Answer> = later.into_iter().map(|(_, answer)| answer).collect();
        // The batch's own number: the ledger counts on when it is published.
        let seq = self.workshop.ledger.seq - 1;
        if let Some(owed) = self.owed.take() {
            self.patience.waited(ends);
            later.splice(0..0, owed.answers);
        } else if is_alone
            && begins
            && syncer.is_idle()
            && let Some(wait) = self.patience.wait(syncer.last_took())
        {
            self.owed = Some(Owed { seq, answers: std::mem::take(&mut later), until: Instant::now() + wait });
        }
        // Whoever is answered now comes back with more, for which the writer should be there.
        let is_alone = is_alone && now.is_empty();
        now.into_iter().for_each(|(_, answer)| answer(Ok(())));
        match later.is_empty() {
            true => {}
            false if is_alone => syncer.sync_here(seq, later),
            false => syncer.send_when_durable(seq, later),
        }
    }

    /// Has the disk waited for with what was held back, for nothing came that could share its sync.
    fn let_go(&mut self) {
        if let (Some(Owed { seq, answers, .. }), Some(syncer)) = (self.owed.take(), &self.syncer) {
            self.patience.waited(false);
            // Not here: whoever was answered ahead comes back any moment.
            syncer.send_when_durable(seq, answers);
        }
    }
}
