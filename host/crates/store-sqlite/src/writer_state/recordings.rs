//! Storing recordings, and removing the oldest ones of any task to make room for them.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::Connection;
use saggar_job::{JobId, Run};

use super::super::number::{TaskNumber, from_i64};
use super::super::task_state::{Stepped, TaskState};
use super::WriterState;
use saggar_store::{Pruned, RecordingBooks, RecordingCounts, RecordingLimits, StoreError, TaskRecordings};

/// Loads what is counted of the recordings of all tasks.
pub(super) fn load(
    db: &Connection,
    tasks: &mut HashMap<TaskNumber, TaskState, RandomState>,
) -> rusqlite::Result<RecordingBooks<TaskNumber>> {
    let mut books = RecordingBooks::default();
    let oldest = "SELECT r.stored FROM recordings AS r WHERE r.task = c.task ORDER BY r.recording LIMIT 1";
    let sql = format!("SELECT c.task, c.recordings, c.bytes, ({oldest}), c.last FROM recording_counts AS c");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(state) = tasks.get_mut(&TaskNumber(row.get(0)?)) else { continue };
        let counts = RecordingCounts { recordings: from_i64(row.get(1)?), bytes: from_i64(row.get(2)?) };
        let oldest: Option<i64> = row.get(3)?;
        state.recordings = TaskRecordings { counts, oldest: oldest.map(from_i64) };
        state.last_recording = from_i64(row.get(4)?);
        books.change(&state.key.tenant, state.task, &TaskRecordings::default(), &state.recordings);
    }
    Ok(books)
}

impl WriterState<'_> {
    /// Stores the recording of an attempt, after removing the oldest ones for which there is no room beside it. Returns
    /// whether it is done; if not, much had to be removed, and the next step continues.
    pub(in super::super) fn keep_recording(
        &mut self,
        task: TaskNumber,
        id: JobId,
        run: Run,
        bytes: &[u8],
    ) -> Stepped<bool, StoreError> {
        let (size, limits) = (bytes.len() as u64, *self.registry.recording_limits.lock());
        let Some(mut tx) = self.tx(task) else { return Ok(Err(StoreError::TaskRemoved)) };
        if !limits.can_hold(size) {
            return Ok(Ok(true));
        }
        let Some(job) = tx.remove_recording(id, run)? else { return Ok(Ok(true)) };
        let mut work = 0;
        while let Some(of) = self.next_eviction(task, &limits, size) {
            if work >= RecordingLimits::WORK_OF_A_STEP {
                return Ok(Ok(false));
            }
            let Some(mut tx) = self.tx(of) else { break };
            let Some(removed) = tx.remove_oldest_recording()? else { break };
            work += 1 + Pruned::more_work(0, removed);
        }
        self.batch_context.must_sync();
        let Some(mut tx) = self.tx(task) else { return Ok(Err(StoreError::TaskRemoved)) };
        tx.store_recording((id, job), run, bytes)?;
        Ok(Ok(true))
    }

    /// Returns the task whose oldest recording is to be removed before one of `more` bytes is stored in `task`.
    fn next_eviction(&self, task: TaskNumber, limits: &RecordingLimits, more: u64) -> Option<TaskNumber> {
        let own = self.tasks.get(&task)?;
        let counts = &own.recordings.counts;
        self.batch_context.recordings.next_eviction(limits, (&own.key.tenant, task), counts, more)
    }
}
