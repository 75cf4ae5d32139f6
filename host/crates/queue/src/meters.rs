//! Metrics of the queue, for the recorder of the `metrics` facade. Stores and counters know depths and totals anyway,
//! so these are updated on request ([`Queue::measure`](crate::Queue::measure)). What is measured per job or per commit
//! goes to handles that are created once. Without a recorder the handles do nothing.

use std::sync::OnceLock;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use saggar_job::{Ending, FailureKind, TaskKey, Timestamp};

use crate::{Counts, Totals};

const JOBS: &str = "saggar_jobs_total";
const ATTEMPTS: &str = "saggar_attempts_total";
const ADDED: &str = "saggar_jobs_added_total";
const STARTED: &str = "saggar_attempts_started_total";
const QUEUED: &str = "saggar_queue_jobs";
const OLDEST: &str = "saggar_queue_oldest_waiting_seconds";
const PAUSED: &str = "saggar_queue_paused";
const KEPT: &str = "saggar_jobs_kept";
const KEPT_BYTES: &str = "saggar_jobs_kept_bytes";
const ALL_KEPT_BYTES: &str = "saggar_store_kept_bytes";
const PENDING: &str = "saggar_callbacks_pending";
const GIVEN_UP: &str = "saggar_callbacks_given_up";
const START_DELAY: &str = "saggar_job_start_delay_seconds";
const FOLLOWERS: &str = "saggar_event_followers";

/// Describes the queue's metrics to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe_counter!(JOBS, "Ended jobs, by task and outcome");
    describe_counter!(ATTEMPTS, "Ended attempts, including those that are followed by a retry, by task and outcome");
    describe_counter!(ADDED, "Jobs added, by task");
    describe_counter!(STARTED, "Started attempts, by task");
    describe_gauge!(
        QUEUED,
        "Unfinished jobs, by task and state: waiting for a slot, delayed, on hold for their add handler, running"
    );
    describe_gauge!(OLDEST, Unit::Seconds, "How long the first job of the ready queue has waited for a slot, by task");
    describe_gauge!(PAUSED, "1 while the task is paused, else 0");
    describe_gauge!(KEPT, "Ended jobs that are stored, by task and status");
    describe_gauge!(KEPT_BYTES, Unit::Bytes, "Bytes of the stored jobs, ended ones included, by task");
    describe_gauge!(ALL_KEPT_BYTES, Unit::Bytes, "Bytes of the stored jobs of all tasks");
    describe_gauge!(PENDING, "Pending callbacks, by task");
    describe_gauge!(GIVEN_UP, "Callbacks that were given up and can be redelivered, by task");
    describe_histogram!(
        START_DELAY,
        Unit::Seconds,
        "From the time when a job could start to the start of its attempt, by task"
    );
    describe_gauge!(FOLLOWERS, "Open event streams");
}

/// Returns the histogram of the time that the jobs of `task` wait to start.
pub(crate) fn start_delay(task: &TaskKey) -> Histogram {
    histogram!(START_DELAY, "task" => task.task.to_string())
}

/// Updates the gauge of event streams.
pub(crate) fn measure_followers(followers: usize) {
    gauge!(FOLLOWERS).set(followers as f64);
}

/// Updates the gauge of the bytes that the jobs of all tasks take.
pub(crate) fn measure_kept(bytes: u64) {
    gauge!(ALL_KEPT_BYTES).set(bytes as f64);
}

/// The series of one task that are updated on request. They are created once and then used without a lookup in the
/// recorder, because a host may have thousands of tasks.
#[derive(Default)]
pub(crate) struct Measured(OnceLock<TaskSeries>);

struct TaskSeries {
    queued: [Gauge; 4],
    kept: [Gauge; 2],
    kept_bytes: Gauge,
    oldest: Gauge,
    paused: Gauge,
    callbacks: Gauge,
    given_up: Gauge,
    added: Counter,
    started: Counter,
    succeeded: Counter,
    failed: [Counter; FailureKind::ALL.len()],
    attempts: [Counter; Ending::ALL.len()],
}

impl TaskSeries {
    fn new(task: &TaskKey) -> Self {
        let task = || task.task.to_string();
        let ended = |outcome: &'static str| counter!(JOBS, "task" => task(), "outcome" => outcome);
        Self {
            queued: ["waiting", "delayed", "on-hold", "running"]
                .map(|state| gauge!(QUEUED, "task" => task(), "state" => state)),
            kept: ["success", "failure"].map(|status| gauge!(KEPT, "task" => task(), "status" => status)),
            kept_bytes: gauge!(KEPT_BYTES, "task" => task()),
            oldest: gauge!(OLDEST, "task" => task()),
            paused: gauge!(PAUSED, "task" => task()),
            callbacks: gauge!(PENDING, "task" => task()),
            given_up: gauge!(GIVEN_UP, "task" => task()),
            added: counter!(ADDED, "task" => task()),
            started: counter!(STARTED, "task" => task()),
            succeeded: ended("success"),
            failed: FailureKind::ALL.map(|reason| ended(reason.name())),
            attempts: Ending::ALL.map(|ending| counter!(ATTEMPTS, "task" => task(), "outcome" => ending.name())),
        }
    }

    fn set_counts(&self, counts: &Counts, now: Timestamp) {
        let Counts {
            waiting,
            delayed,
            on_hold,
            running,
            success,
            failure,
            callbacks,
            given_up,
            bytes,
            paused,
            first_ready_at,
            ..
        } = *counts;
        let ready = waiting.saturating_sub(delayed).saturating_sub(on_hold);
        let set = |gauges: &[Gauge], values: &[usize]| {
            gauges.iter().zip(values).for_each(|(gauge, value)| gauge.set(*value as f64));
        };
        set(&self.queued, &[ready, delayed, on_hold, running]);
        set(&self.kept, &[success, failure]);
        self.kept_bytes.set(bytes as f64);
        self.oldest.set(first_ready_at.map_or(0.0, |since| now.since(since).as_secs_f64()));
        self.paused.set(if paused { 1.0 } else { 0.0 });
        self.callbacks.set(callbacks as f64);
        self.given_up.set(given_up as f64);
    }

    fn set_totals(&self, totals: &Totals) {
        self.added.absolute(totals.added);
        self.started.absolute(totals.started);
        self.succeeded.absolute(totals.succeeded());
        for (counter, reason) in self.failed.iter().zip(FailureKind::ALL) {
            counter.absolute(totals.failed(reason));
        }
        for (counter, ending) in self.attempts.iter().zip(Ending::ALL) {
            counter.absolute(totals.attempts(ending));
        }
    }
}

/// Updates the series of a task at `now`.
pub(crate) fn measure(task: &TaskKey, measured: &Measured, counts: &Counts, totals: &Totals, now: Timestamp) {
    let series = measured.0.get_or_init(|| TaskSeries::new(task));
    series.set_counts(counts, now);
    series.set_totals(totals);
}
