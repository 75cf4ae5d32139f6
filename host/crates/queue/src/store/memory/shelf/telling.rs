//! Notices: leaving them, taking them, settling them, and what follows for their jobs.

use saggar_job::{JobId, State, Status, Step, Timestamp};

use super::super::ended::Ended;
use super::super::names::Names;
use super::super::outbox::{About, Outbox};
use super::super::record::{Due, Record};
use super::{Shelf, step};
use crate::{ClaimedNotice, ClaimedNotices, Happened, NoticeNumber, Rules, Telling, Told};

/// What is to be told, and the ended jobs of which all is told.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) outbox: Outbox,
    /// Notices of ends that wait until the notice of the adding is finished.
    pub(super) parked: usize,
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
                record.due = Due::End(self.outbox.put(id, About::End));
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
        if record.due != Due::Nothing {
            return;
        }
        match record.life.state {
            State::Success { ended_at, .. } => self.kept_success.put(id, ended_at),
            State::Failure { ended_at, .. } => self.kept_failure.put(id, ended_at),
            State::Waiting { .. } | State::Running { .. } => {}
        }
    }
}

impl Shelf {
    pub(in super::super) fn claim_notices(&mut self, most: usize, now: Timestamp) -> ClaimedNotices {
        let mut notices = Vec::new();
        while notices.len() < most
            && let Some((number, entry)) = self.ends.outbox.take(now)
        {
            let Some(record) = self.records.get(&entry.id) else { continue };
            let happened = match entry.about {
                About::Added => Some(Happened::Added),
                About::End => record.end(),
            };
            // A job of whose end is to be told is not retried before, so it has ended. The add handler is not told instead.
            let Some(happened) = happened else {
                tracing::error!(job = %entry.id, "a notice tells of the end of a job that has not ended; it is left out");
                continue;
            };
            let (attempt, origin) = (record.life.attempt, record.origin.clone());
            notices.push(ClaimedNotice { number, id: entry.id, happened, attempt, tries: entry.tries, origin });
        }
        ClaimedNotices { notices, left: self.ends.outbox.left(now) }
    }

    pub(in super::super) fn settle_notice(&mut self, number: NoticeNumber, telling: Telling, now: Timestamp) -> Told {
        let noticed = match telling {
            Telling::Done => self.finish_notice(number, now),
            Telling::PutOff(until) => {
                self.ends.outbox.put_off(number, until);
                false
            }
        };
        Told { line: self.left(), noticed }
    }

    /// Answers whether another notice of the same job can be taken now.
    pub(super) fn finish_notice(&mut self, number: NoticeNumber, now: Timestamp) -> bool {
        let Some(entry) = self.ends.outbox.remove(number) else { return false };
        let Some(record) = self.records.get_mut(&entry.id) else { return false };
        if let Due::AddedThenEnd(_) = record.due {
            record.due = Due::End(self.ends.outbox.put(entry.id, About::End));
            self.ends.parked -= 1;
            return true;
        }
        record.due = Due::Nothing;
        if let Ok(life) = step(&record.life, Step::Release, now) {
            record.life = life;
            if let State::Waiting { run_at, .. } = record.life.state {
                record.spot = self.line.enter(entry.id, record.priority, run_at, now);
                self.held -= 1;
            }
        }
        self.ends.let_go(entry.id, record);
        false
    }
}
