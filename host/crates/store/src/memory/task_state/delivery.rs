//! Callbacks: creating, claiming and settling them, and what follows for their jobs.

use saggar_job::{JobId, Problem, State, Timestamp};

use super::super::expiry_queue::ExpiryQueue;
use super::super::outbox::{Entry, Outbox};
use super::super::record::{Due, Record};
use super::TaskState;
use crate::step::{self, PendingCallbacks, QueueChange};
use crate::{
    CallbackKind, CallbackNumber, ChangeError, ClaimedCallback, ClaimedCallbacks, Delivery, Hint, JobCallback, Lane,
    NextDue, Rules,
};

/// Pending callbacks, and ended jobs that retention may remove.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) outbox: Outbox,
    /// End callbacks that wait until the add callback is settled.
    pub(super) parked: usize,
    /// Callbacks that were given up.
    pub(super) given_up: usize,
    pub(super) success_expiry: ExpiryQueue,
    pub(super) failure_expiry: ExpiryQueue,
}

impl Ends {
    /// Sets which callbacks of a job are pending, and adds the one in `new` to its lane. Settled or dropped callbacks
    /// were removed from the outbox before.
    pub(super) fn set_pending(&mut self, id: JobId, record: &mut Record, pending: PendingCallbacks, new: Option<Lane>) {
        self.parked -= usize::from(matches!(record.due, Due::AddedThenEnd(_)));
        self.parked += usize::from(pending == PendingCallbacks::AddThenEnd);
        let added = new.map(|lane| self.outbox.put(id, lane));
        let number = || match record.due {
            Due::Nothing => None,
            Due::Added(number) | Due::End(number) | Due::AddedThenEnd(number) => Some(number),
        };
        record.due = match (pending, added.or_else(number)) {
            (PendingCallbacks::None, _) | (_, None) => Due::Nothing,
            (PendingCallbacks::Add, Some(number)) => Due::Added(number),
            (PendingCallbacks::End, Some(number)) => Due::End(number),
            (PendingCallbacks::AddThenEnd, Some(number)) => Due::AddedThenEnd(number),
        };
    }

    /// Returns whether the job has no pending callback except a deferred one that is not claimed.
    pub(super) fn is_droppable(&self, record: &Record) -> bool {
        match record.due {
            Due::Nothing => true,
            Due::End(number) => self.outbox.is_removable(number),
            Due::Added(_) | Due::AddedThenEnd(_) => false,
        }
    }

    /// Begins the retention of a job, if it has ended.
    pub(super) fn retain(&mut self, id: JobId, record: &Record) {
        match record.life.state {
            State::Success { ended_at, .. } => self.success_expiry.put(id, ended_at),
            State::Failure { ended_at, .. } => self.failure_expiry.put(id, ended_at),
            State::Waiting { .. } | State::Running { .. } => {}
        }
    }
}

impl Ends {
    /// Removes a deferred callback that is not claimed. Returns whether no callback of the job is pending then.
    pub(super) fn drop_deferred(&mut self, record: &mut Record) -> bool {
        if let Due::End(number) = record.due
            && self.outbox.is_removable(number)
        {
            self.outbox.remove(number);
            record.due = Due::Nothing;
        }
        record.due == Due::Nothing
    }

    /// Removes the given-up callbacks of a job.
    pub(super) fn drop_given_up(&mut self, record: &mut Record) {
        self.given_up -= std::mem::take(&mut record.given_up).len();
    }

    fn give_up(&mut self, record: &mut Record, entry: &Entry, problem: Problem) {
        let tries = entry.tries.saturating_add(1);
        let callback =
            JobCallback { lane: entry.lane, tries, next_try_at: None, given_up: true, problem: Some(problem) };
        record.given_up.push(callback);
        self.given_up += 1;
    }
}

