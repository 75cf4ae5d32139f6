//! The writer: the one thread that changes the file. It takes all steps that wait, does them in one transaction, and commits:
//! a step that comes alone is done at once, and under load hundreds share a commit, with nobody having waited for others to
//! gather them. Only the sync of an adding may wait a moment for the end of the job (`held`).

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::Checkpoints;
use super::error::{Severity, SqliteError, severity_beside};
use super::failure::Failure;
use super::headroom::Headroom;
use super::held::{Held, Patience};
use super::inbox::{Inbox, Received, Undone};
use super::number::TaskNumber;
use super::shelf::{Desk, Stepped};
use super::sync::{Answer, Syncer};
use super::workshop::{Undo, Workshop};
use crate::meters::Commits;
use crate::{AddError, Added, AddingLasted, Claimed, Finished, Lasted, StoreError};

/// Steps in one transaction: more make a job hardly any cheaper, and let the first of them wait longer.
const BATCH: usize = 2_048;
/// Steps in a batch that comes alone: a few callers at most.
const ALONE: usize = 4;

/// A step, to be done or to be told why it is not.
pub(super) type Work =
    Box<dyn FnOnce(Result<&mut Workshop<'_>, SqliteError>) -> (rusqlite::Result<()>, Answers) + Send>;

/// What is to be sent when a step is done.
#[derive(Default)]
pub(super) struct Answers {
    /// As soon as what the step hands out may be used.
    ahead: Option<Answer>,
    /// When the step has lasted.
    lasting: Option<Answer>,
    /// Whether an attempt begins as its job is added, and so may end soon.
    runs_ahead: bool,
}

impl Answers {
    fn lasting(answer: Answer) -> Self {
        Self { lasting: Some(answer), ..Self::default() }
    }
}

/// Whoever waits for what came of a step.
type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// What those who have steps to be done hold.
pub(super) struct Writer {
    steps: mpsc::Sender<Work>,
    undone: Undone,
}

impl Writer {
    pub(super) fn new() -> (Self, Inbox) {
        let (steps, undone, inbox) = Inbox::new();
        (Self { steps, undone }, inbox)
    }

    /// Has `step` done on a task, and waits until it has lasted. This and the like are no `async fn`s so that their futures
    /// have no room for the step, which is on its way in a box by then: they are moved about more than once for each job.
    pub(super) fn on<T, E>(
        &self,
        task: TaskNumber,
        step: impl FnOnce(&mut Desk<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.ask(on(task, step))
    }

    /// Has `step` done, and waits until it has lasted.
    pub(super) fn ask<T, E>(
        &self,
        step: impl FnOnce(&mut Workshop<'_>) -> Stepped<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.ask_in_parts(step, |reply, outcome| Answers::lasting(whole(reply, outcome)))
    }

    /// Has jobs added, and calls `lasted` when that has lasted. If attempts begin with it, answers as soon as it is written; else
    /// when it has lasted.
    pub(super) fn add(
        &self,
        task: TaskNumber,
        lasted: AddingLasted,
        step: impl FnOnce(&mut Desk<'_>) -> Stepped<(Vec<Added>, Claimed), AddError> + Send + 'static,
    ) -> impl Future<Output = Result<Claimed, AddError>> + Send {
        self.ask_in_parts(on(task, step), move |reply, outcome| {
            let (added, claimed) = match outcome {
                Ok(Ok(done)) => done,
                Ok(Err(error)) => return Answers::lasting(whole(reply, Ok(Err(error)))),
                Err(error) => return Answers::lasting(whole(reply, Err(error))),
            };
            let is_ahead = !claimed.jobs.is_empty();
            let answer = whole(reply, Ok(Ok(claimed)));
            let tell = move |fate: &Result<(), SqliteError>| {
                if fate.is_ok() {
                    lasted(added);
                }
            };
            Answers { runs_ahead: is_ahead, ..in_parts(is_ahead, tell, answer) }
        })
    }

    /// Has the end of an attempt written. If the next one begins with it, answers as soon as that may run, and calls
    /// `lasted` when the end has lasted; else calls it and answers then.
    pub(super) fn finish(
        &self,
        task: TaskNumber,
        lasted: Lasted,
        step: impl FnOnce(&mut Desk<'_>) -> Stepped<Finished, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<Finished, StoreError>> + Send {
        self.ask_in_parts(on(task, step), move |reply, outcome| {
            let Ok(Ok(finished)) = &outcome else { return Answers::lasting(whole(reply, outcome)) };
            let (ended, is_ahead) = (finished.ended.clone(), finished.next.is_some());
            let answer = whole(reply, outcome);
            let tell = move |fate: &Result<(), SqliteError>| {
                if fate.is_ok() {
                    lasted(ended);
                }
            };
            in_parts(is_ahead, tell, answer)
        })
    }

    /// Has `step` done. `answers` makes of what came of it what is to be sent, and when.
    fn ask_in_parts<T, A, E>(
        &self,
        step: impl FnOnce(&mut Workshop<'_>) -> Stepped<T, E> + Send + 'static,
        answers: impl FnOnce(Reply<A, E>, Result<Result<T, E>, SqliteError>) -> Answers + Send + 'static,
    ) -> impl Future<Output = Result<A, E>> + Send
    where
        A: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel::<Result<A, E>>();
        let work: Work = Box::new(move |workshop| {
            let (result, outcome) = match workshop.map(step) {
                Ok(Ok(result)) => (Ok(()), Ok(result)),
                Ok(Err(error)) => (Err(error), Err(SqliteError::Closed)),
                Err(error) => (Ok(()), Err(error)),
            };
            (result, answers(reply, outcome))
        });
        async move {
            if self.steps.send(work).await.is_err() {
                return refuse(SqliteError::Closed);
            }
            replied.await.unwrap_or_else(|_| refuse(SqliteError::Closed))
        }
    }

    /// Where to put what nobody got.
    pub(super) fn undone(&self) -> Undone {
        self.undone.clone()
    }
}

/// A step on a task.
fn on<T, E>(
    task: TaskNumber,
    step: impl FnOnce(&mut Desk<'_>) -> Stepped<T, E>,
) -> impl FnOnce(&mut Workshop<'_>) -> Stepped<T, E> {
    move |workshop| match workshop.desk(task) {
        Some(mut desk) => step(&mut desk),
        None => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// Tells when the step has lasted, and answers before that or then.
fn in_parts(is_ahead: bool, tell: impl FnOnce(&Result<(), SqliteError>) + Send + 'static, answer: Answer) -> Answers {
    if is_ahead {
        let lasting: Answer = Box::new(move |fate| tell(&fate));
        return Answers { ahead: Some(answer), lasting: Some(lasting), runs_ahead: false };
    }
    Answers::lasting(Box::new(move |fate| {
        tell(&fate);
        answer(fate);
    }))
}

/// The answer that says all that came of a step, to whoever asked for it.
fn whole<T, E>(reply: Reply<T, E>, outcome: Result<Result<T, E>, SqliteError>) -> Answer
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(move |fate| {
        let answer = fate.map_or_else(refuse, |()| outcome.unwrap_or_else(refuse));
        // Whoever asked may have gone; what was handed out to it undoes itself.
        drop(reply.send(answer));
    })
}

fn refuse<T, E: From<StoreError>>(error: SqliteError) -> Result<T, E> {
    Err(E::from(StoreError::from(error)))
}

/// The writer's own.
pub(super) struct Desktop<'c> {
    pub(super) workshop: Workshop<'c>,
    /// None if nobody waits for the disk.
    pub(super) headroom: Option<Headroom>,
    pub(super) checkpoints: Checkpoints,
    pub(super) failure: Arc<Failure>,
    /// None if answers need not wait for the disk.
    pub(super) syncer: Option<Arc<Syncer>>,
    pub(super) commits: Commits,
    /// What the last commit is to be answered, if it is not synced yet.
    pub(super) held: Option<Held>,
    pub(super) patience: Patience,
}

/// What a batch is to be answered: each answer, and the commit that it has to wait for.
#[derive(Default)]
struct Outgoing {
    answers: Vec<(u64, Answer)>,
    runs_ahead: bool,
}

impl Desktop<'_> {
    /// The thread's life: until nobody is left to ask for anything.
    pub(super) fn run(&mut self, inbox: &mut Inbox) {
        let mut works = Vec::with_capacity(BATCH);
        self.make_headroom();
        loop {
            match inbox.receive(&mut works, BATCH, self.held.as_ref().map(|held| held.until)) {
                Received::Steps => {}
                Received::Nothing => {
                    self.let_go();
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
            // Of a store that has failed nothing is touched any more.
            if self.failure.check().is_ok() {
                if self.checkpoints.has_room_again()
                    && let Some(headroom) = &mut self.headroom
                {
                    headroom.try_again();
                }
                self.checkpoints.tend(self.workshop.db);
                self.make_headroom();
            }
        }
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
        Outgoing { answers, runs_ahead: any_runs_ahead }: &mut Outgoing,
    ) -> rusqlite::Result<usize> {
        let db = self.workshop.db;
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for undo in undone {
            let ends = self.workshop.undo(undo)?;
            let waits = self.workshop.ledger.end_step();
            answers.extend(ends.into_iter().map(|answer| (waits.lasting, answer)));
        }
        let mut steps = undone.len();
        for work in works {
            steps += 1;
            let (result, Answers { ahead, lasting, runs_ahead }) = work(Ok(&mut self.workshop));
            let waits = self.workshop.ledger.end_step();
            answers.extend(ahead.map(|answer| (waits.ahead, answer)));
            answers.extend(lasting.map(|answer| (waits.lasting, answer)));
            *any_runs_ahead |= runs_ahead;
            result?;
        }
        self.workshop.flush()?;
        if let Some(syncer) = &self.syncer
            && answers.iter().any(|(wait_for, _)| *wait_for == self.workshop.ledger.seq)
        {
            syncer.announce(self.workshop.ledger.seq);
        }
        db.prepare_cached("COMMIT")?.execute([])?;
        Ok(steps)
    }

    /// Undoes a batch that failed, and says what became of it.
    fn undo(&mut self, error: rusqlite::Error) -> SqliteError {
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

    fn send(&mut self, Outgoing { answers, runs_ahead }: Outgoing, is_alone: bool) {
        let Some(syncer) = &self.syncer else {
            return answers.into_iter().for_each(|(_, answer)| answer(Ok(())));
        };
        let durable = syncer.durable();
        let (now, later): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(wait_for, _)| *wait_for <= durable);
        let mut later: Vec<Answer> = later.into_iter().map(|(_, answer)| answer).collect();
        // The batch's own number: the ledger counts on when it is published.
        let seq = self.workshop.ledger.seq - 1;
        if let Some(held) = self.held.take() {
            self.patience.waited(!later.is_empty());
            later.splice(0..0, held.answers);
        } else if is_alone
            && runs_ahead
            && syncer.is_idle()
            && let Some(wait) = self.patience.wait(syncer.last_took())
        {
            self.held = Some(Held { seq, answers: std::mem::take(&mut later), until: Instant::now() + wait });
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

    /// Lets the disk be waited for with what was held back, for nothing else came in time.
    fn let_go(&mut self) {
        if let (Some(Held { seq, answers, .. }), Some(syncer)) = (self.held.take(), &self.syncer) {
            self.patience.waited(false);
            syncer.sync_here(seq, answers);
        }
    }
}
