//! The model: what the design says of a task's jobs, as simply as it can be said.

use std::collections::BTreeMap;

use saggar_job::{Outcome, Problem, Status};
use saggar_queue::{End, Rules};

/// What the design says of a job.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) stands: Stands,
    pub(super) run_at: u64,
    pub(super) priority: i16,
    /// Since when it stands in the line, as a count of all such moments; none while it does not.
    pub(super) place: Option<u64>,
    /// When it came to wait for its time, as such a count; while it runs, the place that it was claimed from.
    pub(super) entered: u64,
    pub(super) attempt: u32,
    pub(super) run: u64,
    pub(super) added_notice: bool,
    pub(super) end_notice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stands {
    Held,
    Waits,
    Runs { cancelling: bool },
    Succeeded { at: u64 },
    Failed { at: u64 },
}

pub(super) struct Model {
    pub(super) jobs: BTreeMap<u64, Expected>,
    pub(super) highest: u64,
    pub(super) locations: u64,
    pub(super) now: u64,
    pub(super) rules: Rules,
    pub(super) paused: bool,
}

impl Model {
    pub(super) fn waiting(&self) -> usize {
        self.jobs.values().filter(|job| matches!(job.stands, Stands::Held | Stands::Waits)).count()
    }

    /// How many jobs are ready or on hold, and how many wait for their time, after those that are due have taken their
    /// places.
    pub(super) fn ready_and_delayed(&mut self) -> (usize, usize) {
        self.promote();
        let delayed = self.jobs.values().filter(|job| job.stands == Stands::Waits && job.place.is_none()).count();
        (self.waiting() - delayed, delayed)
    }

    /// The first of the line, after those that are due have taken their places in it.
    pub(super) fn first(&mut self) -> Option<u64> {
        if self.paused {
            return None;
        }
        self.promote();
        let line = self.jobs.iter().filter_map(|(id, job)| Some((-i32::from(job.priority), job.place?, *id)));
        line.min().map(|(_, _, id)| id)
    }

    fn promote(&mut self) {
        let mut due: Vec<_> = self.jobs.iter_mut().filter(|(_, job)| job.stands == Stands::Waits).collect();
        due.retain(|(_, job)| job.place.is_none() && job.run_at <= self.now);
        due.sort_by_key(|(_, job)| (job.run_at, job.entered));
        for (_, job) in due {
            self.locations += 1;
            job.place = Some(self.locations);
        }
    }

    pub(super) fn stand_in_line(&mut self, id: u64) {
        self.locations += 1;
        let (place, now) = (self.locations, self.now);
        let job = self.jobs.get_mut(&id).unwrap();
        job.stands = Stands::Waits;
        job.entered = place;
        job.place = (job.run_at <= now).then_some(place);
    }

    pub(super) fn end(&mut self, id: u64, success: bool) {
        let (now, rules) = (self.now, &self.rules);
        let job = self.jobs.get_mut(&id).unwrap();
        job.place = None;
        job.stands = if success { Stands::Succeeded { at: now } } else { Stands::Failed { at: now } };
        job.end_notice = if success { rules.success_handler } else { rules.error_handler };
    }

    /// Ends the running attempt; answers where the job stands then.
    pub(super) fn finish(&mut self, id: u64, how: How) -> Status {
        let now = self.now;
        let (most, delay) = (self.rules.retry.retries + 1, self.rules.retry.delay_ms);
        let job = self.jobs.get_mut(&id).unwrap();
        let cancelling = job.stands == Stands::Runs { cancelling: true };
        let again = match how {
            How::Succeed => false,
            How::Requeue => !cancelling,
            How::Retry => !cancelling && job.attempt < most,
            // The death of a host is not the job's doing, but three are.
            How::Lose => !cancelling && job.attempt < most.max(3),
            How::Reject => false,
        };
        if again {
            job.attempt -= u32::from(how == How::Requeue);
            job.run_at = now;
            if how == How::Retry {
                job.run_at += delay;
                self.stand_in_line(id);
            } else {
                // What the host cut short goes on where it was.
                (job.stands, job.place) = (Stands::Waits, Some(job.entered));
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
            Self::Retry => End::Outcome(Outcome::Retry(problem())),
            Self::Lose => End::Outcome(Outcome::Lost),
            Self::Reject => End::Outcome(Outcome::Reject(problem())),
            Self::Requeue => End::Requeue,
        }
    }
}
