//! Changes of jobs from outside their attempts, and the removal of jobs.

use std::collections::hash_map::Entry;

use saggar_job::{JobId, State, Status, Timestamp};

use super::super::record::{Due, Record};
use super::TaskState;
use crate::step;
use crate::{Change, ChangeError, Hint, Pruned, Retention, Rules, StoreEvent};

impl TaskState {
    pub(in super::super) fn change(
        &mut self,
        id: JobId,
        change: Change,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        match change {
            Change::Cancel => self.cancel(id, rules, now),
            Change::Retry => self.retry(id, now),
            Change::Delete => self.delete(id, now),
            Change::Redeliver => self.redeliver(id, rules),
        }
    }

    fn cancel(&mut self, id: JobId, rules: &Rules, now: Timestamp) -> Result<(), ChangeError> {
        let record = self.records.get_mut(&id).ok_or(ChangeError::UnknownJob { id })?;
        let effects = step::cancel(&record.life, record.due.pending(), rules, now);
        let effects = effects.map_err(|refusal| ChangeError::refused(id, refusal))?;
        let (state, callback) = (effects.life.state.clone(), effects.result(None).callback);
        self.apply(id, effects, now);
        if let State::Running { run, .. } = state {
            self.notify(StoreEvent::Cancelling { id, at: now });
            self.notify(Hint::Cancel(id, run));
        } else {
            self.notify(StoreEvent::Cancelled { id, callback, at: now });
        }
        Ok(())
    }

    fn retry(&mut self, id: JobId, now: Timestamp) -> Result<(), ChangeError> {
        let record = self.records.get_mut(&id).ok_or(ChangeError::UnknownJob { id })?;
        let is_pending = !self.ends.is_droppable(record);
        let unique = record.labels.as_ref().and_then(|labels| labels.unique.as_deref());
        let holder = unique.and_then(|unique| self.names.by_fingerprint(unique));
        let effects = step::retry(id, &record.life, is_pending, holder, now)?;
        if let Some(labels) = &record.labels {
            self.names.enter(id, labels);
        }
        self.ends.drop_deferred(record);
        self.ends.drop_given_up(record);
        self.apply(id, effects, now);
        self.notify(StoreEvent::Retried { id, at: now });
        Ok(())
    }

    fn delete(&mut self, id: JobId, now: Timestamp) -> Result<(), ChangeError> {
        let record = self.records.get(&id).ok_or(ChangeError::UnknownJob { id })?;
        match record.life.state {
            State::Running { .. } => return Err(ChangeError::Running { id }),
            State::Waiting { on_hold, .. } => self.on_hold -= usize::from(on_hold),
            State::Success { .. } | State::Failure { .. } => {}
        }
        self.ready_queue.leave(record.position, record.priority);
        match record.due {
            Due::Nothing => {}
            Due::Added(number) | Due::End(number) => drop(self.ends.outbox.remove(number)),
            Due::AddedThenEnd(number) => {
                self.ends.outbox.remove(number);
                self.ends.parked -= 1;
            }
        }
        if let Some(mut record) = self.records.remove(&id) {
            self.remove_references(id, &mut record);
        }
        self.notify(StoreEvent::Deleted { id, at: now });
        Ok(())
    }

    pub(in super::super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        let next_due = self.next_due();
        self.notify(Hint::Ready(next_due));
    }

    pub(in super::super) fn prune(&mut self, most: usize, rules: &Rules, now: Timestamp) -> Pruned {
        let Retention { success_ms, failure_ms } = rules.retention;
        let (mut jobs, mut undelivered, mut work) = (0, 0, 0);
        while work < most {
            let removed = if let Some(due) = self.ends.success_expiry.take_due(success_ms, now) {
                self.remove_expired(due, Status::Success)
            } else if let Some(due) = self.ends.failure_expiry.take_due(failure_ms, now) {
                self.remove_expired(due, Status::Failure)
            } else {
                return Pruned { jobs, undelivered, more: false };
            };
            jobs += usize::from(removed.is_some());
            let (more_work, was_pending) = removed.unwrap_or_default();
            undelivered += usize::from(was_pending);
            work += 1 + more_work;
        }
        Pruned { jobs, undelivered, more: true }
    }

    /// Removes the job of a retention entry. Returns how much [more work](Pruned::more_work) than one job that was, and
    /// whether a deferred callback was removed with it. `None` if the entry is stale (the job may have been retried or
    /// deleted since, and even ended again), or if a callback of the job is pending.
    pub(super) fn remove_expired(
        &mut self,
        (ended_at, id): (Timestamp, JobId),
        status: Status,
    ) -> Option<(usize, bool)> {
        let Entry::Occupied(mut entry) = self.records.entry(id) else { return None };
        let record = entry.get_mut();
        let is_same = record.ended_at() == Some(ended_at) && record.life.state.status() == status;
        let was_pending = record.due != Due::Nothing;
        if !is_same || !self.ends.drop_deferred(record) {
            return None;
        }
        let mut record = entry.remove();
        let recorded = self.remove_references(id, &mut record);
        let lines = record.log.as_ref().map_or(0, |log| log.kept());
        Some((Pruned::more_work(lines, record.bytes() + recorded), was_pending))
    }

    /// Removes everything that refers to a record; returns the bytes of its recordings.
    fn remove_references(&mut self, id: JobId, record: &mut Record) -> u64 {
        self.ends.drop_given_up(record);
        let status = record.life.state.status();
        self.kept.change(record.bytes(), 0);
        self.kept.change_status(Some(status), None);
        self.by_status[status as usize] -= 1;
        self.status_index.leave(record.slot, status);
        if let Some(labels) = &record.labels {
            self.names.leave(id, labels);
        }
        if record.is_recorded { self.recordings.remove_of(id) } else { 0 }
    }
}
