//! Stored bytes: counting them, and removing ended jobs to make room.

use rusqlite::Connection;
use saggar_job::{Status, Timestamp};

use super::super::number::from_i64;
use super::super::record::{HAS_ATTEMPTS, HAS_LOG, Record};
use super::{TaskState, TaskTx, keeping};
use saggar_store::{Needs, Pruned, Rules, kept_bytes};

impl TaskState {
    /// Returns when and how the job ended that [`TaskTx::remove_first_ended`] removes next.
    pub(in super::super) fn first_ended(&mut self, db: &Connection) -> rusqlite::Result<Option<(Timestamp, Status)>> {
        let mut first = None;
        for status in [Status::Success, Status::Failure] {
            let ended_at = self.expiry_queue.first_ended_at(db, self.task, status)?;
            // Of two that ended at the same time, the success is the first one, as in every store.
            first = first.into_iter().chain(ended_at.map(|at| (at, status))).min_by_key(|(ended_at, _)| *ended_at);
        }
        Ok(first)
    }
}

impl TaskTx<'_> {
    /// Changes the count of bytes from `before` to `after`.
    pub(super) fn count_bytes(&mut self, before: u64, after: u64) {
        let change = |bytes: &mut u64| *bytes = bytes.wrapping_add(after.wrapping_sub(before));
        change(&mut self.state.counts.bytes);
        change(&mut self.batch_context.kept_bytes);
        let bytes = |bytes| Needs { waiting: 0, bytes };
        self.state.book.change(bytes(before), bytes(after));
    }

    /// Returns the bytes of the records of a job's attempts.
    pub(super) fn bytes_of_attempts(&self, record: &Record) -> rusqlite::Result<u64> {
        if record.flags & HAS_ATTEMPTS == 0 {
            return Ok(0);
        }
        let sql = "SELECT coalesce(sum(coalesce(octet_length(code), 0) + coalesce(octet_length(message), 0)), 0) \
             FROM attempts WHERE job = ?1";
        self.db.prepare_cached(sql)?.query_row([record.job.0], |row| row.get(0)).map(from_i64)
    }

    /// Returns all bytes that are counted for a job.
    pub(super) fn bytes_of(&self, record: &Record) -> rusqlite::Result<u64> {
        let log = if record.flags & HAS_LOG == 0 { None } else { keeping::budget(self.db, record.job)? };
        Ok(record.counted + self.bytes_of_attempts(record)? + log.as_ref().map_or(0, kept_bytes::of_log))
    }

    /// Removes ended jobs of the task to enforce the task's own limit.
    pub(in super::super) fn make_room(&mut self, more: u64, most: usize, rules: &Rules) -> rusqlite::Result<Pruned> {
        let (mut pruned, mut work) = (Pruned::default(), 0);
        while kept_bytes::lacks_room(self.state.counts.bytes, more, rules.keep_bytes) {
            if work >= most {
                return Ok(Pruned { more: true, ..pruned });
            }
            let Some((removed, effort)) = self.remove_first_ended()? else { break };
            (pruned, work) = (pruned.and(removed), work + effort);
        }
        Ok(pruned)
    }

    /// Removes the job that ended first, or a stale entry of a job that has been retried or removed. Returns what was
    /// removed, and the work; `None` if no job has ended.
    pub(in super::super) fn remove_first_ended(&mut self) -> rusqlite::Result<Option<(Pruned, usize)>> {
        let Some((_, status)) = self.state.first_ended(self.db)? else { return Ok(None) };
        let (task, end_of_time) = (self.state.task, Timestamp(u64::MAX));
        let Some(due) = self.state.expiry_queue.take_due(self.db, task, status, 0, end_of_time)? else {
            return Ok(None);
        };
        self.state.dirty = true;
        self.batch_context.must_sync();
        let removed = self.remove_expired(due, status)?;
        let (more_work, was_pending) = removed.unwrap_or_default();
        let pruned = Pruned { jobs: removed.is_some().into(), undelivered: was_pending.into(), more: false };
        Ok(Some((pruned, 1 + more_work)))
    }
}
