//! Ended jobs without pending callbacks, in the order of their ends, for retention. The jobs of one commit are one
//! entry on the disk, so that retention costs a job 16 bytes and no index.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{Status, Timestamp};

use super::number::{TaskNumber, from_i64, from_millis, millis, to_i64};

const ENTRY_BYTES: usize = 16;

/// The queues of successes and failures.
pub(super) struct ExpiryQueue([Kind; 2]);

struct Kind {
    status: Status,
    /// The remaining entries of the first chunk, which has been read.
    first: VecDeque<(Timestamp, u64)>,
    first_chunk: Option<u64>,
    /// Whether entries were taken from the first chunk since it was read or written.
    is_used: bool,
    /// The entries of this batch.
    new: Vec<(Timestamp, u64)>,
    /// The end of the last job in a chunk; `None` if there are no chunks.
    last: Option<Timestamp>,
    has_late: bool,
    has_more: bool,
}

impl ExpiryQueue {
    pub(super) fn load(db: &Connection, task: TaskNumber) -> rusqlite::Result<Self> {
        Ok(Self([Kind::load(db, task, Status::Success)?, Kind::load(db, task, Status::Failure)?]))
    }

    fn kind(&mut self, status: Status) -> &mut Kind {
        &mut self.0[usize::from(status != Status::Success)]
    }

    pub(super) fn put(
        &mut self,
        db: &Connection,
        task: TaskNumber,
        status: Status,
        ended_at: Timestamp,
        number: u64,
    ) -> rusqlite::Result<()> {
        let kind = self.kind(status);
        if kind.last.is_none_or(|last| last <= ended_at) {
            kind.last = Some(ended_at);
            kind.new.push((ended_at, number));
            return Ok(());
        }
        kind.has_late = true;
        let mut statement = db.prepare_cached("INSERT OR IGNORE INTO ended_late VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![task.0, status as i64, millis(ended_at), to_i64(number)]).map(drop)
    }

    /// Returns when the job ended that is taken next.
    pub(super) fn first_ended_at(
        &mut self,
        db: &Connection,
        task: TaskNumber,
        status: Status,
    ) -> rusqlite::Result<Option<Timestamp>> {
        let kind = self.kind(status);
        if kind.has_late {
            match first_late(db, task, status)? {
                Some((ended_at, _)) => return Ok(Some(ended_at)),
                None => kind.has_late = false,
            }
        }
        kind.fill(db, task)?;
        Ok(kind.first.front().map(|(ended_at, _)| *ended_at))
    }

    /// Takes a job that ended at least `retention_ms` ago.
    pub(super) fn take_due(
        &mut self,
        db: &Connection,
        task: TaskNumber,
        status: Status,
        retention_ms: u64,
        now: Timestamp,
    ) -> rusqlite::Result<Option<(Timestamp, u64)>> {
        let kind = self.kind(status);
        let is_due = |ended_at: Timestamp| ended_at.plus_ms(retention_ms) <= now;
        if kind.has_late {
            match first_late(db, task, status)? {
                Some(late) if is_due(late.0) => {
                    let sql =
                        "DELETE FROM ended_late WHERE task = ?1 AND status = ?2 AND ended_at = ?3 AND number = ?4";
                    let (ended_at, number) = (millis(late.0), to_i64(late.1));
                    db.prepare_cached(sql)?.execute(params![task.0, status as i64, ended_at, number])?;
                    return Ok(Some(late));
                }
                Some(_) => {}
                None => kind.has_late = false,
            }
        }
        kind.fill(db, task)?;
        let due = kind.first.pop_front_if(|(ended_at, _)| is_due(*ended_at));
        if due.is_some() {
            kind.is_used = true;
            if kind.first.is_empty() && kind.new.is_empty() {
                kind.fill(db, task)?;
                if kind.first.is_empty() {
                    kind.last = None;
                }
            }
        }
        Ok(due)
    }

    /// Writes the entries that the batch added and removed.
    pub(super) fn flush(&mut self, db: &Connection, task: TaskNumber, last_chunk: &mut u64) -> rusqlite::Result<()> {
        self.0.iter_mut().try_for_each(|kind| kind.flush(db, task, last_chunk))
    }
}

impl Kind {
    fn load(db: &Connection, task: TaskNumber, status: Status) -> rusqlite::Result<Self> {
        let sql = "SELECT jobs FROM ended WHERE task = ?1 AND status = ?2 ORDER BY chunk DESC LIMIT 1";
        let mut statement = db.prepare_cached(sql)?;
        let jobs: Option<Vec<u8>> = statement.query_row(params![task.0, status as i64], |row| row.get(0)).optional()?;
        let last = jobs.and_then(|jobs| entries(&jobs).last().map(|(ended_at, _)| ended_at));
        Ok(Self {
            status,
            first: VecDeque::new(),
            first_chunk: None,
            is_used: false,
            new: Vec::new(),
            has_more: last.is_some(),
            last,
            has_late: true,
        })
    }

