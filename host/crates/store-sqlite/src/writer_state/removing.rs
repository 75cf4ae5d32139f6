//! Removes tenants: their tasks at once, the rows of their jobs in steps.

use rusqlite::{OptionalExtension, params};

use super::super::kv_rows;
use super::super::number::{JobNumber, TaskNumber, from_i64};
use super::WriterState;
use saggar_store::{Needs, Pruned, TaskRecordings};

/// Statements that find the first long texts of a task's jobs, whose numbers are from ?1 to ?2, with their bytes, at most ?3;
/// and that delete those of the jobs from ?1 to ?2.
const LONG_TEXTS: [[&str; 2]; 3] = [
    [
        "SELECT job, coalesce(octet_length(details), 0) FROM details WHERE job BETWEEN ?1 AND ?2 ORDER BY job LIMIT ?3",
        "DELETE FROM details WHERE job BETWEEN ?1 AND ?2",
    ],
    [
        "SELECT job, octet_length(text) FROM long_args WHERE job BETWEEN ?1 AND ?2 ORDER BY job LIMIT ?3",
        "DELETE FROM long_args WHERE job BETWEEN ?1 AND ?2",
    ],
    [
        "SELECT job, octet_length(text) FROM long_responses WHERE job BETWEEN ?1 AND ?2 ORDER BY job LIMIT ?3",
        "DELETE FROM long_responses WHERE job BETWEEN ?1 AND ?2",
    ],
];

/// The same for the recordings of the task ?1, by their own numbers, because a job can have many.
const RECORDINGS: [&str; 2] = [
    "SELECT recording, octet_length(bytes) FROM recordings WHERE task = ?1 AND recording <= ?2 ORDER BY recording LIMIT ?3",
    "DELETE FROM recordings WHERE task = ?1 AND recording <= ?2",
];

/// Statements that delete some rows of a task's jobs, whose numbers are from ?1 to ?2; at most ?3 rows. The jobs are
/// last, because they are counted as work only once.
const OF_JOBS: [&str; 4] = [
    "DELETE FROM attempts WHERE (job, run) IN \
     (SELECT job, run FROM attempts WHERE job BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM log_lines WHERE (job, line) IN \
     (SELECT job, line FROM log_lines WHERE job BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM logs WHERE job IN (SELECT job FROM logs WHERE job BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM jobs WHERE job IN (SELECT job FROM jobs WHERE job BETWEEN ?1 AND ?2 LIMIT ?3)",
];

/// The same for rows of a task, whose number is ?1; at most ?2 rows.
const OF_TASK: [&str; 8] = [
    "DELETE FROM ids WHERE (task, id) IN (SELECT task, id FROM ids WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM jobs_by_status WHERE (task, status, number) IN \
     (SELECT task, status, number FROM jobs_by_status WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM ready_queue WHERE (task, rank, position) IN \
     (SELECT task, rank, position FROM ready_queue WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM delayed WHERE (task, run_at, position) IN \
     (SELECT task, run_at, position FROM delayed WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM names WHERE (task, kind, name) IN (SELECT task, kind, name FROM names WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM callbacks WHERE (task, lane, callback) IN \
     (SELECT task, lane, callback FROM callbacks WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM ended WHERE (task, status, chunk) IN \
     (SELECT task, status, chunk FROM ended WHERE task = ?1 LIMIT ?2)",
    "DELETE FROM ended_late WHERE (task, status, ended_at, number) IN \
     (SELECT task, status, ended_at, number FROM ended_late WHERE task = ?1 LIMIT ?2)",
];

impl WriterState<'_> {
    /// Removes the tasks and entries of a tenant; returns how many jobs there were. Their rows, other than in `tasks`, stay
    /// for [`free_removed`](Self::free_removed).
    pub(in super::super) fn remove_tenant(&mut self, tenant: &str) -> rusqlite::Result<u64> {
        self.batch_context.must_sync();
        kv_rows::forget(self.db, tenant)?;
        let numbers: Vec<TaskNumber> =
            self.by_key.extract_if(|key, _| *key.tenant == *tenant).map(|(_, number)| number).collect();
        let mut jobs = 0;
        for number in numbers {
            let Some(state) = self.tasks.remove(&number) else { continue };
            self.db.prepare_cached("INSERT INTO removed_tasks VALUES (?1)")?.execute([number.0])?;
            self.db.prepare_cached("DELETE FROM tasks WHERE task = ?1")?.execute([number.0])?;
            self.db.prepare_cached("DELETE FROM recording_counts WHERE task = ?1")?.execute([number.0])?;
            jobs += state.jobs();
            self.batch_context.kept_bytes -= state.kept_bytes();
            state.book.change(state.needs(), Needs::default());
            let recordings = &mut self.batch_context.recordings;
            recordings.change(&state.key.tenant, number, &state.recordings, &TaskRecordings::default());
            self.batch_context.forget_claims(state.all_running().len());
            self.removed.push(state);
        }
        Ok(jobs)
    }

    /// Deletes at most `most` rows of removed tasks, then of entries of removed tenants, and fewer of long texts; returns
    /// whether more are left.
    pub(in super::super) fn free_removed(&mut self, most: usize) -> rusqlite::Result<bool> {
        let first = "SELECT task FROM removed_tasks LIMIT 1";
        let Some(task) = self.db.prepare_cached(first)?.query_row([], |row| row.get(0)).optional()? else {
            self.batch_context.must_sync();
            return kv_rows::free(self.db, most);
        };
        let task = TaskNumber(task);
        let (JobNumber(from), JobNumber(to)) = (task.job(0), TaskNumber(task.0 + 1).job(0));
        let mut left = most;
        for [find, delete] in LONG_TEXTS {
            left = left.saturating_sub(self.free_texts(find, delete, (from, to - 1), left)?);
        }
        let [find, delete] = RECORDINGS;
        left = left.saturating_sub(self.free_texts(find, delete, (task.0, i64::MAX), left)?);
        for sql in OF_JOBS {
            let deleted = self.db.prepare_cached(sql)?.execute(params![from, to - 1, left as i64])?;
            left = left.saturating_sub(deleted);
        }
        for sql in OF_TASK {
            let deleted = self.db.prepare_cached(sql)?.execute(params![task.0, left as i64])?;
            left = left.saturating_sub(deleted);
        }
        // With nothing left to delete, some rows may be left.
        if left > 0 {
            self.db.prepare_cached("DELETE FROM removed_tasks WHERE task = ?1")?.execute([task.0])?;
        }
        self.batch_context.must_sync();
        let found: Option<i64> = self.db.prepare_cached(first)?.query_row([], |row| row.get(0)).optional()?;
        Ok(found.is_some() || kv_rows::has_removed(self.db)?)
    }

    /// Deletes the first long texts that `find` returns for these numbers, until that was as much work as `left` rows; returns
    /// the work. SQLite reads every page of a text to free it.
    fn free_texts(&self, find: &str, delete: &str, (from, to): (i64, i64), left: usize) -> rusqlite::Result<usize> {
        let (mut work, mut last) = (0, None);
        let mut statement = self.db.prepare_cached(find)?;
        let mut rows = statement.query(params![from, to, left as i64])?;
        while work < left {
            let Some(row) = rows.next()? else { break };
            last = Some(row.get::<_, i64>(0)?);
            work += 1 + Pruned::more_work(0, from_i64(row.get(1)?));
        }
        drop(rows);
        if let Some(last) = last {
            self.db.prepare_cached(delete)?.execute(params![from, last])?;
        }
        Ok(work)
    }
}
