//! Changing jobs from outside of their attempts, pausing, and removing jobs: on request and after their retention.

use rusqlite::params;
use saggar_job::{JobId, State, Status, Timestamp};

use super::super::number::to_i64;
use super::super::record::{HAS_ATTEMPTS, HAS_DETAILS, HAS_LOG, HAS_NAMES, HAS_RECORDINGS, Position, Record};
use super::super::statements::HotStatement;
use super::adding::{FINGERPRINT, KEY};
use super::{Stepped, TaskTx};
use saggar_store::step::{self, PendingCallbacks};
use saggar_store::{Change, ChangeError, Hint, Pruned, Retention, Rules, StoreEvent};

impl TaskTx<'_> {
    pub(in super::super) fn change(
        &mut self,
        id: JobId,
        change: Change,
        rules: &Rules,
        now: Timestamp,
    ) -> Stepped<(), ChangeError> {
        self.batch_context.must_sync();
        if self.state.running.contains_key(&id) {
            return match change {
                Change::Cancel => self.stop(id, rules, now).map(Ok),
                Change::Retry | Change::Redeliver => Ok(Err(ChangeError::NotEnded { id })),
                Change::Delete => Ok(Err(ChangeError::Running { id })),
            };
        }
        let Some(record) = self.find(id)? else { return Ok(Err(ChangeError::UnknownJob { id })) };
        match change {
            Change::Cancel => self.cancel(record, rules, now),
            Change::Retry => self.retry(record, now),
            Change::Delete => self.delete(record, now),
            Change::Redeliver => self.redeliver(record, rules),
        }
    }

    fn cancel(&mut self, mut record: Record, rules: &Rules, now: Timestamp) -> Stepped<(), ChangeError> {
        let id = record.id;
        let effects = match step::cancel(&record.life, record.pending, rules, now) {
            Ok(effects) => effects,
            Err(refusal) => return Ok(Err(ChangeError::refused(id, refusal))),
        };
        self.notify(StoreEvent::Cancelled { id, callback: effects.result(None).callback, at: now });
        self.apply(&mut record, effects, None, now).map(Ok)
    }

    /// Removes a waiting job from the queue, its counts and its index.
    pub(super) fn leave_queue(&mut self, record: &Record) -> rusqlite::Result<()> {
        let State::Waiting { on_hold, .. } = record.life.state else { return Ok(()) };
        self.state.ready_queue.leave(self.db, record)?;
        self.state.counts.on_hold -= usize::from(on_hold);
        self.state.counts.delayed -= usize::from(matches!(record.position, Position::Delayed(..)));
        if record.position != Position::Plain {
            self.unlist(record, Status::Waiting)?;
        }
        Ok(())
    }

    fn retry(&mut self, mut record: Record, now: Timestamp) -> Stepped<(), ChangeError> {
        let id = record.id;
        let is_pending = self.is_pending(&record)?;
        let holder = record.unique().map(|unique| self.holder(FINGERPRINT, &unique)).transpose()?.flatten();
        let effects = match step::retry(id, &record.life, is_pending, holder, now) {
            Ok(effects) => effects,
            Err(error) => return Ok(Err(error)),
        };
        self.remove_callbacks(&mut record)?;
        self.store_last(&mut record)?;
        // The flag in the row shows whether the response is in another table. It is about to be cleared.
        self.remove_response(&record)?;
        self.enter_names(&record)?;
        self.notify(StoreEvent::Retried { id, at: now });
        self.apply(&mut record, effects, None, now).map(Ok)
    }

    fn remove_response(&self, record: &Record) -> rusqlite::Result<()> {
        if !record.has_long_response() {
            return Ok(());
        }
        self.db.prepare_cached("DELETE FROM long_responses WHERE job = ?1")?.execute([record.job.0]).map(drop)
    }

    fn delete(&mut self, record: Record, now: Timestamp) -> Stepped<(), ChangeError> {
        let id = record.id;
        self.leave_queue(&record)?;
        self.remove(record)?;
        self.notify(StoreEvent::Deleted { id, at: now });
        Ok(Ok(()))
    }

    pub(in super::super) fn set_paused(&mut self, paused: bool) -> rusqlite::Result<()> {
        self.state.counts.paused = paused;
        self.state.dirty = true;
        self.batch_context.must_sync();
        let next_due = self.next_due()?;
        self.notify(Hint::Ready(next_due));
        Ok(())
    }

    pub(in super::super) fn prune(&mut self, most: usize, rules: &Rules, now: Timestamp) -> rusqlite::Result<Pruned> {
        let Retention { success_ms, failure_ms } = rules.retention;
        let (mut jobs, mut undelivered, mut work) = (0, 0, 0);
        for (status, retention_ms) in [(Status::Success, success_ms), (Status::Failure, failure_ms)] {
            loop {
                if work >= most {
                    return Ok(Pruned { jobs, undelivered, more: true });
                }
                let Some(due) =
                    self.state.expiry_queue.take_due(self.db, self.state.task, status, retention_ms, now)?
                else {
                    break;
                };
                // Not earlier: a prune that removes nothing, as an idle host repeats, must not write anything.
                self.state.dirty = true;
                self.batch_context.must_sync();
                work += 1;
                if let Some((more_work, was_pending)) = self.remove_expired(due, status)? {
                    work += more_work;
                    jobs += 1;
                    undelivered += usize::from(was_pending);
                }
            }
        }
        Ok(Pruned { jobs, undelivered, more: false })
    }

    /// Removes the job of an entry for retention. Returns how much [more work](Pruned::more_work) than one job that was,
    /// and whether a deferred callback was removed with it. `None` if the entry is stale, because the job was retried or
    /// deleted, or if a callback is pending.
    pub(super) fn remove_expired(
        &mut self,
        (ended_at, number): (Timestamp, u64),
        status: Status,
    ) -> rusqlite::Result<Option<(usize, bool)>> {
        let Some(record) = Record::find(self.db, self.state.task.job(number))? else { return Ok(None) };
        let is_same = record.ended_at() == Some(ended_at) && record.life.state.status() == status;
        if !is_same || self.is_pending(&record)? {
            return Ok(None);
        }
        let was_pending = record.pending != PendingCallbacks::None;
        Ok(Some((self.remove(record)?, was_pending)))
    }

    /// Removes a job that is in no queue, with all its rows; returns how much [more work](Pruned::more_work) than one job
    /// that was.
    fn remove(&mut self, mut record: Record) -> rusqlite::Result<usize> {
        self.remove_callbacks(&mut record)?;
        let recorded = if record.flags & HAS_RECORDINGS == 0 { 0 } else { self.remove_recordings(record.job)? };
        let record = &record;
        let status = record.life.state.status();
        let bytes = self.bytes_of(record)?;
        self.count_bytes(bytes, 0);
        self.state.count_status(Some(status), None);
        if status != Status::Waiting {
            self.unlist(record, status)?;
        }
        let mut lines = 0;
        let delete = |sql: &str| self.db.prepare_cached(sql)?.execute([record.job.0]);
        if record.flags & HAS_NAMES != 0 {
            self.release_name(record, KEY)?;
            self.release_name(record, FINGERPRINT)?;
        }
        if record.flags & HAS_DETAILS != 0 {
            delete("DELETE FROM details WHERE job = ?1")?;
        }
        if record.has_long_args(self.limits) {
            delete("DELETE FROM long_args WHERE job = ?1")?;
        }
        if record.flags & HAS_LOG != 0 {
            lines = delete("DELETE FROM log_lines WHERE job = ?1")?;
            delete("DELETE FROM logs WHERE job = ?1")?;
        }
        if record.flags & HAS_ATTEMPTS != 0 {
            delete("DELETE FROM attempts WHERE job = ?1")?;
        }
        self.remove_response(record)?;
        self.statements.execute(HotStatement::RemoveJob, params![record.job.0])?;
        self.statements.execute(HotStatement::RemoveId, params![self.state.task.0, to_i64(record.id.0)])?;
        Ok(Pruned::more_work(lines, bytes + recorded))
    }
}