    /// Loads the first entry, if there is one.
    fn fill(&mut self, db: &Connection, task: TaskNumber) -> rusqlite::Result<()> {
        if !self.first.is_empty() {
            return Ok(());
        }
        self.drop_first(db, task)?;
        if self.has_more {
            let sql = "SELECT chunk, jobs FROM ended WHERE task = ?1 AND status = ?2 ORDER BY chunk LIMIT 1";
            let mut statement = db.prepare_cached(sql)?;
            let chunk = statement.query_row(params![task.0, self.status as i64], |row| {
                Ok((from_i64(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
            });
            if let Some((chunk, jobs)) = chunk.optional()? {
                self.first = entries(&jobs).collect();
                self.first_chunk = Some(chunk);
                return Ok(());
            }
            self.has_more = false;
        }
        // All remaining entries were added by this batch.
        self.first.extend(self.new.drain(..));
        Ok(())
    }

    fn drop_first(&mut self, db: &Connection, task: TaskNumber) -> rusqlite::Result<()> {
        self.is_used = false;
        let Some(chunk) = self.first_chunk.take() else { return Ok(()) };
        let mut statement = db.prepare_cached("DELETE FROM ended WHERE task = ?1 AND status = ?2 AND chunk = ?3")?;
        statement.execute(params![task.0, self.status as i64, to_i64(chunk)]).map(drop)
    }

    fn flush(&mut self, db: &Connection, task: TaskNumber, last_chunk: &mut u64) -> rusqlite::Result<()> {
        match self.first_chunk {
            Some(chunk) if self.is_used => {
                if self.first.is_empty() {
                    self.drop_first(db, task)?;
                } else {
                    self.write(db, task, chunk, self.first.iter().copied())?;
                }
            }
            // Moved here from `new`, and not used up.
            None if !self.first.is_empty() => {
                *last_chunk += 1;
                self.write(db, task, *last_chunk, self.first.iter().copied())?;
                self.first_chunk = Some(*last_chunk);
            }
            _ => {}
        }
        self.is_used = false;
        if !self.new.is_empty() {
            *last_chunk += 1;
            self.write(db, task, *last_chunk, self.new.iter().copied())?;
            self.new.clear();
            self.has_more = true;
        }
        Ok(())
    }

    fn write(
        &self,
        db: &Connection,
        task: TaskNumber,
        chunk: u64,
        jobs: impl Iterator<Item = (Timestamp, u64)>,
    ) -> rusqlite::Result<()> {
        let bytes: Vec<u8> =
            jobs.flat_map(|(at, number)| [number.to_le_bytes(), at.0.to_le_bytes()].concat()).collect();
        let mut statement = db.prepare_cached("INSERT OR REPLACE INTO ended VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![task.0, self.status as i64, to_i64(chunk), bytes]).map(drop)
    }
}

fn entries(bytes: &[u8]) -> impl Iterator<Item = (Timestamp, u64)> {
    bytes.chunks_exact(ENTRY_BYTES).map(|entry| {
        let (mut number, mut at) = ([0; 8], [0; 8]);
        number.copy_from_slice(&entry[..8]);
        at.copy_from_slice(&entry[8..]);
        (Timestamp(u64::from_le_bytes(at)), u64::from_le_bytes(number))
    })
}

fn first_late(db: &Connection, task: TaskNumber, status: Status) -> rusqlite::Result<Option<(Timestamp, u64)>> {
    let sql =
        "SELECT ended_at, number FROM ended_late WHERE task = ?1 AND status = ?2 ORDER BY ended_at, number LIMIT 1";
    let mut statement = db.prepare_cached(sql)?;
    let first = statement
        .query_row(params![task.0, status as i64], |row| Ok((from_millis(row.get(0)?), from_i64(row.get(1)?))));
    first.optional()
}
