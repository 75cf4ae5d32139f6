//! The ready queue of a task. It is stored on the disk; the first few entries of each of its three parts are in memory,
//! so that a backlog of a million jobs needs no more memory than one of five hundred.
//!
//! Most jobs are ready when they are added and have priority 0. These are in the *plain* queue, which has no table: its
//! order is the order of adding, and only its beginning is stored.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, params};
use saggar_job::Timestamp;

use super::limits::Limits;
use super::number::{JobNumber, TaskNumber, from_i64, from_millis, millis, to_i64};
use super::record::{Position, Record};

/// Stop filling the window at this many bytes of arguments.
const WINDOW_BYTES: usize = 1024 * 1024;
/// The stage of a plain job that waits or runs.
const PLAIN: i64 = 0;

/// None of these statements has a limit: the reader stops when it has enough rows. SQLite would prepare a statement with
/// a bound limit anew each time.
const ALL: &str = "SELECT job, id, stage, flags, priority, attempt, run, position, added_at, run_at, started_at, ended_at, \
     args, response, component, cpu_ns, peak_memory FROM jobs WHERE job > ?1 AND job <= ?2 ORDER BY job";
const READY: &str = "SELECT rank, position, number, ready_at FROM ready_queue WHERE task = ?1 ORDER BY rank, position";
const DELAYED: &str = "SELECT run_at, position, number FROM delayed WHERE task = ?1 ORDER BY run_at, position";

pub(super) struct ReadyQueue {
    task: TaskNumber,
    plain: VecDeque<Box<Record>>,
    plain_bytes: usize,
    /// Every plain job up to this number was read. More may follow on the disk if `plain_more`.
    plain_until: u64,
    plain_more: bool,
    /// By rank and position.
    ready: First<(i64, u64), Ready>,
    /// By due time and position; the values are the jobs' numbers.
    delayed: First<(i64, u64), u64>,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Ready {
    number: u64,
    ready_at: Timestamp,
    since: u64,
}

/// The first `most` entries of an ordered table; `more` if others may follow on the disk.
struct First<K, V> {
    entries: BTreeMap<K, V>,
    more: bool,
    most: usize,
}

impl<K: Ord + Copy, V> First<K, V> {
    fn unread(most: usize) -> Self {
        Self { entries: BTreeMap::new(), more: true, most }
    }

    fn put(&mut self, key: K, value: V) {
        let belongs = !self.more || self.entries.last_key_value().is_some_and(|(last, _)| key < *last);
        if belongs {
            self.entries.insert(key, value);
            if self.entries.len() > self.most {
                self.entries.pop_last();
                self.more = true;
            }
        }
    }

    fn is_unread(&self) -> bool {
        self.entries.is_empty() && self.more
    }

    fn fill(&mut self, entries: impl Iterator<Item = rusqlite::Result<(K, V)>>) -> rusqlite::Result<()> {
        self.entries = entries.take(self.most).collect::<Result<_, _>>()?;
        self.more = self.entries.len() >= self.most;
        Ok(())
    }
}

/// The next job to claim.
pub(super) enum Next {
    Plain(Box<Record>),
    /// Still to be read.
    Entry {
        job: JobNumber,
        ready_at: Timestamp,
        since: u64,
    },
}

impl ReadyQueue {
    /// Creates the queue of a task from its state on the disk: no plain job up to `plain_until` waits.
    pub(super) fn of(task: TaskNumber, plain_until: u64, limits: &Limits) -> Self {
        Self {
            task,
            plain: VecDeque::new(),
            plain_bytes: 0,
            plain_until,
            plain_more: true,
            ready: First::unread(limits.window),
            delayed: First::unread(limits.window),
            limits: *limits,
        }
    }

    /// Returns the number up to which no plain job waits, if no number above `last` has been assigned: jobs that are
    /// added later have higher numbers, and a job that is requeued or retried is no longer plain. Without any
    /// plain job, that is `last`: otherwise each search would scan all jobs of a task whose jobs are never plain.
    pub(super) fn plain_from(&self, last: u64) -> u64 {
        match self.plain.front() {
            Some(first) => first.job.number() - 1,
            // More may follow on the disk after those that were read.
            None if self.plain_more => self.plain_until,
            None => self.plain_until.max(last),
        }
    }

