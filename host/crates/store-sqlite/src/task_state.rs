//! One task in the writer's memory, and its steps. A step checks everything before it writes, so a refused step has
//! changed nothing. Many callers' steps fit into one transaction, and none affects another.
//!
//! This module has what all steps share; the steps themselves are in `adding`, `running`, `changing`, `delivery` and
//! `keeping`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{JobId, Problem, Refusal, Run, State, Status, TaskKey, Timestamp};

use super::batch_context::{BatchContext, Mark};
use super::expiry_queue::ExpiryQueue;
use super::limits::Limits;
use super::number::{JobNumber, TaskNumber, from_i64, to_i64};
use super::ready_queue::ReadyQueue;
use super::record::{CANCELLING, Orphan, Position, Record};
use super::shared::{Live, Shared};
use super::statements::{HotStatement, HotStatements};
use super::tenant_books::TenantBook;
use saggar_store::Notification;
use saggar_store::{Counts, Needs, NextDue, Progress, Rules, StoreError, TaskRecordings};

mod adding;
mod applying;
mod bytes;
mod changing;
mod delivery;
pub(super) mod given_up;
pub(super) mod keeping;
pub(super) mod recordings;
mod running;
mod unwanted;

/// The result of a step: the database may fail, or the step may be refused.
pub(super) type Stepped<T, E> = rusqlite::Result<Result<T, E>>;

pub(super) struct TaskState {
    pub(super) task: TaskNumber,
    pub(super) key: TaskKey,
    pub(super) shared: Arc<Shared>,
    /// Shared by all tasks of the tenant.
    pub(super) book: Rc<TenantBook>,
    pub(super) ready_queue: ReadyQueue,
    /// The running attempts of this process.
    pub(super) running: HashMap<JobId, Box<Attempt>, RandomState>,
    /// Since when the jobs of attempts that ended in the current batch had been ready. The file does not have it, and
    /// the batch may be rolled back.
    ended_in_batch: Vec<(JobId, Run, Timestamp)>,
    /// Attempts that were running when the previous process died, until the task is opened.
    pub(super) orphans: Vec<Orphan>,
    /// Claimed callbacks, and those of each lane that were released because their caller had been dropped.
    taken: HashSet<u64>,
    released: [BTreeSet<u64>; 2],
    /// Up to this number every callback of the lane that was never postponed has been claimed.
    taken_until: [u64; 2],
    expiry_queue: ExpiryQueue,
    counts: Counts,
    pub(super) recordings: TaskRecordings,
    /// The highest number that a recording ever had.
    pub(super) last_recording: u64,
    last_id: u64,
    last_number: u64,
    last_callback: u64,
    last_chunk: u64,
    /// The batch in which this process first opened the task. While it is set, the running attempts are its own.
    pub(super) opened_in: Option<u64>,
    /// Whether readers know the task.
    pub(super) is_entered: bool,
    /// The rules of the last step that had any, for claims that have to be undone.
    pub(super) rules: Arc<Rules>,
    dirty: bool,
    /// Changes of running attempts, to be published to readers once the batch is committed.
    live: Vec<(u64, Option<Live>)>,
}

/// A running attempt, with the state needed to undo its claim.
pub(super) struct Attempt {
    pub(super) record: Record,
    position: u64,
    ready_at: Timestamp,
    run_at: Timestamp,
    /// The state that the previous attempt left.
    problem: Option<Problem>,
    progress: Option<Progress>,
}

/// The context of one step on a task, within the current batch.
pub(super) struct TaskTx<'a> {
    pub(super) db: &'a Connection,
    pub(super) statements: &'a mut dyn HotStatements,
    pub(super) state: &'a mut TaskState,
    pub(super) batch_context: &'a mut BatchContext,
    pub(super) limits: &'a Limits,
}

