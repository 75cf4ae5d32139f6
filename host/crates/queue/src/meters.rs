//! What the queue tells the recorder of the `metrics` facade. Depths and totals are known to stores and tallies anyway and
//! are handed over when somebody looks ([`Queue::measure`](crate::Queue::measure)); what is measured job by job or commit by
//! commit goes to handles that are made once. Without a recorder the handles do nothing.

use std::sync::OnceLock;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use saggar_job::{Ending, Reason, TaskKey, Timestamp};

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

/// Describes what the queue measures to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe_counter!(JOBS, "Jobs that ended, by task and outcome");
    describe_counter!(ATTEMPTS, "Attempts that ended, those that are tried again included, by task and outcome");
    describe_counter!(ADDED, "Jobs added, by task");
    describe_counter!(STARTED, "Attempts begun, by task");
    describe_gauge!(
        QUEUED,
        "Jobs that are not over, by task and state: waiting for a slot, delayed, on hold for their add handler, running"
    );
    describe_gauge!(OLDEST, Unit::Seconds, "How long the first job of the line has waited for a slot, by task");
    describe_gauge!(PAUSED, "1 while no attempt of the task may begin, else 0");
    describe_gauge!(KEPT, "Jobs that are over and kept, by task and status");
    describe_gauge!(KEPT_BYTES, Unit::Bytes, "Bytes that the jobs kept take, ended ones included, by task");
    describe_gauge!(ALL_KEPT_BYTES, Unit::Bytes, "Bytes that the jobs kept of all tasks take");
    describe_gauge!(PENDING, "Ends and adds that a handler is still to be told of, by task");
    describe_gauge!(GIVEN_UP, "Callbacks that were given up and can be redelivered, by task");
    describe_histogram!(
        START_DELAY,
        Unit::Seconds,
        "From the moment a job could begin to the begin of its attempt, by task"
    );
    describe_gauge!(FOLLOWERS, "Streams of events that are followed at the moment");
}

/// The histogram of the time that the jobs of `task` wait to begin.
pub(crate) fn start_delay(task: &TaskKey) -> Histogram {
    histogram!(START_DELAY, "task" => task.task.to_string())
}

/// Hands over how many streams of events are followed.
pub(crate) fn measure_followers(followers: usize) {
    gauge!(FOLLOWERS).set(followers as f64);
}

/// Hands over how many bytes the jobs of all tasks take.
pub(crate) fn measure_kept(bytes: u64) {
    gauge!(ALL_KEPT_BYTES).set(bytes as f64);
}

/// The series of one task whose values are handed over when somebody asks. Made the first time, and found without a look into
/// the recorder from then on: a host may have thousands of tasks.
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
    failed: [Counter; Reason::ALL.len()],
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
            failed: Reason::ALL.map(|reason| ended(reason.name())),
            attempts: Ending::ALL.map(|ending| counter!(ATTEMPTS, "task" => task(), "outcome" => ending.name())),
        }
    }

    fn set_counts(&self, counts: &Counts, now: Timestamp) {
        let Counts {
            waiting,
            delayed,
            held,
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
        let ready = waiting.saturating_sub(delayed).saturating_sub(held);
        let set = |gauges: &[Gauge], values: &[usize]| {
            gauges.iter().zip(values).for_each(|(gauge, value)| gauge.set(*value as f64));
        };
        set(&self.queued, &[ready, delayed, held, running]);
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
        for (counter, reason) in self.failed.iter().zip(Reason::ALL) {
            counter.absolute(totals.failed(reason));
        }
        for (counter, ending) in self.attempts.iter().zip(Ending::ALL) {
            counter.absolute(totals.attempts(ending));
        }
    }
}

/// Hands over where a task stands at `now`.
pub(crate) fn measure(task: &TaskKey, measured: &Measured, counts: &Counts, totals: &Totals, now: Timestamp) {
    let series = measured.0.get_or_init(|| TaskSeries::new(task));
    series.set_counts(counts, now);
    series.set_totals(totals);
}
