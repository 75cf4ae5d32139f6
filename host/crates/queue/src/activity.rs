//! What a task has done: totals, and the last two hours in steps. A step costs a task some memory only if it did something in it,
//! and nothing is done for a step while nothing is counted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::durations::Distribution;

/// Steps that are remembered: two hours.
const STEPS: u64 = 720;

/// What a task has done since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Jobs added.
    pub added: u64,
    /// Attempts started.
    pub started: u64,
    /// Jobs that succeeded.
    pub succeeded: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Failed attempts that are followed by another one.
    pub retried: u64,
}

impl Activity {
    /// Returns what was done since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            added: self.added.saturating_sub(earlier.added),
            started: self.started.saturating_sub(earlier.started),
            succeeded: self.succeeded.saturating_sub(earlier.succeeded),
            failed: self.failed.saturating_sub(earlier.failed),
            retried: self.retried.saturating_sub(earlier.retried),
        }
    }
}

/// What a task did in a step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastStep {
    /// Its number: how many steps there were before it since the clock's fixed point.
    pub step: u64,
    /// What was done in it.
    pub done: Activity,
    /// How long the attempts took that ended in it; `None` if none did.
    pub attempt_times: Option<Quantiles>,
    /// How long the jobs waited that started in it; `None` if none did.
    pub start_delays: Option<Quantiles>,
}

/// Durations in milliseconds that half, 95 and 99 of a hundred do not exceed, accurate to about an eighth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// Half of them are not longer.
    pub p50: f32,
    /// 95 of a hundred are not longer.
    pub p95: f32,
    /// 99 of a hundred are not longer.
    pub p99: f32,
}

impl PastStep {
    /// The seconds of a step.
    pub const SECONDS: u64 = 10;

    fn between(step: u64, earlier: &Reading, later: &Reading) -> Option<Self> {
        let done = later.activity.since(&earlier.activity);
        let times = |later: &Option<Distribution>, earlier: &Option<Distribution>| {
            Quantiles::of(&later.as_ref()?.since(earlier.as_ref()))
        };
        (done != Activity::default()).then(|| Self {
            step,
            done,
            attempt_times: times(&later.attempt_times, &earlier.attempt_times),
            start_delays: times(&later.start_delays, &earlier.start_delays),
        })
    }
}

impl Quantiles {
    fn of(counted: &Distribution) -> Option<Self> {
        let of = |share: f64| Some(counted.quantile(share)?.as_secs_f32() * 1_000.0);
        Some(Self { p50: of(0.5)?, p95: of(0.95)?, p99: of(0.99)? })
    }
}

/// What was counted since the process began, as of one time.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) activity: Activity,
    pub(crate) attempt_times: Option<Distribution>,
    pub(crate) start_delays: Option<Distribution>,
}

/// The steps in which a task did something.
pub(crate) struct PastSteps {
    ended: VecDeque<PastStep>,
    /// The number of the step that goes on, or after which nothing was counted, …
    current: u64,
    /// … and what had been counted when it began.
    before: Reading,
}

impl PastSteps {
    /// Creates the steps of a task that has done nothing until `elapsed`.
    pub(crate) fn new(elapsed: Duration) -> Self {
        let current = elapsed.as_secs() / PastStep::SECONDS;
        Self { ended: VecDeque::new(), current, before: Reading::default() }
    }

    /// Begins the step of `second`, unless it goes on. Call it before anything is counted in a new second.
    pub(crate) fn advance(&mut self, second: u64, read: impl FnOnce() -> Reading) {
        let step = second / PastStep::SECONDS;
        if step <= self.current {
            return;
        }
        let now = read();
        self.ended.extend(PastStep::between(self.current, &self.before, &now));
        while self.ended.front().is_some_and(|first| first.step + STEPS < step) {
            self.ended.pop_front();
        }
        (self.current, self.before) = (step, now);
    }

    /// Visits the steps from the one with the number `from` on. `now` is what was counted until now.
    pub(crate) fn visit(&self, from: u64, now: &Reading, mut visit: impl FnMut(&PastStep)) {
        let current = PastStep::between(self.current, &self.before, now);
        self.ended.iter().chain(&current).filter(|past| past.step >= from).for_each(&mut visit);
    }
}
