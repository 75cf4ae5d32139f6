//! One task as the writer has it in its hands, and the steps on it. A step looks before it writes: what it refuses it has not
//! begun, so many callers' steps fit into one transaction and none spoils another's.
//!
//! Here is what all steps share; `adding`, `running`, `changing`, `delivery` and `keeping` have the steps themselves.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{JobId, Problem, Refusal, Run, State, Status, TaskKey, Timestamp};

use super::batch_context::{BatchContext, Mark};
use super::expiry_queue::ExpiryQueue;
use super::number::{JobNumber, TaskNumber, from_i64, to_i64};
use super::ready_queue::ReadyQueue;
use super::record::{CANCELLING, Orphan, Position, Record};
use super::shared::{Live, Shared};
use super::statements::{HotStatement, HotStatements};
use saggar_store::Notification;
use saggar_store::{Counts, NextDue, Progress, Rules, StoreError};

mod adding;
mod applying;
mod bytes;
mod changing;
mod delivery;
pub(super) mod given_up;
pub(super) mod keeping;
mod running;
mod unwanted;

/// What a step answers: the database may fail, the step may be refused.
pub(super) type Stepped<T, E> = rusqlite::Result<Result<T, E>>;

pub(super) struct TaskState {
    pub(super) task: TaskNumber,
    pub(super) key: TaskKey,
    pub(super) shared: Arc<Shared>,
    pub(super) ready_queue: ReadyQueue,
    /// The attempts that run in this process.
    pub(super) running: HashMap<JobId, Box<Attempt>, RandomState>,
    /// Since when the jobs had been ready whose attempts ended in the batch of the moment: the file does not say it, and the
    /// batch may be undone.
    ended_in_batch: Vec<(JobId, Run, Timestamp)>,
    /// Attempts that ran when the process before this one died, until the task is opened.
    pub(super) orphans: Vec<Orphan>,
    /// Callbacks that are taken, and those of each lane that were given back because whoever took them was gone.
    taken: HashSet<u64>,
    given_back: [BTreeSet<u64>; 2],
    /// Up to this number every callback of the lane that was never put off has been taken.
    taken_until: [u64; 2],
    expiry_queue: ExpiryQueue,
    counts: Counts,
    last_id: u64,
    last_number: u64,
    last_callback: u64,
    last_chunk: u64,
    /// The batch in which the task was first opened.
    opened_in: Option<u64>,
    /// Whether readers know of the task.
    pub(super) is_entered: bool,
    /// The rules of the last step that had some, for claims that have to be undone.
    pub(super) rules: Arc<Rules>,
    dirty: bool,
    /// What readers are to know of running attempts once the batch is committed.
    live: Vec<(u64, Option<Live>)>,
}

/// An attempt that runs, and what it takes to undo its claim.
pub(super) struct Attempt {
    pub(super) record: Record,
    place: u64,
    ready_at: Timestamp,
    run_at: Timestamp,
    /// What the attempt before had left.
    problem: Option<Problem>,
    progress: Option<Progress>,
}

/// A step on a task within the batch of the moment.
pub(super) struct TaskTx<'a> {
    pub(super) db: &'a Connection,
    pub(super) usual: &'a mut dyn HotStatements,
    pub(super) state: &'a mut TaskState,
    pub(super) batch_context: &'a mut BatchContext,
}

impl TaskState {
    /// Reads the task's row.
    pub(super) fn load(db: &Connection, row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let number = |column: &str| row.get::<_, i64>(column).map(from_i64);
        let count = |column: &str| number(column).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let task = TaskNumber(row.get("task")?);
        let key = TaskKey { tenant: row.get("tenant")?, task: row.get("name")? };
        let counts = Counts {
            waiting: count("waiting")?,
            delayed: count("delayed")?,
            held: count("held")?,
            running: 0,
            success: count("success")?,
            failure: count("failure")?,
            callbacks: count("callbacks")?,
            deferred: count("deferred")?,
            given_up: count("given_up")?,
            added: number("added")?,
            bytes: number("kept_bytes")?,
            paused: row.get("paused")?,
            first_ready_at: None,
        };
        Ok(Self {
            task,
            shared: Arc::new(Shared::new(task, key.clone())),
            key,
            ready_queue: ReadyQueue::of(task, number("line_from")?),
            running: HashMap::default(),
            ended_in_batch: Vec::new(),
            orphans: Vec::new(),
            taken: HashSet::new(),
            given_back: [const { BTreeSet::new() }; 2],
            taken_until: [0; 2],
            expiry_queue: ExpiryQueue::load(db, task)?,
            counts,
            last_id: number("last_id")?,
            last_number: number("last_number")?,
            last_callback: number("last_callback")?,
            last_chunk: number("last_chunk")?,
            opened_in: None,
            is_entered: true,
            rules: Arc::default(),
            dirty: false,
            live: Vec::new(),
        })
    }