    /// Adds a plain job after all others.
    pub(super) fn enter_plain(&mut self, record: Box<Record>) {
        if self.plain_more || self.plain.len() >= self.limits.window || self.plain_bytes >= WINDOW_BYTES {
            self.plain_more = true;
            return;
        }
        self.plain_bytes += record.args.len();
        self.plain_until = record.job.number();
        self.plain.push_back(record);
    }

    /// Queues a job at a position, or until its due time.
    pub(super) fn enter(
        &mut self,
        db: &Connection,
        record: &mut Record,
        position: u64,
        run_at: Timestamp,
        now: Timestamp,
        since: u64,
    ) -> rusqlite::Result<()> {
        let number = record.job.number();
        if run_at <= now {
            record.position = Position::Queued(position);
            return self.enter_ready(db, number, -i64::from(record.priority), position, now, since);
        }
        record.position = Position::Delayed(run_at, position);
        let mut statement = db.prepare_cached("INSERT INTO delayed VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![self.task.0, millis(run_at), to_i64(position), to_i64(number)])?;
        self.delayed.put((millis(run_at), position), number);
        Ok(())
    }

    pub(super) fn enter_ready(
        &mut self,
        db: &Connection,
        number: u64,
        rank: i64,
        position: u64,
        ready_at: Timestamp,
        since: u64,
    ) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached("INSERT INTO ready_queue VALUES (?1, ?2, ?3, ?4, ?5)")?;
        statement.execute(params![self.task.0, rank, to_i64(position), to_i64(number), millis(ready_at)])?;
        self.ready.put((rank, position), Ready { number, ready_at, since });
        Ok(())
    }

    /// Removes a job from the queue, from any part of it.
    pub(super) fn leave(&mut self, db: &Connection, record: &Record) -> rusqlite::Result<()> {
        match record.position {
            Position::Nowhere => Ok(()),
            Position::Plain => {
                let number = record.job.number();
                if let Ok(at) = self.plain.binary_search_by_key(&number, |plain| plain.job.number())
                    && let Some(plain) = self.plain.remove(at)
                {
                    self.plain_bytes -= plain.args.len();
                }
                Ok(())
            }
            Position::Queued(position) => self.leave_ready(db, (-i64::from(record.priority), position)),
            Position::Delayed(run_at, position) => self.leave_delayed(db, (millis(run_at), position)),
        }
    }

    fn leave_ready(&mut self, db: &Connection, (rank, position): (i64, u64)) -> rusqlite::Result<()> {
        self.ready.entries.remove(&(rank, position));
        let mut statement =
            db.prepare_cached("DELETE FROM ready_queue WHERE task = ?1 AND rank = ?2 AND position = ?3")?;
        statement.execute(params![self.task.0, rank, to_i64(position)]).map(drop)
    }

    fn leave_delayed(&mut self, db: &Connection, (run_at, position): (i64, u64)) -> rusqlite::Result<()> {
        self.delayed.entries.remove(&(run_at, position));
        let mut statement =
            db.prepare_cached("DELETE FROM delayed WHERE task = ?1 AND run_at = ?2 AND position = ?3")?;
        statement.execute(params![self.task.0, run_at, to_i64(position)]).map(drop)
    }

    /// Sets a flag of a plain job that is in memory.
    pub(super) fn mark(&mut self, job: JobNumber, flag: i64) {
        if let Ok(at) = self.plain.binary_search_by_key(&job, |plain| plain.job) {
            self.plain[at].flags |= flag;
        }
    }

    /// Moves up to `most` due delayed jobs to the ready jobs; returns how many. `position` returns new positions.
    pub(super) fn promote(
        &mut self,
        db: &Connection,
        most: usize,
        now: Timestamp,
        since: u64,
        mut position: impl FnMut() -> u64,
    ) -> rusqlite::Result<usize> {
        for promoted in 0..most {
            self.fill_delayed(db)?;
            let Some((key, number)) = self.delayed.entries.first_key_value().map(|(key, number)| (*key, *number))
            else {
                return Ok(promoted);
            };
            if key.0 > millis(now) || from_millis(key.0) > now {
                return Ok(promoted);
            }
            self.leave_delayed(db, key)?;
            let position = position();
            let priority: i64 = db
                .prepare_cached("UPDATE jobs SET stage = 1, position = ?2 WHERE job = ?1 RETURNING priority")?
                .query_row(params![self.task.job(number).0, to_i64(position)], |row| row.get(0))?;
            self.enter_ready(db, number, -priority, position, now, since)?;
        }
        Ok(most)
    }

