//! How much a task does: totals since the start, and rates over the last minute. Costs a job a few relaxed additions;
//! once a second somebody also notes the totals.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use saggar_job::{Ending, Reason, Timestamp};

use crate::totals::Endings;
use crate::{LostAtOpen, Totals};

/// How many seconds a rate looks back.
const WINDOW_SECONDS: u64 = 60;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Added,
    Started,
    Succeeded,
    Failed,
    Retried,
}

/// How often each was counted.
type Noted = [u64; 5];

/// How often something happened.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// Since the process began.
    pub total: u64,
    /// How often in a second, over the last minute, or since the process began if that is later.
    pub per_second: f64,
}

/// How much a task does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Jobs added.
    pub added: Rate,
    /// Attempts begun.
    pub started: Rate,
    /// Jobs that ended well.
    pub succeeded: Rate,
    /// Jobs that ended otherwise.
    pub failed: Rate,
    /// Failed attempts that are followed by another one.
    pub retried: Rate,
}

/// The counters of one task.
#[derive(Debug)]
pub(crate) struct Tally {
    totals: [AtomicU64; 5],
    /// What did not end well, in detail.
    pub(crate) endings: Endings,
    /// The second of the latest note.
    noted: AtomicU64,
    /// The totals at the beginnings of the seconds in which something happened, oldest first.
    notes: Mutex<VecDeque<(u64, Noted)>>,
}

impl Tally {
    pub(crate) fn new(now: Timestamp) -> Self {
        let second = second_of(now);
        Self {
            totals: Default::default(),
            endings: Endings::default(),
            noted: AtomicU64::new(second),
            notes: Mutex::new(VecDeque::from([(second, Noted::default())])),
        }
    }

    pub(crate) fn count(&self, what: Counted, number: u64, now: Timestamp) {
        let second = second_of(now);
        if second > self.noted.load(Ordering::Relaxed) {
            self.note(second);
        }
        self.totals[what as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// Counts what a dead process left running.
    pub(crate) fn count_lost(&self, LostAtOpen { attempts, jobs }: LostAtOpen, now: Timestamp) {
        self.count(Counted::Failed, jobs, now);
        self.count(Counted::Retried, attempts.saturating_sub(jobs), now);
        self.endings.count(Ending::Lost, attempts, Reason::Lost, jobs);
    }

    pub(crate) fn totals(&self) -> Totals {
        let [added, started, succeeded, ..] = self.noted();
        let mut totals = Totals { added, started, succeeded, ..Totals::default() };
        self.endings.add_to(&mut totals);
        totals
    }

    pub(crate) fn rates(&self, now: Timestamp) -> Rates {
        let (totals, since) = (self.noted(), second_of(now).saturating_sub(WINDOW_SECONDS));
        let notes = self.notes.lock();
        // The totals at a moment are those of the first note from then on, for nothing happened between the two.
        let before = notes.iter().find(|(second, _)| *second >= since).map_or(totals, |(_, totals)| *totals);
        let began = notes.front().map_or(since, |(second, _)| *second).max(since);
        let seconds = second_of(now).saturating_sub(began).clamp(1, WINDOW_SECONDS);
        let rate = |what: Counted| {
            let (total, before) = (totals[what as usize], before[what as usize]);
            Rate { total, per_second: total.saturating_sub(before) as f64 / seconds as f64 }
        };
        Rates {
            added: rate(Counted::Added),
            started: rate(Counted::Started),
            succeeded: rate(Counted::Succeeded),
            failed: rate(Counted::Failed),
            retried: rate(Counted::Retried),
        }
    }

    /// Notes the totals at the beginning of `second`. What others count at this very moment may fall to either side.
    #[cold]
    fn note(&self, second: u64) {
        let mut notes = self.notes.lock();
        if second <= self.noted.load(Ordering::Relaxed) {
            return;
        }
        notes.push_back((second, self.noted()));
        self.noted.store(second, Ordering::Relaxed);
        // One older note stays: it says when the window's first second began.
        while notes.get(1).is_some_and(|(old, _)| old + WINDOW_SECONDS < second) {
            notes.pop_front();
        }
    }

    fn noted(&self) -> Noted {
        self.totals.each_ref().map(|total| total.load(Ordering::Relaxed))
    }
}

fn second_of(now: Timestamp) -> u64 {
    now.0 / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp(1_000_000 + second * 1_000)
    }

    #[test]
    fn a_rate_looks_back_a_minute_and_a_total_for_ever() {
        let tally = Tally::new(at(0));
        for second in 0..100 {
            tally.count(Counted::Added, 3, at(second));
        }
        tally.count(Counted::Failed, 6, at(99));
        let Rates { added, failed, retried, .. } = tally.rates(at(100));
        assert_eq!(added, Rate { total: 300, per_second: 3.0 });
        assert_eq!(failed, Rate { total: 6, per_second: 0.1 });
        assert_eq!(retried, Rate::default());
        assert_eq!(tally.rates(at(129)).added, Rate { total: 300, per_second: 93.0 / 60.0 });
        assert_eq!(tally.rates(at(999)).added, Rate { total: 300, per_second: 0.0 });
    }

    #[test]
    fn a_young_task_is_not_taken_for_a_slow_one() {
        let tally = Tally::new(at(0));
        assert_eq!(tally.rates(at(0)), Rates::default());
        tally.count(Counted::Started, 8, at(0));
        assert_eq!(tally.rates(at(0)).started.per_second, 8.0);
        assert_eq!(tally.rates(at(4)).started.per_second, 2.0);
    }

    #[test]
    fn notes_are_bounded_and_a_clock_that_goes_back_does_no_harm() {
        let tally = Tally::new(at(50));
        tally.count(Counted::Added, 1, at(10));
        (0..1_000).for_each(|second| tally.count(Counted::Added, 1, at(second)));
        assert!(tally.notes.lock().len() <= 62);
        assert_eq!(tally.rates(at(1_000)).added, Rate { total: 1_001, per_second: 1.0 });
        assert_eq!(tally.rates(at(3)).added.total, 1_001);
    }
}
