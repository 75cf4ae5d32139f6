//! The model: the behavior that the design defines for a task's jobs, as simple as possible.

use std::collections::BTreeMap;

use saggar_job::{Failure, FailureKind, Outcome, Problem, Status};
use saggar_queue::{End, Rules};

/// A job, as the design defines it.
#[derive(Debug, Clone)]
pub(super) struct ExpectedJob {
    pub(super) state: Expected,
    pub(super) run_at: u64,
    pub(super) priority: i16,
    /// Its position in the ready queue, from a counter of all positions; `None` if it is not in it.
    pub(super) position: Option<u64>,
    /// When it started to wait for its time, from the same counter. While it runs: the position that it was claimed
    /// from.
    pub(super) entered: u64,
    pub(super) attempt: u32,
    pub(super) run: u64,
    pub(super) add_callback: bool,
    pub(super) end_callback: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Expected {
    OnHold,
    Waiting,
    Running { cancelling: bool },
    Succeeded { at: u64 },
    Failed { at: u64 },
}

pub(super) struct Model {
    pub(super) jobs: BTreeMap<u64, ExpectedJob>,
    pub(super) highest: u64,
    pub(super) last_position: u64,
    pub(super) now: u64,
    pub(super) rules: Rules,
    pub(super) paused: bool,
}

impl Model {
    pub(super) fn waiting(&self) -> usize {
        self.jobs.values().filter(|job| matches!(job.state, Expected::OnHold | Expected::Waiting)).count()
    }

    /// Returns how many jobs are ready or on hold, and how many are delayed, after promoting those that are due.
    pub(super) fn ready_and_delayed(&mut self) -> (usize, usize) {
        self.promote();
        let delayed = self.jobs.values().filter(|job| job.state == Expected::Waiting && job.position.is_none()).count();
        (self.waiting() - delayed, delayed)
    }

    /// Returns the first job of the ready queue, after promoting those that are due.
    pub(super) fn first(&mut self) -> Option<u64> {
        if self.paused {
            return None;
        }
        self.promote();
        let ready = self.jobs.iter().filter_map(|(id, job)| Some((-i32::from(job.priority), job.position?, *id)));
        ready.min().map(|(_, _, id)| id)
    }

    fn promote(&mut self) {
        let mut due: Vec<_> = self.jobs.iter_mut().filter(|(_, job)| job.state == Expected::Waiting).collect();
        due.retain(|(_, job)| job.position.is_none() && job.run_at <= self.now);
        due.sort_by_key(|(_, job)| (job.run_at, job.entered));
        for (_, job) in due {
            self.last_position += 1;
            job.position = Some(self.last_position);
        }
    }

    pub(super) fn enqueue(&mut self, id: u64) {
        self.last_position += 1;
        let (position, now) = (self.last_position, self.now);
        let job = self.jobs.get_mut(&id).unwrap();
        job.state = Expected::Waiting;
        job.entered = position;
        job.position = (job.run_at <= now).then_some(position);
    }

    pub(super) fn end(&mut self, id: u64, success: bool) {
        let (now, rules) = (self.now, &self.rules);
        let job = self.jobs.get_mut(&id).unwrap();
        job.position = None;
        job.state = if success { Expected::Succeeded { at: now } } else { Expected::Failed { at: now } };
        job.end_callback = if success { rules.success_handler } else { rules.error_handler };
    }

    /// Ends the running attempt; returns the status of the job then.
    pub(super) fn finish(&mut self, id: u64, how: How) -> Status {
        let now = self.now;
        let (most, delay) = (self.rules.retry.retries + 1, self.rules.retry.delay_ms);
        let job = self.jobs.get_mut(&id).unwrap();
        let cancelling = job.state == Expected::Running { cancelling: true };
        let again = match how {
            How::Succeed => false,
            How::Requeue => !cancelling,
            How::Retry => !cancelling && job.attempt < most,
            // The death of one host is not the job's fault, but that of three hosts is.
            How::Lose => !cancelling && job.attempt < most.max(3),
            How::Reject => false,
        };
        if again {
            job.attempt -= u32::from(how == How::Requeue);
            job.run_at = now;
            if how == How::Retry {
                job.run_at += delay;
                self.enqueue(id);
            } else {
                // A job whose attempt the host interrupted continues at its earlier position.
                (job.state, job.position) = (Expected::Waiting, Some(job.entered));
            }
            return Status::Waiting;
        }
        self.end(id, how == How::Succeed);
        if how == How::Succeed { Status::Success } else { Status::Failure }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    Succeed,
    Retry,
    Lose,
    Reject,
    Requeue,
}

impl How {
    pub(super) fn end(self) -> End {
        let problem = || Problem::new("odd", "it is odd");
        match self {
            Self::Succeed => End::Outcome(Outcome::Success("7".into())),
            Self::Retry => End::Outcome(Outcome::failure(FailureKind::Failed, problem())),
            Self::Lose => End::Outcome(Outcome::Failure(Failure::lost())),
            Self::Reject => End::Outcome(Outcome::failure(FailureKind::Rejected, problem())),
            Self::Requeue => End::Requeue,
        }
    }
}
