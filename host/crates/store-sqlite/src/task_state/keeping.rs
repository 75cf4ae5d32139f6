//! The stored history of jobs: logs within their budgets, and records of attempts.

use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{JobId, LogLevel, LogSource, Outcome, State, Timestamp};

use super::super::number::{JobNumber, from_i64, from_millis, millis, to_i64};
use super::super::record::{HAS_ATTEMPTS, HAS_LOG, Record};
use super::TaskTx;
use saggar_store::{AttemptRecord, Attempts, End, Hint, LogBudget, LogLine, kept_bytes};

/// The maximum number of attempt records per job.
pub(in super::super) const MOST_ATTEMPTS: u64 = (Attempts::FIRST + Attempts::LATEST) as u64;

impl TaskTx<'_> {
    pub(in super::super) fn append_log(&mut self, id: JobId, lines: Vec<LogLine>) -> rusqlite::Result<()> {
        self.batch_context.must_sync();
        let Some(job) = self.find_number(id)? else { return Ok(()) };
        let (is_first, bytes) = append(self.db, job, lines)?;
        self.state.dirty = true;
        self.count_bytes(0, bytes);
        if is_first {
            if let Some(attempt) = self.state.running.get_mut(&id) {
                attempt.record.flags |= HAS_LOG;
            }
            // A plain job's record may be in the window of the queue, and would later overwrite the flag in the row.
            self.state.ready_queue.mark(job, HAS_LOG);
            let mut statement = self.db.prepare_cached("UPDATE jobs SET flags = flags | ?2 WHERE job = ?1")?;
            statement.execute(params![job.0, HAS_LOG])?;
        }
        self.notify(Hint::LogGrown(id));
        Ok(())
    }

    pub(super) fn append_to_log(&mut self, record: &mut Record, lines: Vec<LogLine>) -> rusqlite::Result<()> {
        record.flags |= HAS_LOG;
        let (_, bytes) = append(self.db, record.job, lines)?;
        self.state.dirty = true;
        self.count_bytes(0, bytes);
        Ok(())
    }

    pub(super) fn store_attempt(&mut self, record: &mut Record, attempt: &AttemptRecord) -> rusqlite::Result<()> {
        let before = self.bytes_of_attempts(record)?;
        record.flags |= HAS_ATTEMPTS;
        let cost = attempt.cost.as_ref();
        let component = cost.map(|cost| self.batch_context.components.number(self.db, cost)).transpose()?;
        let problem = attempt.problem.as_deref();
        let sql = "INSERT OR REPLACE INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.db.prepare_cached(sql)?.execute(params![
            record.job.0,
            to_i64(attempt.run.0),
            attempt.number,
            millis(attempt.started_at),
            millis(attempt.ended_at),
            attempt.ending.name(),
            problem.map(|problem| &*problem.code),
            problem.map(|problem| &*problem.message),
            component,
            cost.map(|cost| i64::try_from(cost.cpu.as_nanos()).unwrap_or(i64::MAX)),
            cost.map(|cost| to_i64(cost.peak_memory)),
            cost.map(|cost| cost.fresh),
        ])?;
        self.trim_attempts(record, MOST_ATTEMPTS)?;
        self.count_bytes(before, self.bytes_of_attempts(record)?);
        Ok(())
    }

    /// Leaves room among the records for the attempt that ended the job in success, which is part of its row.
    pub(super) fn make_room_for_last(&mut self, record: &Record) -> rusqlite::Result<()> {
        let before = self.bytes_of_attempts(record)?;
        self.trim_attempts(record, MOST_ATTEMPTS - 1)?;
        self.count_bytes(before, self.bytes_of_attempts(record)?);
        Ok(())
    }

    /// Drops the record after the first ones if there are more than `most`. There are at most as many records as runs.
    fn trim_attempts(&mut self, record: &Record, most: u64) -> rusqlite::Result<()> {
        if record.life.run.0 <= most || record.flags & HAS_ATTEMPTS == 0 {
            return Ok(());
        }
        let sql = "DELETE FROM attempts WHERE job = ?1 AND run = \
             (SELECT run FROM attempts WHERE job = ?1 ORDER BY run LIMIT 1 OFFSET ?2) \
             AND (SELECT count(*) FROM attempts WHERE job = ?1) > ?3";
        let (first, most) = (Attempts::FIRST as i64, to_i64(most));
        self.db.prepare_cached(sql)?.execute(params![record.job.0, first, most]).map(drop)
    }

    /// Gives the attempt that ended a job in success a row of its own, because the job is retried.
    pub(super) fn store_last(&mut self, record: &mut Record) -> rusqlite::Result<()> {
        let (Some(last), Some(ended_at)) = (record.last.take(), record.ended_at()) else { return Ok(()) };
        let mut life = record.life.clone();
        let State::Success { response, .. } = &record.life.state else { return Ok(()) };
        let end = End::Outcome(Outcome::Success(response.clone()));
        life.state = State::Running { run: life.run, started_at: last.started_at, cancelling: false };
        match AttemptRecord::new(&life, &end, last.cost, ended_at) {
            Some(attempt) => self.store_attempt(record, &attempt),
            None => Ok(()),
        }
    }
}