impl TaskState {
    /// Loads the state from the task's row.
    pub(super) fn load(
        db: &Connection,
        row: &rusqlite::Row<'_>,
        limits: &Limits,
        book: impl FnOnce(&TaskKey) -> Rc<TenantBook>,
    ) -> rusqlite::Result<Self> {
        let number = |column: &str| row.get::<_, i64>(column).map(from_i64);
        let count = |column: &str| number(column).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let task = TaskNumber(row.get("task")?);
        let key = TaskKey { tenant: row.get("tenant")?, task: row.get("name")? };
        let counts = Counts {
            waiting: count("waiting")?,
            delayed: count("delayed")?,
            on_hold: count("on_hold")?,
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
        let book = book(&key);
        book.change(Needs::default(), Needs { waiting: counts.waiting as u64, bytes: counts.bytes });
        let last_number = number("last_number")?;
        book.continue_after(last_number);
        Ok(Self {
            task,
            shared: Arc::new(Shared::new(task, key.clone(), book.levels.clone())),
            book,
            key,
            ready_queue: ReadyQueue::of(task, number("plain_from")?, limits),
            running: HashMap::default(),
            ended_in_batch: Vec::new(),
            orphans: Vec::new(),
            taken: HashSet::new(),
            released: [const { BTreeSet::new() }; 2],
            taken_until: [0; 2],
            expiry_queue: ExpiryQueue::load(db, task)?,
            counts,
            recordings: TaskRecordings::default(),
            last_recording: 0,
            last_id: number("last_id")?,
            last_number,
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

    /// Returns how many jobs there are.
    pub(super) fn jobs(&self) -> u64 {
        let Counts { waiting, running, success, failure, .. } = self.counts;
        (waiting + running + success + failure) as u64
    }

    /// Returns what the jobs use of the tenant's quotas.
    pub(super) fn needs(&self) -> Needs {
        Needs { waiting: self.counts.waiting as u64, bytes: self.counts.bytes }
    }

    /// Makes other threads see the removal of the task.
    pub(super) fn publish_removed(&self) {
        self.shared.remove();
        self.book.publish();
    }

    /// Takes over the state that is in memory only, after the batch `undone` was rolled back.
    pub(super) fn inherit(&mut self, before: &mut Self, undone: u64) {
        self.shared = Arc::clone(&before.shared);
        // If that batch first opened the task, the ends of the dead process's attempts were rolled back as well.
        self.opened_in = before.opened_in.filter(|batch| *batch < undone);
        self.rules = Arc::clone(&before.rules);
        self.taken = std::mem::take(&mut before.taken);
        // All callbacks that are not in `taken` are scanned again, so this includes the released ones.
        self.taken_until = [0; 2];
    }

    /// Reverts a change of a callback's claim that was made in a batch that was rolled back.
    pub(super) fn undo_mark(&mut self, Mark { callback, was_taken, .. }: Mark) {
        if was_taken {
            self.taken.insert(callback);
        } else {
            self.taken.remove(&callback);
        }
    }

    /// Counts a running attempt, whose job's row says that it waits.
    pub(super) fn count_running(&mut self, orphan: Orphan, cancelling: bool, attempt: u32) {
        self.counts.running += 1;
        let live = Live { run: orphan.run, started_at: orphan.started_at, attempt, cancelling };
        self.live.push((orphan.job.number(), Some(live)));
    }

    /// Returns since when the job that this attempt claimed had been ready.
    pub(super) fn ready_at(&self, id: JobId, run: Run) -> Option<Timestamp> {
        let running = self.running.get(&id).filter(|attempt| attempt.record.life.run == run);
        let ended = || self.ended_in_batch.iter().find(|(ended, its, _)| (*ended, *its) == (id, run));
        running.map(|attempt| attempt.ready_at).or_else(|| ended().map(|(.., ready_at)| *ready_at))
    }

    /// Continues an attempt after a batch was rolled back, or after the process that began it died. Without `ready_at`,
    /// its job counts as ready since it was due. `since` is the commit in progress.
    pub(super) fn resume(&mut self, orphan: Orphan, mut record: Record, ready_at: Option<Timestamp>, since: u64) {
        // The commits before it may not be durable yet.
        record.since = since;
        let (run_at, problem) = match &record.life.state {
            State::Waiting { run_at, problem, .. } => (*run_at, problem.clone()),
            _ => return,
        };
        let ready_at = ready_at.unwrap_or_else(|| record.added_at.max(run_at));
        let position = match record.position {
            Position::Queued(position) | Position::Delayed(_, position) => position,
            Position::Plain | Position::Nowhere => record.job.number(),
        };
        let id = record.id;
        revive(&mut record, orphan);
        let progress = record.take_progress();
        self.running.insert(id, Box::new(Attempt { record, position, ready_at, run_at, problem, progress }));
    }

    /// Writes the batch's changes of the task's row.
    pub(super) fn flush(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(false);
        }
        self.expiry_queue.flush(db, self.task, &mut self.last_chunk)?;
        let Counts {
            waiting,
            delayed,
            on_hold,
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
        let sql = "UPDATE tasks SET last_id = ?2, last_number = ?3, last_callback = ?4, last_chunk = ?5, plain_from = ?6, \
             waiting = ?7, delayed = ?8, on_hold = ?9, success = ?10, failure = ?11, callbacks = ?12, added = ?13, \
             paused = ?14, kept_bytes = ?15, deferred = ?16, given_up = ?17 WHERE task = ?1";
        db.prepare_cached(sql)?.execute(params![
            self.task.0,
            to_i64(self.last_id),
            to_i64(self.last_number),
            to_i64(self.last_callback),
            to_i64(self.last_chunk),
            to_i64(self.ready_queue.plain_from(self.last_number)),
            waiting as i64,
            delayed as i64,
            on_hold as i64,
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

    /// Publishes the committed state to readers.
    pub(super) fn publish(&mut self, db: &Connection, seq: u64) -> rusqlite::Result<()> {
        self.ended_in_batch.clear();
        self.counts.first_ready_at = self.ready_queue.first_ready_at(db, seq)?;
        self.shared.publish(self.counts, self.ready_queue.plain_from(self.last_number), self.live.drain(..));
        Ok(())
    }

    /// Removes a running attempt of this process.
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

    /// Counts a job under its new status; `None` if the job does not exist yet, or no longer.
    fn count_status(&mut self, from: Option<Status>, to: Option<Status>) {
        self.dirty = true;
        let before = self.counts.waiting as u64;
        if let Some(from) = from {
            *self.count_mut(from) -= 1;
        }
        if let Some(to) = to {
            *self.count_mut(to) += 1;
        }
        let waiting = |waiting| Needs { waiting, bytes: 0 };
        self.book.change(waiting(before), waiting(self.counts.waiting as u64));
    }
}

/// Turns a waiting job's record into that of its running attempt.
pub(super) fn revive(record: &mut Record, orphan: Orphan) {
    let cancelling = record.flags & CANCELLING != 0;
    record.position = Position::Nowhere;
    record.life.state = State::Running { run: orphan.run, started_at: orphan.started_at, cancelling };
    record.life.attempt = record.life.attempt.saturating_add(1);
    record.life.run = orphan.run;
}

impl TaskTx<'_> {
    /// Queues a notification for the task's observer, to be sent when the batch is durable.
    fn notify(&mut self, notification: impl Into<Notification>) {
        self.batch_context.notify(&self.state.shared, notification.into());
    }

    fn next_due(&mut self) -> rusqlite::Result<NextDue> {
        if self.state.counts.paused {
            return Ok(NextDue::Nothing);
        }
        self.state.ready_queue.next_due(self.db, self.batch_context.seq)
    }

    /// Returns the tenant's next number, for a job or a position.
    fn next_number(&mut self) -> u64 {
        self.state.dirty = true;
        self.state.last_number = self.state.book.next_number();
        self.state.last_number
    }

    fn find_number(&self, id: JobId) -> rusqlite::Result<Option<JobNumber>> {
        let mut statement = self.db.prepare_cached("SELECT number FROM ids WHERE task = ?1 AND id = ?2")?;
        let number = statement.query_row(params![self.state.task.0, to_i64(id.0)], |row| row.get(0)).optional()?;
        Ok(number.map(|number: i64| self.state.task.job(from_i64(number))))
    }

    /// Reads a job that is not running.
    fn find(&self, id: JobId) -> rusqlite::Result<Option<Record>> {
        match self.find_number(id)? {
            Some(job) => Record::find(self.db, job),
            None => Ok(None),
        }
    }

    /// Writes the job's current row.
    fn put(&mut self, record: &mut Record, is_new: bool) -> rusqlite::Result<()> {
        self.state.dirty = true;
        self.count_bytes(record.counted, record.bytes());
        record.counted = record.bytes();
        let cost = record.last.as_ref().and_then(|last| last.cost.as_ref());
        let component = cost.map(|cost| self.batch_context.components.number(self.db, cost)).transpose()?;
        record.put(self.db, self.statements, component, is_new, self.limits)
    }

    /// Adds a job to the index by status; not for running jobs.
    fn list(&mut self, record: &Record, status: Status) -> rusqlite::Result<()> {
        let values = params![self.state.task.0, status as i64, to_i64(record.job.number())];
        self.statements.execute(HotStatement::PutByStatus, values)
    }

    fn unlist(&mut self, record: &Record, status: Status) -> rusqlite::Result<()> {
        let values = params![self.state.task.0, status as i64, to_i64(record.job.number())];
        self.statements.execute(HotStatement::RemoveByStatus, values)
    }

    /// Puts a waiting job into the queue, at a new position unless it keeps `position`, and writes it.
    fn enter_queue(&mut self, record: &mut Record, position: Option<u64>, now: Timestamp) -> rusqlite::Result<()> {
        let State::Waiting { run_at, .. } = record.life.state else { return Ok(()) };
        let position = position.unwrap_or_else(|| self.next_number());
        let since = self.batch_context.seq;
        self.state.ready_queue.enter(self.db, record, position, run_at, now, since)?;
        self.state.counts.delayed += usize::from(run_at > now);
        self.list(record, Status::Waiting)?;
        self.put(record, false)
    }
}

fn refused(id: JobId, refusal: Refusal) -> StoreError {
    StoreError::Refused { id, refusal }
}
