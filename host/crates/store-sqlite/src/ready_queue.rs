//! The line of a task: who comes next. It lives on the disk; of each of its three parts the first few are in memory, so
//! that a backlog of a million jobs takes no more room than one of five hundred.
//!
//! Most jobs are ready when they are added and of priority 0. These are in the *plain* line, which needs no entries
//! anywhere: it is the order of adding, and where it begins is all that has to be remembered.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, params};
use saggar_job::Timestamp;

use super::number::{JobNumber, TaskNumber, from_i64, from_millis, millis, to_i64};
use super::record::{Position, Record};

/// How many of each part are in memory: enough for a batch of claims, and a quarter of a megabyte for a busy task. In tests so
/// few that the random histories go beyond. A macro, since the statements below say it as well: SQLite prepares one with a bound
/// limit anew each time.
#[cfg(not(test))]
macro_rules! window {
    () => {
        512
    };
}
#[cfg(test)]
macro_rules! window {
    () => {
        4
    };
}
const WINDOW: usize = window!();
/// Bytes of arguments of these, after which no more are taken in.
const WINDOW_BYTES: usize = 1024 * 1024;
/// Jobs that are looked at in one go for the next ones of the plain line: a few milliseconds, if none is in it. In tests fewer,
/// but more than the random histories have: another store finds the next job at once.
const LOOKS: usize = if cfg!(test) { 256 } else { 16_384 };
/// The standing of a plain job that waits or runs.
const PLAIN: i64 = 0;

/// Without a bound: it is left when enough was seen.
const ALL: &str = "SELECT job, id, standing, flags, priority, attempt, run, place, added_at, run_at, started_at, ended_at, \
     args, response, component, cpu_ns, peak_memory FROM jobs WHERE job > ?1 AND job <= ?2 ORDER BY job";
const READY: &str =
    concat!("SELECT rank, place, number, ready_at FROM line WHERE task = ?1 ORDER BY rank, place LIMIT ", window!());
const DELAYED: &str =
    concat!("SELECT run_at, place, number FROM delayed WHERE task = ?1 ORDER BY run_at, place LIMIT ", window!());

pub(super) struct ReadyQueue {
    task: TaskNumber,
    plain: VecDeque<Box<Record>>,
    plain_bytes: usize,
    /// Up to this number every plain job was taken in; there may be others behind it on the disk, or not.
    plain_until: u64,
    plain_more: bool,
    /// By rank and place.
    ready: First<(i64, u64), Ready>,
    /// By moment and place; the jobs' numbers.
    delayed: First<(i64, u64), u64>,
}

#[derive(Debug, Clone, Copy)]
struct Ready {
    number: u64,
    ready_at: Timestamp,
    since: u64,
}

/// The first entries of an ordered table; `more` if there may be others behind them.
struct First<K, V> {
    entries: BTreeMap<K, V>,
    more: bool,
}

impl<K: Ord + Copy, V> First<K, V> {
    fn unread() -> Self {
        Self { entries: BTreeMap::new(), more: true }
    }

    fn put(&mut self, key: K, value: V) {
        let belongs = !self.more || self.entries.last_key_value().is_some_and(|(last, _)| key < *last);
        if belongs {
            self.entries.insert(key, value);
            if self.entries.len() > WINDOW {
                self.entries.pop_last();
                self.more = true;
            }
        }
    }

    fn is_unread(&self) -> bool {
        self.entries.is_empty() && self.more
    }

    fn fill(&mut self, entries: impl Iterator<Item = rusqlite::Result<(K, V)>>) -> rusqlite::Result<()> {
        self.entries = entries.collect::<Result<_, _>>()?;
        self.more = self.entries.len() >= WINDOW;
        Ok(())
    }
}

/// The job that comes next.
pub(super) enum Next {
    Plain(Box<Record>),
    /// To be read.
    Entry {
        job: JobNumber,
        ready_at: Timestamp,
        since: u64,
    },
}

impl ReadyQueue {
    /// The line of a task as it is on the disk: no plain job up to `plain_until` waits.
    pub(super) fn of(task: TaskNumber, plain_until: u64) -> Self {
        Self {
            task,
            plain: VecDeque::new(),
            plain_bytes: 0,
            plain_until,
            plain_more: true,
            ready: First::unread(),
            delayed: First::unread(),
        }
    }

    /// The number up to which no plain job waits, when none above `last` was given yet. If there is no plain job at all, that is
    /// `last`: else whoever looks for one would look through all the jobs of a task whose jobs are never plain.
    pub(super) fn plain_from(&self, last: u64) -> u64 {
        match self.plain.front() {
            Some(first) => first.job.number() - 1,
            // There may be some on the disk behind those that were taken in.
            None if self.plain_more => self.plain_until,
            None => self.plain_until.max(last),
        }
    }

