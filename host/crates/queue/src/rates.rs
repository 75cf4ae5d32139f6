//! How much a task does: totals since the start, and rates over the last minute. Costs a job a few relaxed additions,
//! and once a second a sample of the totals. Seconds are elapsed ones, whatever the time of day is set to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use saggar_job::{Clock, Timestamp};

use crate::activity::{Activity, PastStep, PastSteps, Reading};
use crate::durations::Durations;
use crate::totals::Endings;
use crate::{Distribution, Totals};

/// Seconds that a rate covers.
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

/// The totals, by [`Counted`].
type Sample = [u64; 5];

/// How often something happened: a total and a rate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// Since the process began.
    pub total: u64,
    /// Per second, over the last minute, or since the task was opened if that is later.
    pub per_second: f64,
}

/// Totals and rates of one task.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Jobs added.
    pub added: Rate,
    /// Attempts started.
    pub started: Rate,
    /// Jobs that succeeded.
    pub succeeded: Rate,
    /// Jobs that failed.
    pub failed: Rate,
    /// Failed attempts that are followed by another one.
    pub retried: Rate,
}

/// The counters of one task. Reading them is cheap.
pub struct Counters {
    clock: Arc<dyn Clock>,
    totals: [AtomicU64; 5],
    /// The jobs and attempts that did not succeed, by reason and ending.
    pub(crate) endings: Endings,
    /// How long attempts took, however they ended.
    pub(crate) attempt_times: Durations,
    /// How long jobs that could start waited for their attempt.
    pub(crate) start_delays: Durations,
    /// The second of the time of day in which something was last counted. When it changes, a sample may be due.
    last_second: AtomicU64,
    /// The totals at the start of each second in which something was counted, oldest first. Never empty.
    samples: Mutex<VecDeque<(u64, Sample)>>,
    /// What was done in the last hours.
    past: Mutex<PastSteps>,
}

