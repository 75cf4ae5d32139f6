//! Notices: leaving them, taking them, settling them, and what follows for their jobs.

use saggar_job::{JobId, Problem, State, Status, Step, Timestamp};

use super::super::ended::Ended;
use super::super::names::Names;
use super::super::outbox::{Entry, Outbox};
use super::super::record::{Due, Record};
use super::{Shelf, step};
use crate::{
    ChangeError, ClaimedNotice, ClaimedNotices, Happened, Hint, JobCallback, Lane, Left, NoticeNumber, Rules, Telling,
};

/// What is to be told, and the ended jobs of which all is told.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) outbox: Outbox,
    /// Notices of ends that wait until the notice of the adding is finished.
    pub(super) parked: usize,
    /// Callbacks that were given up.
    pub(super) given_up: usize,
    pub(super) kept_success: Ended,
    pub(super) kept_failure: Ended,
}

impl Ends {
    /// Lets go of what a job that has just ended held, and leaves the notice that `rules` want. Answers whether that can
    /// be taken now. Does nothing for a job that has not ended.
    pub(super) fn keep(&mut self, id: JobId, record: &mut Record, names: &mut Names, rules: &Rules) -> bool {
        let wanted = match record.life.state.status() {
            Status::Success => rules.success_handler,
            Status::Failure => rules.error_handler,
            Status::Waiting | Status::Running => return false,
        };
        if let Some(labels) = &record.labels {
            names.end(id, labels);
        }
        match (wanted, record.due) {
            (true, Due::Added(number)) => {
                record.due = Due::AddedThenEnd(number);
                self.parked += 1;
                false
            }
            (true, _) => {
                record.due = Due::End(self.outbox.put(id, Lane::Ends));
                true
            }
            (false, _) => {
                self.let_go(id, record);
                false
            }
        }
    }

    /// Lets the retention of a job that has ended come to its end, once nothing of it is to be told any more.
    fn let_go(&mut self, id: JobId, record: &Record) {
        if record.due == Due::Nothing {
            self.retain(id, record);
        }
    }

    /// Lets the retention of a job that has ended come to its end.
    fn retain(&mut self, id: JobId, record: &Record) {
        match record.life.state {
            State::Success { ended_at, .. } => self.kept_success.put(id, ended_at),
            State::Failure { ended_at, .. } => self.kept_failure.put(id, ended_at),
            State::Waiting { .. } | State::Running { .. } => {}
        }
    }
}

impl Ends {
    /// Removes a deferred callback that is not taken. Returns whether nothing of the job is pending then.
    pub(super) fn drop_deferred(&mut self, record: &mut Record) -> bool {
        if let Due::End(number) = record.due
            && self.outbox.can_go(number)
        {
            self.outbox.remove(number);
            record.due = Due::Nothing;
        }
        record.due == Due::Nothing
    }

    /// Forgets what was given up of a job.
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

impl Shelf {
    pub(super) fn redeliver(&mut self, id: JobId, rules: &Rules) -> Result<(), ChangeError> {
        let record = self.records.get_mut(&id).ok_or(ChangeError::UnknownJob { id })?;
        let end_handler = match record.life.state.status() {
            Status::Success => rules.success_handler,
            Status::Failure => rules.error_handler,
            Status::Waiting | Status::Running => return Err(ChangeError::NotEnded { id }),
        };
        let deferred = match record.due {
            Due::End(number) => self.ends.outbox.can_go(number),
            Due::Nothing => false,
            Due::Added(_) | Due::AddedThenEnd(_) => return Err(ChangeError::CallbackPending { id }),
        };
        if record.due != Due::Nothing && !deferred {
            return Err(ChangeError::CallbackPending { id });
        }
        let gave_up = |lane| record.given_up.iter().any(|callback| callback.lane == lane);
        let (add, end) = (gave_up(Lane::Adds) && rules.add_handler, (deferred || gave_up(Lane::Ends)) && end_handler);
        if !add && !end {
            return Err(ChangeError::NotGivenUp { id });
        }
        self.ends.drop_deferred(record);
        let before = record.given_up.len();
        record.given_up.retain(|callback| if callback.lane == Lane::Adds { !add } else { !end });
        self.ends.given_up -= before - record.given_up.len();
        record.due = match (add, end) {
            (true, true) => {
                self.ends.parked += 1;
                Due::AddedThenEnd(self.ends.outbox.put(id, Lane::Adds))
            }
            (true, false) => Due::Added(self.ends.outbox.put(id, Lane::Adds)),
            (false, _) => Due::End(self.ends.outbox.put(id, Lane::Ends)),
        };
        Lane::ALL.into_iter().for_each(|lane| self.tell(Hint::Callback(lane, Left::Ready)));
        Ok(())
    }