    /// Takes the first ready job. Returns `None` if none is ready, or if the first one has not been found yet; then
    /// [`next_due`](Self::next_due) still returns `Now`.
    pub(super) fn pop(&mut self, db: &Connection, since: u64) -> rusqlite::Result<Option<Next>> {
        self.fill(db, since)?;
        let plain = self.plain.front().map(|first| (0, first.job.number()));
        let ready = self.ready.entries.first_key_value().map(|(key, entry)| (*key, *entry));
        match (plain, ready) {
            (None, None) => Ok(None),
            (None, Some((key, _))) if self.is_plain_unread() && key > (0, self.plain_until) => Ok(None),
            (Some(plain), ready) if ready.is_none_or(|(key, _)| plain < key) => {
                let first = self.plain.pop_front();
                self.plain_bytes -= first.as_ref().map_or(0, |first| first.args.len());
                Ok(first.map(Next::Plain))
            }
            (_, Some((key, Ready { number, ready_at, since }))) => {
                self.leave_ready(db, key)?;
                Ok(Some(Next::Entry { job: self.task.job(number), ready_at, since }))
            }
            (Some(_), None) => Ok(None),
        }
    }

    /// Returns whether a job is ready, or when the next one is due.
    pub(super) fn next_due(&mut self, db: &Connection, since: u64) -> rusqlite::Result<saggar_store::NextDue> {
        self.fill(db, since)?;
        if !self.plain.is_empty() || self.is_plain_unread() || !self.ready.entries.is_empty() {
            return Ok(saggar_store::NextDue::Now);
        }
        self.fill_delayed(db)?;
        let first = self.delayed.entries.first_key_value();
        Ok(first
            .map_or(saggar_store::NextDue::Nothing, |((run_at, _), _)| saggar_store::NextDue::At(from_millis(*run_at))))
    }

    /// Returns since when the first job has been ready.
    pub(super) fn first_ready_at(&mut self, db: &Connection, since: u64) -> rusqlite::Result<Option<Timestamp>> {
        self.fill(db, since)?;
        let plain = self.plain.front().map(|first| ((0, first.job.number()), first.added_at));
        let ready = self.ready.entries.first_key_value().map(|(key, entry)| (*key, entry.ready_at));
        Ok(plain.into_iter().chain(ready).min_by_key(|(key, _)| *key).map(|(_, at)| at))
    }

    /// Returns whether the next plain job, if there is one, has still to be searched for.
    fn is_plain_unread(&self) -> bool {
        self.plain.is_empty() && self.plain_more
    }

    fn fill(&mut self, db: &Connection, since: u64) -> rusqlite::Result<()> {
        if self.is_plain_unread() {
            self.fill_plain(db, since)?;
        }
        if self.ready.is_unread() {
            let mut statement = db.prepare_cached(READY)?;
            let entries = statement.query_map([self.task.0], |row| {
                let (number, ready_at) = (from_i64(row.get(2)?), from_millis(row.get(3)?));
                Ok(((row.get(0)?, from_i64(row.get(1)?)), Ready { number, ready_at, since }))
            })?;
            self.ready.fill(entries)?;
        }
        Ok(())
    }

    /// Reads the next plain jobs. The rows that it scans may have none, with others behind them. The caller then calls
    /// it again later, so that no step waits for a scan of a million jobs of which few are plain.
    fn fill_plain(&mut self, db: &Connection, since: u64) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(ALL)?;
        let (behind, last) = (self.task.job(self.plain_until).0, self.task.job(u64::MAX).0);
        let mut rows = statement.query([behind, last])?;
        for _ in 0..self.limits.scan_rows {
            let Some(row) = rows.next()? else {
                self.plain_more = false;
                return Ok(());
            };
            self.plain_until = JobNumber(row.get(0)?).number();
            if row.get::<_, i64>(2)? != PLAIN {
                continue;
            }
            let mut record = Box::new(Record::read(db, row)?);
            record.since = since;
            self.plain_bytes += record.args.len();
            self.plain.push_back(record);
            if self.plain.len() >= self.limits.window || self.plain_bytes >= WINDOW_BYTES {
                return Ok(());
            }
        }
        Ok(())
    }

    fn fill_delayed(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.delayed.is_unread() {
            let mut statement = db.prepare_cached(DELAYED)?;
            let entries = statement
                .query_map([self.task.0], |row| Ok(((row.get(0)?, from_i64(row.get(1)?)), from_i64(row.get(2)?))))?;
            self.delayed.fill(entries)?;
        }
        Ok(())
    }
}