/// Appends the lines that the budget admits. Returns whether these are the first lines, and how many bytes are counted
/// for them.
fn append(db: &Connection, job: JobNumber, lines: Vec<LogLine>) -> rusqlite::Result<(bool, u64)> {
    let (found, mut budget) = match budget(db, job)? {
        Some(budget) => (true, budget),
        None => (false, LogBudget::default()),
    };
    let before = kept_bytes::of_log(&budget);
    for mut line in lines {
        let at = to_i64((budget.guest_lines + budget.host_lines) as u64);
        if budget.admit(&mut line) {
            let mut statement = db.prepare_cached("INSERT INTO log_lines VALUES (?1, ?2, ?3, ?4, ?5)")?;
            statement.execute(params![job.0, at, millis(line.at), source_number(line.source), line.text])?;
        }
    }
    let bytes = kept_bytes::of_log(&budget) - before;
    let LogBudget { guest_lines, guest_bytes, host_lines, host_bytes, dropped_lines, dropped_bytes, dropped_at } =
        budget;
    let sql = "INSERT OR REPLACE INTO logs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    db.prepare_cached(sql)?.execute(params![
        job.0,
        guest_lines as i64,
        guest_bytes as i64,
        host_lines as i64,
        host_bytes as i64,
        dropped_lines as i64,
        dropped_bytes as i64,
        millis(dropped_at),
    ])?;
    Ok((!found, bytes))
}

pub(in super::super) fn budget(db: &Connection, job: JobNumber) -> rusqlite::Result<Option<LogBudget>> {
    let mut statement = db.prepare_cached("SELECT * FROM logs WHERE job = ?1")?;
    let count = |row: &rusqlite::Row<'_>, at: usize| row.get::<_, i64>(at).map(|count| from_i64(count) as usize);
    let found = statement.query_row([job.0], |row| {
        Ok(LogBudget {
            guest_lines: count(row, 1)?,
            guest_bytes: count(row, 2)?,
            host_lines: count(row, 3)?,
            host_bytes: count(row, 4)?,
            dropped_lines: count(row, 5)?,
            dropped_bytes: count(row, 6)?,
            dropped_at: from_millis(row.get(7)?),
        })
    });
    found.optional()
}

const fn source_number(source: LogSource) -> i64 {
    match source {
        LogSource::Stdout => 0,
        LogSource::Stderr => 1,
        LogSource::Log(LogLevel::Debug) => 2,
        LogSource::Log(LogLevel::Info) => 3,
        LogSource::Log(LogLevel::Warn) => 4,
        LogSource::Log(LogLevel::Error) => 5,
        LogSource::Host => 6,
    }
}

pub(in super::super) fn source(number: i64) -> LogSource {
    match number {
        0 => LogSource::Stdout,
        1 => LogSource::Stderr,
        2 => LogSource::Log(LogLevel::Debug),
        3 => LogSource::Log(LogLevel::Info),
        4 => LogSource::Log(LogLevel::Warn),
        5 => LogSource::Log(LogLevel::Error),
        _ => LogSource::Host,
    }
}

/// Reads a log line. Used by readers.
pub(in super::super) fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<LogLine> {
    let at: Timestamp = from_millis(row.get(0)?);
    Ok(LogLine { at, source: source(row.get(1)?), text: row.get(2)? })
}