    pub(super) fn kept_bytes(&self) -> u64 {
        self.counts.bytes
    }

    pub(super) fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Whether this process has opened the task, so that the attempts that run are its own.
    pub(super) fn is_opened(&self) -> bool {
        self.opened_in.is_some()
    }

    /// After the batch `undone` was undone: takes over what is not on the disk.
    pub(super) fn inherit(&mut self, before: &mut Self, undone: u64) {
        self.shared = Arc::clone(&before.shared);
        // With the batch that first opened it, the ends of what a dead process left were undone.
        self.opened_in = before.opened_in.filter(|batch| *batch < undone);
        self.rules = Arc::clone(&before.rules);
        self.taken = std::mem::take(&mut before.taken);
        // All that are not in `taken` are looked at again, so those that were given back are found as well.
        self.taken_until = [0; 2];
    }

    /// Takes back what a batch that was undone did to a callback.
    pub(super) fn undo_mark(&mut self, Mark { callback, was_taken, .. }: Mark) {
        if was_taken {
            self.taken.insert(callback);
        } else {
            self.taken.remove(&callback);
        }
    }

    /// Counts an attempt that runs; its job's row says that it waits.
    pub(super) fn count_running(&mut self, orphan: Orphan, cancelling: bool, attempt: u32) {
        self.counts.running += 1;
        let live = Live { run: orphan.run, started_at: orphan.started_at, attempt, cancelling };
        self.live.push((orphan.job.number(), Some(live)));
    }

    /// Since when the job had been ready that this attempt claimed.
    pub(super) fn ready_at(&self, id: JobId, run: Run) -> Option<Timestamp> {
        let running = self.running.get(&id).filter(|attempt| attempt.record.life.run == run);
        let ended = || self.ended_in_batch.iter().find(|(ended, its, _)| (*ended, *its) == (id, run));
        running.map(|attempt| attempt.ready_at).or_else(|| ended().map(|(.., ready_at)| *ready_at))
    }

    /// Lets an attempt run on after a batch was undone, or after the process that began it died; without `ready_at` its job has
    /// been ready since it was due. `since` is the commit that is being made.
    pub(super) fn resume(&mut self, orphan: Orphan, mut record: Record, ready_at: Option<Timestamp>, since: u64) {
        // What it follows may not be on the disk yet.
        record.since = since;
        let (run_at, problem) = match &record.life.state {
            State::Waiting { run_at, problem, .. } => (*run_at, problem.clone()),
            _ => return,
        };
        let ready_at = ready_at.unwrap_or_else(|| record.added_at.max(run_at));
        let place = match record.position {
            Position::Queued(place) | Position::Delayed(_, place) => place,
            Position::Plain | Position::Nowhere => record.job.number(),
        };
        let id = record.id;
        revive(&mut record, orphan);
        let progress = record.take_progress();
        self.running.insert(id, Box::new(Attempt { record, place, ready_at, run_at, problem, progress }));
    }

    /// Writes what the batch changed of the task's row.
    pub(super) fn flush(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(false);
        }
        self.expiry_queue.flush(db, self.task, &mut self.last_chunk)?;
        let Counts {
            waiting,
            delayed,
            held,
            success,
            failure,
            callbacks,
            deferred,
            given_up,
            added,
            bytes,
            paused,
            ..
        } = self.counts;
        let sql = "UPDATE tasks SET last_id = ?2, last_number = ?3, last_callback = ?4, last_chunk = ?5, line_from = ?6, \
             waiting = ?7, delayed = ?8, held = ?9, success = ?10, failure = ?11, callbacks = ?12, added = ?13, \
             paused = ?14, kept_bytes = ?15, deferred = ?16, given_up = ?17 WHERE task = ?1";
        db.prepare_cached(sql)?.execute(params![
            self.task.0,
            to_i64(self.last_id),
            to_i64(self.last_number),
            to_i64(self.last_callback),
            to_i64(self.last_chunk),
            to_i64(self.plain_from()),
            waiting as i64,
            delayed as i64,
            held as i64,
            success as i64,
            failure as i64,
            callbacks as i64,
            to_i64(added),
            paused,
            to_i64(bytes),
            deferred as i64,
            given_up as i64,
        ])?;
        Ok(true)
    }

    /// Lets readers know what was committed.
    pub(super) fn publish(&mut self, db: &Connection, seq: u64) -> rusqlite::Result<()> {
        self.ended_in_batch.clear();
        self.counts.first_ready_at = self.ready_queue.first_ready_at(db, seq)?;
        self.shared.publish(self.counts, self.plain_from(), self.live.drain(..));
        Ok(())
    }

    /// The number up to which no plain job waits: jobs that are added later have higher ones than any that was given, and one
    /// that is requeued or retried is not plain any more.
    fn plain_from(&self) -> u64 {
        self.ready_queue.plain_from(self.last_number)
    }

    /// Takes an attempt of this process out of those that run.
    fn remove_running(&mut self, id: JobId) -> Option<Box<Attempt>> {
        let attempt = self.running.remove(&id)?;
        self.ended_in_batch.push((id, attempt.record.life.run, attempt.ready_at));
        Some(attempt)
    }

    fn count_mut(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Waiting => &mut self.counts.waiting,
            Status::Running => &mut self.counts.running,
            Status::Success => &mut self.counts.success,
            Status::Failure => &mut self.counts.failure,
        }
    }

    fn go(&mut self, from: Status, to: Status) {
        self.dirty = true;
        *self.count_mut(from) -= 1;
        *self.count_mut(to) += 1;
    }
}

