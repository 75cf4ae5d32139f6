//! Callbacks: enqueueing them, claiming them, settling them, and the consequences for their jobs.

use rusqlite::{OptionalExtension, Row, params};
use saggar_job::{Problem, State, Timestamp};

use super::super::batch_context::Mark;
use super::super::number::{from_i64, from_millis, millis, to_i64};
use super::super::record::Record;
use super::TaskTx;
use saggar_store::step::{self, PendingCallbacks};
use saggar_store::{
    CallbackBackoff, CallbackKind, CallbackNumber, ClaimedCallback, ClaimedCallbacks, Delivery, Hint, Lane, NextDue,
};

/// A row of the table of callbacks, in one of the two lanes.
pub(super) struct Entry {
    pub(super) callback: u64,
    number: u64,
    pub(super) lane: Lane,
    pub(super) tries: u32,
    pub(super) from: Timestamp,
}

/// Returns whether retention and retries no longer wait for a callback that was tried this often.
fn is_deferred(lane: Lane, tries: u32) -> bool {
    lane == Lane::Ends && tries >= CallbackBackoff::QUICK_TRIES
}

const FRESH: &str = "SELECT callback, number, lane, tries, postponed_to FROM callbacks \
     WHERE task = ?1 AND lane = ?2 AND callback > ?3 AND postponed_to IS NULL ORDER BY callback LIMIT 1";
const POSTPONED: &str = "SELECT callback, number, lane, tries, postponed_to FROM callbacks WHERE task = ?1 AND lane = ?2 \
     AND postponed_to IS NOT NULL AND (postponed_to, callback) > (?3, ?4) ORDER BY postponed_to, callback LIMIT 1";
const ONE: &str = "SELECT callback, number, lane, tries, postponed_to FROM callbacks WHERE task = ?1 AND lane IN (0, 1) AND callback = ?2";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        callback: from_i64(row.get(0)?),
        number: from_i64(row.get(1)?),
        lane: if row.get::<_, i64>(2)? == Lane::Adds as i64 { Lane::Adds } else { Lane::Ends },
        tries: row.get(3)?,
        from: from_millis(row.get::<_, Option<i64>>(4)?.unwrap_or(0)),
    })
}

