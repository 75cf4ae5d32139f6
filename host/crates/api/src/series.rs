//! What tasks did in the last hours, summed up from the steps that their queues remember.

use std::time::Duration;

use saggar_job::Timestamp;
use saggar_queue::{Activity, PastStep, Quantiles, TaskQueue};
use saggar_wire as wire;

use crate::rfc3339;

/// The most steps: as many as a queue remembers.
const MAX_STEPS: u64 = 720;

/// Milliseconds of a step.
const STEP_MS: u64 = PastStep::SECONDS * 1_000;

/// A series that is being summed up.
pub(crate) struct SummedSeries {
    /// The number of the first step.
    first: u64,
    from: Timestamp,
    done: Vec<Activity>,
    times: Vec<Option<Quantiles>>,
    delays: Vec<Option<Quantiles>>,
}

impl SummedSeries {
    /// Creates a series that ends `now`, which is `elapsed` after the point from which steps are numbered. It begins with the
    /// step that has the time `from`, or as early as it may.
    pub(crate) fn new(now: Timestamp, elapsed: Duration, from: Option<Timestamp>) -> Self {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let last = elapsed_ms / STEP_MS;
        let before = from.map_or(u64::MAX, |from| {
            let begun_ms = elapsed_ms % STEP_MS;
            let age_ms = now.0.saturating_sub(from.0);
            age_ms.saturating_sub(begun_ms).div_ceil(STEP_MS)
        });
        let first = last.saturating_sub(before.min(MAX_STEPS - 1));
        let length = (last - first + 1) as usize;
        Self {
            first,
            from: Timestamp(now.0.saturating_sub(elapsed_ms - first * STEP_MS)),
            done: vec![Activity::default(); length],
            times: vec![None; length],
            delays: vec![None; length],
        }
    }

    /// Adds what a task did. Percentiles are those of the task that was added last.
    pub(crate) fn add(&mut self, queue: &TaskQueue) {
        queue.counters().past(self.first, |past| {
            // Another step may have begun.
            let Some(at) = past.step.checked_sub(self.first).map(|at| at as usize) else { return };
            let Some(done) = self.done.get_mut(at) else { return };
            *done = sum(done, &past.done);
            (self.times[at], self.delays[at]) = (past.attempt_times, past.start_delays);
        });
    }

    /// Returns the series, with percentiles if it is of one task.
    pub(crate) fn finish(self, is_of_one: bool) -> wire::Series {
        let each = |count: fn(&Activity) -> u64| self.done.iter().map(count).collect();
        wire::Series {
            from: rfc3339::write(self.from),
            step_ms: STEP_MS,
            added: each(|done| done.added),
            started: each(|done| done.started),
            succeeded: each(|done| done.succeeded),
            failed: each(|done| done.failed),
            retried: each(|done| done.retried),
            duration_ms: is_of_one.then(|| percentiles(&self.times)),
            start_delay_ms: is_of_one.then(|| percentiles(&self.delays)),
        }
    }
}

fn sum(a: &Activity, b: &Activity) -> Activity {
    Activity {
        added: a.added + b.added,
        started: a.started + b.started,
        succeeded: a.succeeded + b.succeeded,
        failed: a.failed + b.failed,
        retried: a.retried + b.retried,
    }
}

fn percentiles(steps: &[Option<Quantiles>]) -> wire::PercentileSeries {
    let each = |of: fn(&Quantiles) -> f32| steps.iter().map(|step| step.as_ref().map(of).map(rounded)).collect();
    wire::PercentileSeries { p50: each(|step| step.p50), p95: each(|step| step.p95), p99: each(|step| step.p99) }
}

/// Returns milliseconds without the digits that are not accurate anyway.
fn rounded(ms: f32) -> f64 {
    (f64::from(ms) * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_begins_with_the_step_that_has_the_time() {
        let now = Timestamp(1_000_000_000);
        let series = |elapsed_s: u64, ago_ms: Option<u64>| {
            let from = ago_ms.map(|ago| Timestamp(now.0 - ago));
            let series = SummedSeries::new(now, Duration::from_secs(elapsed_s), from);
            (series.done.len(), now.0 - series.from.0)
        };
        // The process began 25 seconds ago.
        assert_eq!(series(25, None), (3, 25_000));
        assert_eq!(series(25, Some(0)), (1, 5_000));
        assert_eq!(series(25, Some(5_000)), (1, 5_000));
        assert_eq!(series(25, Some(5_001)), (2, 15_000));
        assert_eq!(series(25, Some(900_000)), (3, 25_000));
        assert_eq!(series(100_000, None), (720, 7_190_000));
        assert_eq!(series(100_000, Some(60_000)), (7, 60_000));
    }
}