/// Makes a waiting job's record that of its running attempt.
pub(super) fn revive(record: &mut Record, orphan: Orphan) {
    let cancelling = record.flags & CANCELLING != 0;
    record.position = Position::Nowhere;
    record.life.state = State::Running { run: orphan.run, started_at: orphan.started_at, cancelling };
    record.life.attempt = record.life.attempt.saturating_add(1);
    record.life.run = orphan.run;
}

impl TaskTx<'_> {
    /// Has the task's observer told when the batch is durable.
    fn notify(&mut self, notification: impl Into<Notification>) {
        self.batch_context.notify(&self.state.shared, notification.into());
    }

    fn next_due(&mut self) -> rusqlite::Result<NextDue> {
        if self.state.counts.paused {
            return Ok(NextDue::Nothing);
        }
        self.state.ready_queue.next_due(self.db, self.batch_context.seq)
    }

    /// The next number of the store, for a job or a place.
    fn next_number(&mut self) -> u64 {
        self.state.dirty = true;
        self.state.last_number = self.batch_context.next_number();
        self.state.last_number
    }

    fn find_number(&self, id: JobId) -> rusqlite::Result<Option<JobNumber>> {
        let mut statement = self.db.prepare_cached("SELECT number FROM ids WHERE task = ?1 AND id = ?2")?;
        let number = statement.query_row(params![self.state.task.0, to_i64(id.0)], |row| row.get(0)).optional()?;
        Ok(number.map(|number: i64| self.state.task.job(from_i64(number))))
    }

    /// A job that does not run.
    fn find(&self, id: JobId) -> rusqlite::Result<Option<Record>> {
        match self.find_number(id)? {
            Some(job) => Record::find(self.db, job),
            None => Ok(None),
        }
    }

    /// Writes the job's row as it now stands.
    fn put(&mut self, record: &mut Record, is_new: bool) -> rusqlite::Result<()> {
        self.state.dirty = true;
        self.count_bytes(record.counted, record.bytes());
        record.counted = record.bytes();
        let digest = record.last.as_ref().and_then(|last| last.cost.as_ref()).map(|cost| &cost.digest);
        let component = digest.map(|digest| self.batch_context.component(self.db, digest)).transpose()?;
        record.put(self.db, self.usual, component, is_new)
    }

    /// Enters a job into the index of those that stand where `status` says; not for running ones.
    fn list(&mut self, record: &Record, status: Status) -> rusqlite::Result<()> {
        let values = params![self.state.task.0, status as i64, to_i64(record.job.number())];
        self.usual.usual(HotStatement::PutStanding, values)
    }

    fn unlist(&mut self, record: &Record, status: Status) -> rusqlite::Result<()> {
        let values = params![self.state.task.0, status as i64, to_i64(record.job.number())];
        self.usual.usual(HotStatement::RemoveStanding, values)
    }

    /// Lets a job that waits take its place in the line, a new one unless it keeps `position`, and writes it.
    fn enter_line(&mut self, record: &mut Record, position: Option<u64>, now: Timestamp) -> rusqlite::Result<()> {
        let State::Waiting { run_at, .. } = record.life.state else { return Ok(()) };
        let place = position.unwrap_or_else(|| self.next_number());
        let since = self.batch_context.seq;
        self.state.ready_queue.enter(self.db, record, place, run_at, now, since)?;
        self.state.counts.delayed += usize::from(run_at > now);
        self.list(record, Status::Waiting)?;
        self.put(record, false)
    }
}

fn refused(id: JobId, refusal: Refusal) -> StoreError {
    StoreError::Refused { id, refusal }
}
