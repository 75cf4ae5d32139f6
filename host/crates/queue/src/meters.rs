//! Metrics of the queue, for the recorder of the `metrics` facade. Stores and counters know depths and totals anyway,
//! so these are updated on request ([`Queue::measure`](crate::Queue::measure)). What is measured per job or per commit
//! goes to handles that are created once. Without a recorder the handles do nothing.

use std::sync::{Arc, OnceLock};

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
const RETAINED: &str = "saggar_jobs_retained";
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
    describe_gauge!(RETAINED, "Ended jobs that are stored, by task and status");
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

/// The label that tells series apart.
pub type SeriesLabel = (&'static str, Arc<str>);

/// Returns the label of a task's series. The tasks of a configured tenant share the series of the tenant: it chooses how
/// many tasks it has and what they are called, and the operator chooses the tenants.
pub fn series_label(task: &TaskKey) -> SeriesLabel {
    match is_configured(&task.tenant) {
        true => ("tenant", task.tenant.clone()),
        false => ("task", task.task.clone()),
    }
}

/// Returns whether a tenant is one of several, and not that of a host with one app.
pub(crate) fn is_configured(tenant: &str) -> bool {
    tenant != TaskKey::DEFAULT_TENANT
}

/// Returns the histogram of the time that the jobs of `task` wait to start.
pub(crate) fn start_delay(task: &TaskKey) -> Histogram {
    let (name, value) = series_label(task);
    histogram!(START_DELAY, name => value)
}

/// Updates the gauge of event streams.
pub(crate) fn measure_followers(followers: usize) {
    gauge!(FOLLOWERS).set(followers as f64);
}

/// Updates the gauge of the bytes that the jobs of all tasks take.
pub(crate) fn measure_kept(bytes: u64) {
    gauge!(ALL_KEPT_BYTES).set(bytes as f64);
}

/// The series of one task, or of a tenant, that are updated on request. They are created once and then used without a lookup in the
/// recorder, because a host may have thousands of tasks.
#[derive(Default)]
pub(crate) struct Measured(OnceLock<MeasuredSeries>);

struct MeasuredSeries {
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

impl MeasuredSeries {
    fn new((name, value): SeriesLabel) -> Self {
        let value = || value.clone();
        let ended = |outcome: &'static str| counter!(JOBS, name => value(), "outcome" => outcome);
        Self {
            queued: ["waiting", "delayed", "on-hold", "running"]
                .map(|state| gauge!(QUEUED, name => value(), "state" => state)),
            kept: ["success", "failure"].map(|status| gauge!(RETAINED, name => value(), "status" => status)),
            kept_bytes: gauge!(KEPT_BYTES, name => value()),
            oldest: gauge!(OLDEST, name => value()),
            paused: gauge!(PAUSED, name => value()),
            callbacks: gauge!(PENDING, name => value()),
            given_up: gauge!(GIVEN_UP, name => value()),
            added: counter!(ADDED, name => value()),
            started: counter!(STARTED, name => value()),
            succeeded: ended("success"),
            failed: FailureKind::ALL.map(|reason| ended(reason.name())),
            attempts: Ending::ALL.map(|ending| counter!(ATTEMPTS, name => value(), "outcome" => ending.name())),
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

/// Updates the series of a task, or of a tenant, at `now`.
pub(crate) fn measure(label: impl FnOnce() -> SeriesLabel, measured: &Measured, sums: &Sums, now: Timestamp) {
    let series = measured.0.get_or_init(|| MeasuredSeries::new(label()));
    series.set_counts(&sums.counts, now);
    series.set_totals(&sums.totals);
}

/// What is measured of a task, or of all tasks of a tenant.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) counts: Counts,
    pub(crate) totals: Totals,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts = self.counts.plus(&other.counts);
        self.totals.add(&other.totals);
    }
}
