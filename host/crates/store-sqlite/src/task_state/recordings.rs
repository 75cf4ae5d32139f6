//! The recordings of a task's attempts. In memory is what is counted of them; it is loaded again when a batch was rolled
//! back.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use saggar_job::{JobId, Run};

use super::super::number::{JobNumber, TaskNumber, from_i64, to_i64};
use super::super::record::HAS_RECORDINGS;
use super::TaskTx;
use saggar_store::{ListedRecording, Recording, RecordingCounts};

impl TaskTx<'_> {
    /// Stores the recording of an attempt that has none.
    pub(in super::super) fn store_recording(
        &mut self,
        (id, job): (JobId, JobNumber),
        run: Run,
        bytes: &[u8],
    ) -> rusqlite::Result<()> {
        self.state.last_recording += 1;
        let (task, number) = (self.state.task.0, to_i64(self.state.last_recording));
        let sql = "INSERT INTO recordings (task, recording, job, run, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.db.prepare_cached(sql)?.execute(params![task, number, job.0, to_i64(run.0), bytes])?;
        self.count_recordings(|counts| counts.add(bytes.len()))?;
        self.mark_recorded(id, job)
    }

    /// Removes the recording of an attempt, if it has one. Returns the number of the job, if there is such a job.
    pub(in super::super) fn remove_recording(&mut self, id: JobId, run: Run) -> rusqlite::Result<Option<JobNumber>> {
        let Some(job) = self.find_number(id)? else { return Ok(None) };
        let sql = "DELETE FROM recordings WHERE job = ?1 AND run = ?2 RETURNING octet_length(bytes)";
        self.delete_recordings(sql, params![job.0, to_i64(run.0)])?;
        Ok(Some(job))
    }

    /// Removes the oldest recording of the task; returns its bytes, or `None` if there is none.
    pub(in super::super) fn remove_oldest_recording(&mut self) -> rusqlite::Result<Option<u64>> {
        let task = self.state.task.0;
        let sql = "DELETE FROM recordings WHERE task = ?1 AND recording = \
             (SELECT min(recording) FROM recordings WHERE task = ?1) RETURNING octet_length(bytes)";
        self.delete_recordings(sql, params![task])
    }

    /// Removes all recordings of a job; returns their bytes.
    pub(super) fn remove_recordings(&mut self, job: JobNumber) -> rusqlite::Result<u64> {
        let sql = "DELETE FROM recordings WHERE job = ?1 RETURNING octet_length(bytes)";
        Ok(self.delete_recordings(sql, params![job.0])?.unwrap_or_default())
    }

    /// Deletes recordings of the task; returns their bytes, or `None` if none was found.
    fn delete_recordings(&mut self, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<Option<u64>> {
        let found = removed(self.db, sql, values)?;
        if found.is_empty() {
            return Ok(None);
        }
        self.count_recordings(|counts| found.iter().for_each(|bytes| counts.remove(*bytes)))?;
        Ok(Some(found.iter().map(|bytes| *bytes as u64).sum()))
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

    /// Counts a change of the task's recordings, for the task, its tenant and the store.
    fn count_recordings(&mut self, change: impl FnOnce(&mut RecordingCounts)) -> rusqlite::Result<()> {
        let task = self.state.task;
        let before = self.state.recordings;
        let mut after = before;
        change(&mut after.counts);
        let sql = "SELECT stored FROM recordings WHERE task = ?1 ORDER BY recording LIMIT 1";
        let mut statement = self.db.prepare_cached(sql)?;
        let oldest: Option<i64> = statement.query_row([task.0], |row| row.get(0)).optional()?;
        after.oldest = oldest.map(from_i64);
        self.state.recordings = after;
        self.batch_context.recordings.change(&self.state.key.tenant, task, &before, &after);
        let RecordingCounts { recordings, bytes } = after.counts;
        // The row stays when no recording is left, because it has the number of the last one.
        let sql = "INSERT OR REPLACE INTO recording_counts VALUES (?1, ?2, ?3, ?4)";
        let values = params![task.0, to_i64(recordings), to_i64(bytes), to_i64(self.state.last_recording)];
        self.db.prepare_cached(sql)?.execute(values).map(drop)
    }
}

/// Executes a statement that deletes recordings; returns the bytes of each.
fn removed(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<Vec<usize>> {
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