impl Counters {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            totals: Default::default(),
            endings: Endings::default(),
            attempt_times: Durations::default(),
            start_delays: Durations::default(),
            last_second: AtomicU64::new(second_of(clock.now())),
            samples: Mutex::new(VecDeque::from([(clock.elapsed().as_secs(), Sample::default())])),
            past: Mutex::new(PastSteps::new(clock.elapsed())),
            clock,
        }
    }

    pub(crate) fn count(&self, what: Counted, number: u64, now: Timestamp) {
        let second = second_of(now);
        if second != self.last_second.load(Ordering::Relaxed) {
            self.last_second.store(second, Ordering::Relaxed);
            self.sample(self.clock.elapsed().as_secs());
        }
        self.totals[what as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// Returns how often jobs and attempts ended in which way, since the process began.
    pub fn totals(&self) -> Totals {
        let [added, started, succeeded, ..] = self.load();
        let mut totals = Totals { added, started, succeeded, ..Totals::default() };
        self.endings.add_to(&mut totals);
        totals
    }

    /// Returns what the task has done since the process began. A few loads.
    pub fn activity(&self) -> Activity {
        let [added, started, succeeded, failed, retried] = self.load();
        Activity { added, started, succeeded, failed, retried }
    }

    /// Returns how long attempts that have ended took, since the process began; `None` if none has ended.
    pub fn attempt_times(&self) -> Option<Distribution> {
        self.attempt_times.snapshot()
    }

    /// Returns how long jobs that could start waited for the start of an attempt, since the process began; `None` if none
    /// has started.
    pub fn start_delays(&self) -> Option<Distribution> {
        self.start_delays.snapshot()
    }

    /// Calls `visit` with each step from the one with the number `from` on in which the task did something, in their order; the
    /// last one may go on.
    pub fn past(&self, from: u64, visit: impl FnMut(&PastStep)) {
        let past = self.past.lock();
        past.visit(from, &self.reading(), visit);
    }

    /// Returns the time since the point from which steps are numbered.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Returns how much the task does, since the process began and over the last minute.
    pub fn rates(&self) -> Rates {
        let second = self.clock.elapsed().as_secs();
        let (totals, since) = (self.load(), second.saturating_sub(WINDOW_SECONDS));
        let samples = self.samples.lock();
        // The totals at `since` are those of the first sample from then on, because nothing was counted in between.
        let before = samples.iter().find(|(second, _)| *second >= since).map_or(totals, |(_, totals)| *totals);
        let began = samples.front().map_or(since, |(second, _)| *second).max(since);
        let seconds = second.saturating_sub(began).clamp(1, WINDOW_SECONDS);
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

    /// Samples the totals at the start of `second`. What other threads count at the same time may fall on either side.
    #[cold]
    fn sample(&self, second: u64) {
        let mut samples = self.samples.lock();
        if samples.back().is_some_and(|(latest, _)| second <= *latest) {
            return;
        }
        samples.push_back((second, self.load()));
        // One older sample stays: it says when the window's first second began.
        while samples.get(1).is_some_and(|(old, _)| old + WINDOW_SECONDS < second) {
            samples.pop_front();
        }
        drop(samples);
        self.past.lock().advance(second, || self.reading());
    }

    fn reading(&self) -> Reading {
        let (attempt_times, start_delays) = (self.attempt_times(), self.start_delays());
        Reading { activity: self.activity(), attempt_times, start_delays }
    }

    fn load(&self) -> Sample {
        self.totals.each_ref().map(|total| total.load(Ordering::Relaxed))
    }
}

fn second_of(now: Timestamp) -> u64 {
    now.0 / 1_000
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("totals", &self.totals).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::ManualClock;

    use super::*;

    fn counters() -> (Arc<ManualClock>, Counters) {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        (clock.clone(), Counters::new(clock))
    }

    /// Counts `number` in each of `seconds` seconds.
    fn count(clock: &ManualClock, counters: &Counters, number: u64, seconds: u64) {
        for _ in 0..seconds {
            counters.count(Counted::Added, number, clock.now());
            clock.advance_ms(1_000);
        }
    }

    #[test]
    fn a_rate_covers_a_minute_and_a_total_everything() {
        let (clock, counters) = counters();
        count(&clock, &counters, 3, 99);
        counters.count(Counted::Failed, 6, clock.now());
        count(&clock, &counters, 3, 1);
        let Rates { added, failed, retried, .. } = counters.rates();
        assert_eq!(added, Rate { total: 300, per_second: 3.0 });
        assert_eq!(failed, Rate { total: 6, per_second: 0.1 });
        assert_eq!(retried, Rate::default());
        clock.advance_ms(29_000);
        assert_eq!(counters.rates().added, Rate { total: 300, per_second: 93.0 / 60.0 });
        clock.advance_ms(900_000);
        assert_eq!(counters.rates().added, Rate { total: 300, per_second: 0.0 });
    }

    #[test]
    fn the_rate_of_a_new_task_covers_only_its_lifetime() {
        let (clock, counters) = counters();
        assert_eq!(counters.rates(), Rates::default());
        counters.count(Counted::Started, 8, clock.now());
        assert_eq!(counters.rates().started.per_second, 8.0);
        clock.advance_ms(4_000);
        assert_eq!(counters.rates().started.per_second, 2.0);
    }

    #[test]
    fn setting_the_clock_changes_no_rate() {
        for set_to in [0, 1_000_000, 4_600_000, u64::MAX / 2] {
            let (clock, counters) = counters();
            count(&clock, &counters, 2, 100);
            let right = clock.now();
            clock.set(Timestamp(set_to));
            count(&clock, &counters, 2, 5);
            assert_eq!(counters.rates().added, Rate { total: 210, per_second: 2.0 }, "while the clock is wrong");
            clock.set(right.plus_ms(5_000));
            for second in 1..=90 {
                count(&clock, &counters, 2, 1);
                assert_eq!(
                    counters.rates().added,
                    Rate { total: 210 + 2 * second, per_second: 2.0 },
                    "after the clock was corrected"
                );
            }
        }
    }

    #[test]
    fn steps_say_what_was_done_when() {
        let (clock, counters) = counters();
        let first = counters.elapsed().as_secs() / PastStep::SECONDS;
        let steps = |from: u64| {
            let mut steps = Vec::new();
            counters.past(from, |past| steps.push((past.step - first, past.done.added)));
            steps
        };
        assert!(steps(0).is_empty());
        count(&clock, &counters, 1, 12);
        // A task that does nothing has no steps.
        clock.advance_ms(100_000);
        count(&clock, &counters, 5, 1);
        counters.attempt_times.count(Duration::from_millis(80));
        let sum: u64 = steps(0).iter().map(|(_, added)| added).sum();
        assert_eq!((steps(0).len(), sum), (3, 17), "{:?}", steps(0));
        assert_eq!(steps(first + 2), [(11, 5)]);
        let mut times = None;
        counters.past(first + 2, |past| times = past.attempt_times);
        let times = times.expect("an attempt was counted");
        assert!((70.0..90.0).contains(&times.p50) && times.p50 == times.p99, "{times:?}");
        count(&clock, &counters, 1, 20_000);
        assert!((720..=722).contains(&steps(0).len()), "{}", steps(0).len());
    }

    #[test]
    fn samples_are_bounded() {
        let (clock, counters) = counters();
        count(&clock, &counters, 1, 1_000);
        assert!(counters.samples.lock().len() <= 62);
        assert_eq!(counters.rates().added, Rate { total: 1_000, per_second: 1.0 });
    }
}
