//! Writes the effects that `step` decided on into the tables.

use saggar_job::{JobId, State, Status, Timestamp};

use super::super::record::{LastAttempt, Position, Record};
use super::TaskTx;
use super::adding::{FINGERPRINT, KEY};
use saggar_store::step::plan::ExistingJobs;
use saggar_store::step::{Effects, PendingCallbacks, QueueChange};
use saggar_store::{AttemptRecord, Lane, NewJob};

impl TaskTx<'_> {
    /// Applies a step's effects to a job. `position`: the position that it was claimed from, for a job that returns there.
    pub(super) fn apply(
        &mut self,
        record: &mut Record,
        effects: Effects,
        position: Option<u64>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Effects { life, queue, pending, new_callback, attempt, log, releases_unique, expires } = effects;
        let before = record.life.state.status();
        if queue != QueueChange::Stay && before == Status::Waiting {
            self.leave_queue(record)?;
            record.position = Position::Nowhere;
        }
        record.life = life;
        let after = record.life.state.status();
        if let Some(attempt) = attempt {
            self.store_ended_attempt(record, attempt)?;
        }
        if let Some(line) = log {
            self.append_to_log(record, vec![line])?;
        }
        if before != after {
            self.change_status(record, before, after)?;
        }
        if releases_unique {
            self.release_name(record, FINGERPRINT)?;
        }
        self.set_pending(record, pending, new_callback)?;
        match queue {
            QueueChange::Enter => self.enter_queue(record, None, now)?,
            QueueChange::Return => self.enter_queue(record, position, now)?,
            QueueChange::Stay | QueueChange::Leave => self.put(record, false)?,
        }
        if expires { self.retain(record) } else { Ok(()) }
    }

    /// Counts a job under its new status, and indexes it there if it has ended. Waiting jobs are indexed when they
    /// enter the queue.
    fn change_status(&mut self, record: &Record, before: Status, after: Status) -> rusqlite::Result<()> {
        let has_ended = |status| matches!(status, Status::Success | Status::Failure);
        self.state.count_status(Some(before), Some(after));
        if has_ended(before) {
            self.unlist(record, before)?;
        }
        if has_ended(after) { self.list(record, after) } else { Ok(()) }
    }

    /// Stores the attempt that ended. An attempt that ended a job in success is part of the job's row.
    fn store_ended_attempt(&mut self, record: &mut Record, attempt: AttemptRecord) -> rusqlite::Result<()> {
        if !matches!(record.life.state, State::Success { .. }) {
            return self.store_attempt(record, &attempt);
        }
        record.last = Some(LastAttempt { started_at: attempt.started_at, cost: attempt.cost });
        self.make_room_for_last(record)
    }

    /// Records which callbacks of a job are pending, and enters the one in `new` into its lane. The caller writes the
    /// record.
    pub(super) fn set_pending(
        &mut self,
        record: &mut Record,
        pending: PendingCallbacks,
        new: Option<Lane>,
    ) -> rusqlite::Result<()> {
        // The second of two has no row until the first is settled.
        self.state.counts.callbacks -= usize::from(record.pending == PendingCallbacks::AddThenEnd);
        self.state.counts.callbacks += usize::from(pending == PendingCallbacks::AddThenEnd);
        record.pending = pending;
        new.map_or(Ok(()), |lane| self.enqueue_callback(record, lane))
    }
}

impl ExistingJobs for TaskTx<'_> {
    type Error = rusqlite::Error;

    fn by_key(&self, key: &str) -> rusqlite::Result<Option<JobId>> {
        self.holder(KEY, key)
    }

    fn by_fingerprint(&self, fingerprint: &str) -> rusqlite::Result<Option<JobId>> {
        self.holder(FINGERPRINT, fingerprint)
    }

    fn is_taken(&self, id: JobId) -> rusqlite::Result<bool> {
        Ok(self.find_number(id)?.is_some())
    }

    fn is_other(&self, id: JobId, job: &NewJob) -> rusqlite::Result<bool> {
        let is_other = |existing: Record| job.is_other(&existing.args, existing.priority, existing.unique().as_deref());
        Ok(self.find(id)?.is_some_and(is_other))
    }
}