impl TaskTx<'_> {
    pub(super) fn enqueue_callback(&mut self, record: &Record, lane: Lane) -> rusqlite::Result<()> {
        self.state.last_callback += 1;
        self.state.counts.callbacks += 1;
        self.state.dirty = true;
        let sql = "INSERT INTO callbacks (task, callback, number, lane, about, tries) VALUES (?1, ?2, ?3, ?4, ?4, 0)";
        let (callback, number) = (to_i64(self.state.last_callback), to_i64(record.job.number()));
        self.db.prepare_cached(sql)?.execute(params![self.state.task.0, callback, number, lane as i64]).map(drop)
    }

    /// Starts the retention of a job that has ended.
    pub(super) fn retain(&mut self, record: &Record) -> rusqlite::Result<()> {
        let Some(ended_at) = record.ended_at() else { return Ok(()) };
        let status = record.life.state.status();
        self.state.expiry_queue.put(self.db, self.state.task, status, ended_at, record.job.number())
    }

    pub(in super::super) fn claim_callbacks(
        &mut self,
        lane: Lane,
        most: usize,
        now: Timestamp,
    ) -> rusqlite::Result<ClaimedCallbacks> {
        // A claimed callback must survive a power cut, because its handler is called.
        self.batch_context.must_sync();
        let mut callbacks = Vec::new();
        while callbacks.len() < most
            && let Some(entry) = self.first_callback(lane)?
            && entry.from <= now
        {
            self.take(&entry);
            let Some(record) = self.job_of(&entry)? else { continue };
            let kind = match lane {
                Lane::Adds => Some(CallbackKind::Added),
                Lane::Ends => record.end(),
            };
            // A job with a pending end callback is not retried before, so it has ended. The add handler is not called
            // instead.
            let Some(kind) = kind else {
                tracing::error!(job = %record.id, "skipped a callback for the end of a job that has not ended");
                continue;
            };
            callbacks.push(ClaimedCallback {
                number: CallbackNumber(entry.callback),
                id: record.id,
                kind,
                attempt: record.life.attempt,
                tries: entry.tries,
                origin: record.origin(),
            });
        }
        let next_due = self.first_callback(lane)?.map_or(NextDue::Nothing, |entry| NextDue::due_at(entry.from, now));
        Ok(ClaimedCallbacks { callbacks, next_due })
    }

    fn take(&mut self, entry: &Entry) {
        let lane = entry.lane as usize;
        self.state.released[lane].remove(&entry.callback);
        self.state.taken.insert(entry.callback);
        self.note(entry.callback, false);
        if entry.from == Timestamp(0) {
            self.state.taken_until[lane] = self.state.taken_until[lane].max(entry.callback);
        }
    }

    /// Releases a callback; returns whether it was claimed.
    fn release(&mut self, callback: u64) -> bool {
        let was_taken = self.state.taken.remove(&callback);
        if was_taken {
            self.note(callback, true);
        }
        was_taken
    }

    fn note(&mut self, callback: u64, was_taken: bool) {
        self.batch_context.marks.push(Mark { task: self.state.task, callback, was_taken });
    }

    pub(super) fn job_of(&self, entry: &Entry) -> rusqlite::Result<Option<Record>> {
        Record::find(self.db, self.state.task.job(entry.number))
    }

    /// Returns the first callback of the lane that is not claimed: the oldest of those that were never postponed,
    /// otherwise the next of the postponed ones.
    fn first_callback(&mut self, lane: Lane) -> rusqlite::Result<Option<Entry>> {
        while let Some(callback) = self.state.released[lane as usize].first().copied() {
            match self.callback(callback)? {
                Some(entry) => return Ok(Some(entry)),
                None => drop(self.state.released[lane as usize].remove(&callback)),
            }
        }
        loop {
            let mut statement = self.db.prepare_cached(FRESH)?;
            let after = to_i64(self.state.taken_until[lane as usize]);
            let found = statement.query_row(params![self.state.task.0, lane as i64, after], entry).optional()?;
            match found {
                Some(entry) if self.state.taken.contains(&entry.callback) => {
                    self.state.taken_until[lane as usize] = entry.callback;
                }
                Some(entry) => return Ok(Some(entry)),
                // So that callbacks that were postponed are not scanned again and again when there are very many.
                None => {
                    self.state.taken_until[lane as usize] = self.state.last_callback;
                    break;
                }
            }
        }
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let mut statement = self.db.prepare_cached(POSTPONED)?;
            let found =
                statement.query_row(params![self.state.task.0, lane as i64, after.0, after.1], entry).optional()?;
            match found {
                Some(entry) if self.state.taken.contains(&entry.callback) => {
                    after = (millis(entry.from), to_i64(entry.callback));
                }
                found => return Ok(found),
            }
        }
    }

    fn callback(&self, callback: u64) -> rusqlite::Result<Option<Entry>> {
        let mut statement = self.db.prepare_cached(ONE)?;
        statement.query_row(params![self.state.task.0, to_i64(callback)], entry).optional()
    }

    /// Releases claimed callbacks that did not reach their caller.
    pub(in super::super) fn undo_callbacks(&mut self, callbacks: &[CallbackNumber]) -> rusqlite::Result<()> {
        for CallbackNumber(callback) in callbacks {
            if !self.release(*callback) {
                continue;
            }
            let Some(entry) = self.callback(*callback)? else { continue };
            if entry.from == Timestamp(0) {
                self.state.released[entry.lane as usize].insert(*callback);
            }
            self.notify(Hint::Callback(entry.lane, NextDue::Now));
        }
        Ok(())
    }

    pub(in super::super) fn settle_callback(
        &mut self,
        CallbackNumber(callback): CallbackNumber,
        delivery: &Delivery,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        self.batch_context.must_sync();
        let Some(entry) = self.callback(callback)? else { return Ok(()) };
        match delivery {
            Delivery::Done => self.finish_callback(&entry, None, now),
            Delivery::Postponed(until) => self.postpone(&entry, *until, None, now),
            Delivery::Failed { problem, next_try_at: Some(until) } => self.postpone(&entry, *until, Some(problem), now),
            Delivery::Failed { problem, next_try_at: None } => self.finish_callback(&entry, Some(problem), now),
        }
    }

    fn postpone(
        &mut self,
        entry: &Entry,
        until: Timestamp,
        problem: Option<&Problem>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if !self.release(entry.callback) {
            return Ok(());
        }
        self.notify(Hint::Callback(entry.lane, NextDue::due_at(until, now)));
        self.state.dirty = true;
        let tries = entry.tries.saturating_add(1);
        let sql = "UPDATE callbacks SET tries = ?4, postponed_to = ?5, code = ifnull(?6, code), message = ifnull(?7, message) \
             WHERE task = ?1 AND lane = ?2 AND callback = ?3";
        self.db.prepare_cached(sql)?.execute(params![
            self.state.task.0,
            entry.lane as i64,
            to_i64(entry.callback),
            tries,
            millis(until),
            problem.map(|problem| &*problem.code),
            problem.map(|problem| &*problem.message),
        ])?;
        let Some(record) = self.job_of(entry)? else { return Ok(()) };
        if !is_deferred(entry.lane, tries) {
            return Ok(());
        }
        self.state.counts.deferred += usize::from(!is_deferred(entry.lane, entry.tries));
        // From now on the job's retention may end before the callback is delivered.
        self.retain(&record)
    }

    /// Settles a callback: removes it, or gives it up with the problem in `given_up`.
    pub(super) fn finish_callback(
        &mut self,
        entry: &Entry,
        given_up: Option<&Problem>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(mut record) = self.job_of(entry)? else { return self.forget(entry) };
        match given_up {
            Some(problem) => self.give_up(entry, &mut record, problem)?,
            None => self.forget(entry)?,
        }
        let effects = step::settle(&record.life, record.pending, now);
        match (effects.new_callback, &effects.life.state) {
            (Some(lane), _) => self.notify(Hint::Callback(lane, NextDue::Now)),
            (None, State::Waiting { run_at, .. }) => self.notify(Hint::Ready(NextDue::due_at(*run_at, now))),
            _ => {}
        }
        self.apply(&mut record, effects, None, now)
    }

    /// Removes a pending callback.
    pub(super) fn forget(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        self.remove_pending(entry);
        let sql = "DELETE FROM callbacks WHERE task = ?1 AND lane = ?2 AND callback = ?3";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.execute(params![self.state.task.0, entry.lane as i64, to_i64(entry.callback)]).map(drop)
    }

    /// Removes a callback from the counts and the in-memory state of its lane.
    pub(super) fn remove_pending(&mut self, entry: &Entry) {
        self.release(entry.callback);
        self.state.released[entry.lane as usize].remove(&entry.callback);
        self.state.counts.callbacks -= 1;
        self.state.counts.deferred -= usize::from(is_deferred(entry.lane, entry.tries));
        self.state.dirty = true;
    }

    /// Returns the pending callbacks of a job that are in a lane.
    pub(super) fn callbacks_of(&self, record: &Record) -> rusqlite::Result<Vec<Entry>> {
        if record.pending == PendingCallbacks::None {
            return Ok(Vec::new());
        }
        let sql = "SELECT callback, number, lane, tries, postponed_to FROM callbacks \
             WHERE task = ?1 AND number = ?2 AND +lane IN (0, 1)";
        let mut statement = self.db.prepare_cached(sql)?;
        let number = to_i64(record.job.number());
        statement.query_map(params![self.state.task.0, number], entry)?.collect()
    }

    /// Returns whether a callback of the job is pending that is not deferred, or whose handler is being called.
    pub(super) fn is_pending(&self, record: &Record) -> rusqlite::Result<bool> {
        let is_removable =
            |entry: &Entry| is_deferred(entry.lane, entry.tries) && !self.state.taken.contains(&entry.callback);
        Ok(match record.pending {
            PendingCallbacks::None => false,
            PendingCallbacks::Add | PendingCallbacks::AddThenEnd => true,
            PendingCallbacks::End => !self.callbacks_of(record)?.iter().all(is_removable),
        })
    }

    /// Removes the pending and the given-up callbacks of a job that is retried or removed.
    pub(super) fn remove_callbacks(&mut self, record: &mut Record) -> rusqlite::Result<()> {
        for entry in self.callbacks_of(record)? {
            self.forget(&entry)?;
        }
        self.state.counts.callbacks -= usize::from(record.pending == PendingCallbacks::AddThenEnd);
        record.pending = PendingCallbacks::None;
        self.forget_given_up(record)
    }
}
