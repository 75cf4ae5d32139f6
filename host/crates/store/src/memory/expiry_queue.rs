//! Ended jobs of which nothing is to be told any more, in the order of their ends, for retention.

use std::collections::{BTreeSet, VecDeque};

use saggar_job::{JobId, Timestamp};

/// Ended jobs of one kind. A job that is retried or deleted leaves its entry behind, for whoever takes it to find stale:
/// it costs a few bytes until the retention that it was made for is over.
#[derive(Default)]
pub(super) struct ExpiryQueue {
    in_order: VecDeque<(Timestamp, JobId)>,
    /// Those that came after others that ended later: they had to be told first, or the clock went back.
    late: BTreeSet<(Timestamp, JobId)>,
}

impl ExpiryQueue {
    pub(super) fn put(&mut self, id: JobId, ended_at: Timestamp) {
        match self.in_order.back() {
            Some((last, _)) if *last > ended_at => drop(self.late.insert((ended_at, id))),
            _ => self.in_order.push_back((ended_at, id)),
        }
    }

    /// When the job ended that is taken next.
    pub(super) fn first_ended_at(&self) -> Option<Timestamp> {
        self.late.first().or_else(|| self.in_order.front()).map(|(ended_at, _)| *ended_at)
    }

    /// Takes a job that ended at least `retention_ms` ago, with the moment of that end.
    pub(super) fn take_due(&mut self, retention_ms: u64, now: Timestamp) -> Option<(Timestamp, JobId)> {
        let is_due = |ended_at: Timestamp| ended_at.plus_ms(retention_ms) <= now;
        if self.late.first().is_some_and(|(ended_at, _)| is_due(*ended_at)) {
            return self.late.pop_first();
        }
        self.in_order.pop_front_if(|(ended_at, _)| is_due(*ended_at))
    }
}