    /// Takes in a plain job that was added behind all others.
    pub(super) fn enter_plain(&mut self, record: Box<Record>) {
        if self.plain_more || self.plain.len() >= WINDOW || self.plain_bytes >= WINDOW_BYTES {
            self.plain_more = true;
            return;
        }
        self.plain_bytes += record.args.len();
        self.plain_until = record.job.number();
        self.plain.push_back(record);
    }

    /// Lets a job take a place, or wait for its time.
    pub(super) fn enter(
        &mut self,
        db: &Connection,
        record: &mut Record,
        place: u64,
        run_at: Timestamp,
        now: Timestamp,
        since: u64,
    ) -> rusqlite::Result<()> {
        let number = record.job.number();
        if run_at <= now {
            record.position = Position::Queued(place);
            return self.enter_ready(db, number, -i64::from(record.priority), place, now, since);
        }
        record.position = Position::Delayed(run_at, place);
        let mut statement = db.prepare_cached("INSERT INTO delayed VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![self.task.0, millis(run_at), to_i64(place), to_i64(number)])?;
        self.delayed.put((millis(run_at), place), number);
        Ok(())
    }

    pub(super) fn enter_ready(
        &mut self,
        db: &Connection,
        number: u64,
        rank: i64,
        place: u64,
        ready_at: Timestamp,
        since: u64,
    ) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached("INSERT INTO line VALUES (?1, ?2, ?3, ?4, ?5)")?;
        statement.execute(params![self.task.0, rank, to_i64(place), to_i64(number), millis(ready_at)])?;
        self.ready.put((rank, place), Ready { number, ready_at, since });
        Ok(())
    }

    /// Takes a job out of the line, wherever it stands.
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
            Position::Queued(place) => self.leave_ready(db, (-i64::from(record.priority), place)),
            Position::Delayed(run_at, place) => self.leave_delayed(db, (millis(run_at), place)),
        }
    }

    fn leave_ready(&mut self, db: &Connection, (rank, place): (i64, u64)) -> rusqlite::Result<()> {
        self.ready.entries.remove(&(rank, place));
        let mut statement = db.prepare_cached("DELETE FROM line WHERE task = ?1 AND rank = ?2 AND place = ?3")?;
        statement.execute(params![self.task.0, rank, to_i64(place)]).map(drop)
    }

    fn leave_delayed(&mut self, db: &Connection, (run_at, place): (i64, u64)) -> rusqlite::Result<()> {
        self.delayed.entries.remove(&(run_at, place));
        let mut statement = db.prepare_cached("DELETE FROM delayed WHERE task = ?1 AND run_at = ?2 AND place = ?3")?;
        statement.execute(params![self.task.0, run_at, to_i64(place)]).map(drop)
    }

    /// Sets a flag of a plain job that is at hand.
    pub(super) fn mark(&mut self, job: JobNumber, flag: i64) {
        if let Ok(at) = self.plain.binary_search_by_key(&job, |plain| plain.job) {
            self.plain[at].flags |= flag;
        }
    }

    /// Lets delayed jobs whose time has come take their places, up to `most`; answers how many did. `place` gives new ones.
    pub(super) fn promote(
        &mut self,
        db: &Connection,
        most: usize,
        now: Timestamp,
        since: u64,
        mut place: impl FnMut() -> u64,
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
            let place = place();
            let priority: i64 = db
                .prepare_cached("UPDATE jobs SET standing = 1, place = ?2 WHERE job = ?1 RETURNING priority")?
                .query_row(params![self.task.job(number).0, to_i64(place)], |row| row.get(0))?;
            self.enter_ready(db, number, -priority, place, now, since)?;
        }
        Ok(most)
    }

    /// Takes the first ready job. If it is not known yet which that is, none; then something is [`left`](Self::left).
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

    /// Whether a job is ready, or from when on one will be.
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

    /// Since when the first job has been ready.
    pub(super) fn first_ready_at(&mut self, db: &Connection, since: u64) -> rusqlite::Result<Option<Timestamp>> {
        self.fill(db, since)?;
        let plain = self.plain.front().map(|first| ((0, first.job.number()), first.added_at));
        let ready = self.ready.entries.first_key_value().map(|(key, entry)| (*key, entry.ready_at));
        Ok(plain.into_iter().chain(ready).min_by_key(|(key, _)| *key).map(|(_, at)| at))
    }

    /// Whether the next plain job, if there is one, is still to be found.
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

    /// Takes in the next plain jobs. It may find none where it looks, and leave others behind that: whoever needs them comes again,
    /// so that nobody is held up by a look at a million jobs of which few are plain.
    fn fill_plain(&mut self, db: &Connection, since: u64) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(ALL)?;
        let (behind, last) = (self.task.job(self.plain_until).0, self.task.job(u64::MAX).0);
        let mut rows = statement.query([behind, last])?;
        for _ in 0..LOOKS {
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
            if self.plain.len() >= WINDOW || self.plain_bytes >= WINDOW_BYTES {
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
