//! The recordings of a task's attempts. Nothing of them is in memory, so a batch that is rolled back has to undo nothing.

use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{JobId, Run};

use super::super::number::{JobNumber, TaskNumber, from_i64, to_i64};
use super::super::record::HAS_RECORDINGS;
use super::TaskTx;
use saggar_store::{ListedRecording, Recording, RecordingCounts};

impl TaskTx<'_> {
    /// Stores a recording, and removes the oldest ones beyond the limits.
    pub(in super::super) fn keep_recording(&mut self, id: JobId, run: Run, bytes: &[u8]) -> rusqlite::Result<()> {
        let Some(job) = self.find_number(id)? else { return Ok(()) };
        self.batch_context.must_sync();
        let (mut counts, last) = self.recording_counts()?;
        let replaced = "DELETE FROM recordings WHERE job = ?1 AND run = ?2 RETURNING octet_length(bytes)";
        for bytes in removed(self.db, replaced, params![job.0, to_i64(run.0)])? {
            counts.remove(bytes);
        }
        let sql = "INSERT INTO recordings (task, recording, job, run, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![self.state.task.0, last + 1, job.0, to_i64(run.0), bytes];
        self.db.prepare_cached(sql)?.execute(values)?;
        counts.add(bytes.len());
        let oldest = "DELETE FROM recordings WHERE task = ?1 AND recording = \
             (SELECT min(recording) FROM recordings WHERE task = ?1) RETURNING octet_length(bytes)";
        while counts.exceeds_limits() {
            let found = removed(self.db, oldest, params![self.state.task.0])?;
            if found.is_empty() {
                break;
            }
            found.into_iter().for_each(|bytes| counts.remove(bytes));
        }
        self.put_recording_counts(counts, last + 1)?;
        self.mark_recorded(id, job)
    }

    /// Removes all recordings of a job; returns their bytes.
    pub(super) fn remove_recordings(&mut self, job: JobNumber) -> rusqlite::Result<u64> {
        let sql = "DELETE FROM recordings WHERE job = ?1 RETURNING octet_length(bytes)";
        let found = removed(self.db, sql, params![job.0])?;
        if found.is_empty() {
            return Ok(0);
        }
        let (mut counts, last) = self.recording_counts()?;
        found.iter().for_each(|bytes| counts.remove(*bytes));
        self.put_recording_counts(counts, last)?;
        Ok(found.iter().map(|bytes| *bytes as u64).sum())
    }

    /// Notes in the job's row that it has recordings.
    fn mark_recorded(&mut self, id: JobId, job: JobNumber) -> rusqlite::Result<()> {
        if let Some(attempt) = self.state.running.get_mut(&id) {
            attempt.record.flags |= HAS_RECORDINGS;
        }
        // As for the first line of a log.
        self.state.ready_queue.mark(job, HAS_RECORDINGS);
        let mut statement = self.db.prepare_cached("UPDATE jobs SET flags = flags | ?2 WHERE job = ?1")?;
        statement.execute(params![job.0, HAS_RECORDINGS]).map(drop)
    }

    /// Returns the counts, and the highest number that a recording of the task ever had.
    fn recording_counts(&self) -> rusqlite::Result<(RecordingCounts, i64)> {
        let sql = "SELECT recordings, bytes, last FROM recording_counts WHERE task = ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        let found = statement.query_row([self.state.task.0], |row| {
            let counts = RecordingCounts { recordings: from_i64(row.get(0)?), bytes: from_i64(row.get(1)?) };
            Ok((counts, row.get(2)?))
        });
        Ok(found.optional()?.unwrap_or_default())
    }

    fn put_recording_counts(&self, counts: RecordingCounts, last: i64) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO recording_counts VALUES (?1, ?2, ?3, ?4)";
        let RecordingCounts { recordings, bytes } = counts;
        let values = params![self.state.task.0, to_i64(recordings), to_i64(bytes), last];
        self.db.prepare_cached(sql)?.execute(values).map(drop)
    }
}

/// Executes a statement that deletes recordings; returns the bytes of each.
fn removed(db: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Vec<usize>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| row.get::<_, i64>(0))?;
    rows.map(|bytes| bytes.map(|bytes| from_i64(bytes) as usize)).collect()
}

/// Returns the bytes of a job's recordings, without reading them. Used by readers.
pub(in super::super) fn bytes(db: &Connection, job: JobNumber) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(sum(octet_length(bytes)), 0) FROM recordings WHERE job = ?1";
    db.prepare_cached(sql)?.query_row([job.0], |row| row.get(0)).map(from_i64)
}

/// Returns the recording of an attempt, or of the last one that has one. Used by readers.
pub(in super::super) fn recording(
    db: &Connection,
    job: JobNumber,
    run: Option<Run>,
) -> rusqlite::Result<Option<Recording>> {
    let sql = "SELECT run, bytes FROM recordings WHERE job = ?1 AND run = coalesce(?2, run) ORDER BY run DESC LIMIT 1";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_row(params![job.0, run.map(|run| to_i64(run.0))], |row| {
        let bytes: Vec<u8> = row.get(1)?;
        Ok(Recording { run: Run(from_i64(row.get(0)?)), bytes: bytes.into() })
    });
    found.optional()
}

/// Returns a page of the recordings of a task, the last stored first. Used by readers.
pub(in super::super) fn recordings(
    db: &Connection,
    task: TaskNumber,
    before: Option<u64>,
    most: usize,
) -> rusqlite::Result<Vec<ListedRecording>> {
    let sql = "SELECT r.recording, jobs.id, r.run, octet_length(r.bytes) \
         FROM recordings AS r JOIN jobs ON jobs.job = r.job \
         WHERE r.task = ?1 AND r.recording < ?2 ORDER BY r.recording DESC LIMIT ?3";
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![task.0, before, most], |row| {
        Ok(ListedRecording {
            number: from_i64(row.get(0)?),
            id: JobId(from_i64(row.get(1)?)),
            run: Run(from_i64(row.get(2)?)),
            bytes: from_i64(row.get(3)?),
        })
    })?;
    rows.collect()
}