impl TaskState {
    pub(super) fn redeliver(&mut self, id: JobId, rules: &Rules) -> Result<(), ChangeError> {
        let record = self.records.get_mut(&id).ok_or(ChangeError::UnknownJob { id })?;
        let is_pending = !self.ends.is_droppable(record);
        let is_deferred = record.due != Due::Nothing;
        let gave_up = |lane| record.given_up.iter().any(|callback| callback.lane == lane);
        let can_be = |lane| gave_up(lane) || (lane == Lane::Ends && is_deferred);
        let redelivery = step::redeliver(id, &record.life, is_pending, can_be, rules)?;
        self.ends.drop_deferred(record);
        let before = record.given_up.len();
        record.given_up.retain(|callback| !redelivery.has(callback.lane));
        self.ends.given_up -= before - record.given_up.len();
        let (pending, lane) = redelivery.pending();
        self.ends.set_pending(id, record, pending, Some(lane));
        Lane::ALL.into_iter().for_each(|lane| self.notify(Hint::Callback(lane, NextDue::Now)));
        Ok(())
    }

    pub(in super::super) fn claim_callbacks(&mut self, lane: Lane, most: usize, now: Timestamp) -> ClaimedCallbacks {
        let mut callbacks = Vec::new();
        while callbacks.len() < most
            && let Some((number, entry)) = self.ends.outbox.claim(lane, now)
        {
            let Some(record) = self.records.get(&entry.id) else { continue };
            let kind = match lane {
                Lane::Adds => Some(CallbackKind::Added),
                Lane::Ends => record.end(),
            };
            // A job with a pending end callback is not retried before, so it has ended. The add handler is not called
            // instead.
            let Some(kind) = kind else {
                tracing::error!(job = %entry.id, "skipped a callback for the end of a job that has not ended");
                continue;
            };
            let (attempt, origin) = (record.life.attempt, record.origin.clone());
            callbacks.push(ClaimedCallback { number, id: entry.id, kind, attempt, tries: entry.tries, origin });
        }
        ClaimedCallbacks { callbacks, next_due: self.ends.outbox.next_due(lane, now) }
    }

    pub(in super::super) fn settle_callback(&mut self, number: CallbackNumber, delivery: Delivery, now: Timestamp) {
        match delivery {
            Delivery::Done => self.finish_callback(number, None, now),
            Delivery::Postponed(until) => self.postpone(number, until, None, now),
            Delivery::Failed { problem, next_try_at } => {
                let problem = Problem { details: None, ..problem };
                match next_try_at {
                    Some(until) => self.postpone(number, until, Some(problem.into()), now),
                    None => self.finish_callback(number, Some(problem), now),
                }
            }
        }
    }

    #[cfg(any(test, feature = "conformance"))]
    pub(in super::super) fn requeue_callback(&mut self, number: CallbackNumber) {
        self.ends.outbox.requeue(number);
    }

    fn postpone(&mut self, number: CallbackNumber, until: Timestamp, problem: Option<Box<Problem>>, now: Timestamp) {
        let Some((lane, deferred)) = self.ends.outbox.postpone(number, until, problem) else { return };
        // From now on the job's retention may end before the callback is delivered.
        if let Some(id) = deferred
            && let Some(record) = self.records.get(&id)
        {
            self.ends.retain(id, record);
        }
        self.notify(Hint::Callback(lane, NextDue::due_at(until, now)));
    }

    /// Removes a callback; a problem means that it was given up.
    pub(super) fn finish_callback(&mut self, number: CallbackNumber, given_up: Option<Problem>, now: Timestamp) {
        let Some(entry) = self.ends.outbox.remove(number) else { return };
        let Some(record) = self.records.get_mut(&entry.id) else { return };
        if let Some(problem) = given_up {
            self.ends.give_up(record, &entry, problem);
        }
        let effects = step::settle(&record.life, record.due.pending(), now);
        let released = match effects.life.state {
            State::Waiting { run_at, .. } if effects.queue == QueueChange::Enter => NextDue::due_at(run_at, now),
            _ => NextDue::Nothing,
        };
        let new_callback = effects.new_callback;
        self.apply(entry.id, effects, now);
        match new_callback {
            Some(lane) => self.notify(Hint::Callback(lane, NextDue::Now)),
            None => self.notify(Hint::Ready(released)),
        }
    }
}
