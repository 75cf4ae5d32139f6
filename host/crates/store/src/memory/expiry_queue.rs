//! Ended jobs that retention may remove, in the order of their ends.

use std::collections::{BTreeSet, VecDeque};

use saggar_job::{JobId, Timestamp};

/// Ended jobs of one kind. A job that is retried or deleted leaves a stale entry, which is detected when it is
/// taken. It costs a few bytes until the retention that it was made for is over.
#[derive(Default)]
pub(super) struct ExpiryQueue {
    in_order: VecDeque<(Timestamp, JobId)>,
    /// Entries added after others with a later end: their callbacks had to be delivered first, or the clock went back.
    late: BTreeSet<(Timestamp, JobId)>,
}

impl ExpiryQueue {
    pub(super) fn put(&mut self, id: JobId, ended_at: Timestamp) {
        match self.in_order.back() {
            Some((last, _)) if *last > ended_at => drop(self.late.insert((ended_at, id))),
            _ => self.in_order.push_back((ended_at, id)),
        }
    }

    /// Returns the end time of the next entry.
    pub(super) fn first_ended_at(&self) -> Option<Timestamp> {
        self.late.first().or_else(|| self.in_order.front()).map(|(ended_at, _)| *ended_at)
    }

    /// Removes and returns an entry whose job ended at least `retention_ms` ago, with the time of that end.
    pub(super) fn take_due(&mut self, retention_ms: u64, now: Timestamp) -> Option<(Timestamp, JobId)> {
        let is_due = |ended_at: Timestamp| ended_at.plus_ms(retention_ms) <= now;
        if self.late.first().is_some_and(|(ended_at, _)| is_due(*ended_at)) {
            return self.late.pop_first();
        }
        self.in_order.pop_front_if(|(ended_at, _)| is_due(*ended_at))
    }
}