    pub(in super::super) fn claim_notices(&mut self, lane: Lane, most: usize, now: Timestamp) -> ClaimedNotices {
        let mut notices = Vec::new();
        while notices.len() < most
            && let Some((number, entry)) = self.ends.outbox.take(lane, now)
        {
            let Some(record) = self.records.get(&entry.id) else { continue };
            let happened = match lane {
                Lane::Adds => Some(Happened::Added),
                Lane::Ends => record.end(),
            };
            // A job of whose end is to be told is not retried before, so it has ended. The add handler is not told instead.
            let Some(happened) = happened else {
                tracing::error!(job = %entry.id, "a notice tells of the end of a job that has not ended; it is left out");
                continue;
            };
            let (attempt, origin) = (record.life.attempt, record.origin.clone());
            notices.push(ClaimedNotice { number, id: entry.id, happened, attempt, tries: entry.tries, origin });
        }
        ClaimedNotices { notices, left: self.ends.outbox.left(lane, now) }
    }

    pub(in super::super) fn settle_notice(&mut self, number: NoticeNumber, telling: Telling, now: Timestamp) {
        match telling {
            Telling::Done => self.finish_notice(number, None, now),
            Telling::PutOff(until) => self.put_off(number, until, None, now),
            Telling::Failed { problem, next_try_at } => {
                let problem = Problem { details: None, ..problem };
                match next_try_at {
                    Some(until) => self.put_off(number, until, Some(problem.into()), now),
                    None => self.finish_notice(number, Some(problem), now),
                }
            }
        }
    }

    #[cfg(any(test, feature = "conformance"))]
    pub(in super::super) fn give_back(&mut self, number: NoticeNumber) {
        self.ends.outbox.give_back(number);
    }

    fn put_off(&mut self, number: NoticeNumber, until: Timestamp, problem: Option<Box<Problem>>, now: Timestamp) {
        let Some((lane, deferred)) = self.ends.outbox.put_off(number, until, problem) else { return };
        // From now on the job's retention may end before the callback is delivered.
        if let Some(id) = deferred
            && let Some(record) = self.records.get(&id)
        {
            self.ends.retain(id, record);
        }
        self.tell(Hint::Callback(lane, Left::due_at(until, now)));
    }

    /// Removes a notice; with a problem it was given up.
    pub(super) fn finish_notice(&mut self, number: NoticeNumber, given_up: Option<Problem>, now: Timestamp) {
        let Some(entry) = self.ends.outbox.remove(number) else { return };
        let Some(record) = self.records.get_mut(&entry.id) else { return };
        if let Some(problem) = given_up {
            self.ends.give_up(record, &entry, problem);
        }
        if let Due::AddedThenEnd(_) = record.due {
            record.due = Due::End(self.ends.outbox.put(entry.id, Lane::Ends));
            self.ends.parked -= 1;
            return self.tell(Hint::Callback(Lane::Ends, Left::Ready));
        }
        record.due = Due::Nothing;
        let mut released = Left::Nothing;
        if let Ok(life) = step(&record.life, Step::Release, now) {
            record.life = life;
            if let State::Waiting { run_at, .. } = record.life.state {
                record.spot = self.line.enter(entry.id, record.priority, run_at, now);
                self.held -= 1;
                released = Left::due_at(run_at, now);
            }
        }
        self.ends.let_go(entry.id, record);
        self.tell(Hint::Ready(released));
    }
}
