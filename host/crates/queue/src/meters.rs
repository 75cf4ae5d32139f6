//! What the queue tells the recorder of the `metrics` facade. Depths and totals are known to stores and tallies anyway and
//! are handed over when somebody looks ([`Queue::measure`](crate::Queue::measure)); what is measured job by job or commit by
//! commit goes to handles that are made once. Without a recorder the handles do nothing.

use metrics::{Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use saggar_job::{Ending, Reason, TaskKey, Timestamp};

use crate::{Counts, TaskQueue, Totals};

const JOBS: &str = "saggar_jobs_total";
const ATTEMPTS: &str = "saggar_attempts_total";
const ADDED: &str = "saggar_jobs_added_total";
const STARTED: &str = "saggar_attempts_started_total";
const QUEUED: &str = "saggar_queue_jobs";
const OLDEST: &str = "saggar_queue_oldest_waiting_seconds";
const PAUSED: &str = "saggar_queue_paused";
const KEPT: &str = "saggar_jobs_kept";
const NOTICES: &str = "saggar_handler_notices";
const START_DELAY: &str = "saggar_job_start_delay_seconds";
const FOLLOWERS: &str = "saggar_event_followers";
const COMMIT_STEPS: &str = "saggar_store_commit_steps";
const COMMIT: &str = "saggar_store_commit_seconds";
const SYNC: &str = "saggar_store_sync_seconds";

/// Describes what the queue measures to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe_counter!(JOBS, "Jobs that ended, by task and outcome");
    describe_counter!(ATTEMPTS, "Attempts that ended, those that are tried again included, by task and outcome");
    describe_counter!(ADDED, "Jobs added, by task");
    describe_counter!(STARTED, "Attempts begun, by task");
    describe_gauge!(
        QUEUED,
        "Jobs that are not over, by task and state: waiting for a slot, delayed, held for their add handler, running"
    );
    describe_gauge!(OLDEST, Unit::Seconds, "How long the first job of the line has waited for a slot, by task");
    describe_gauge!(PAUSED, "1 while no attempt of the task may begin, else 0");
    describe_gauge!(KEPT, "Jobs that are over and kept, by task and status");
    describe_gauge!(NOTICES, "Ends and adds that a handler is still to be told of, by task");
    describe_histogram!(
        START_DELAY,
        Unit::Seconds,
        "From the moment a job could begin to the begin of its attempt, by task"
    );
    describe_gauge!(FOLLOWERS, "Streams of events that are followed at the moment");
    describe_histogram!(COMMIT_STEPS, "Steps that the store wrote in one commit");
    describe_histogram!(
        COMMIT,
        Unit::Seconds,
        "How long the store's writer took for one commit, without waiting for the disk"
    );
    describe_histogram!(SYNC, Unit::Seconds, "How long the disk took to make commits last");
}

/// The histogram of the time that the jobs of `task` wait to begin.
pub(crate) fn start_delay(task: &TaskKey) -> Histogram {
    histogram!(START_DELAY, "task" => task.task.to_string())
}

/// What the store's writer measures of each commit.
pub(crate) struct Commits {
    pub(crate) steps: Histogram,
    pub(crate) seconds: Histogram,
}

impl Commits {
    pub(crate) fn new() -> Self {
        Self { steps: histogram!(COMMIT_STEPS), seconds: histogram!(COMMIT) }
    }
}

/// The histogram of the waits for the disk.
pub(crate) fn sync_seconds() -> Histogram {
    histogram!(SYNC)
}

/// Hands over how many streams of events are followed.
pub(crate) fn measure_followers(followers: usize) {
    gauge!(FOLLOWERS).set(followers as f64);
}

/// Hands over where a task stands at `now`.
pub(crate) fn measure(task: &TaskQueue, now: Timestamp) {
    let name = task.key().task.to_string();
    measure_counts(&name, &task.counts(), now);
    measure_totals(&name, &task.totals());
}

fn measure_counts(task: &str, counts: &Counts, now: Timestamp) {
    let Counts { waiting, delayed, held, running, success, failure, notices, paused, first_ready_at, .. } = *counts;
    let ready = waiting.saturating_sub(delayed).saturating_sub(held);
    for (state, jobs) in [("waiting", ready), ("delayed", delayed), ("held", held), ("running", running)] {
        gauge!(QUEUED, "task" => task.to_owned(), "state" => state).set(jobs as f64);
    }
    for (status, jobs) in [("success", success), ("failure", failure)] {
        gauge!(KEPT, "task" => task.to_owned(), "status" => status).set(jobs as f64);
    }
    let oldest = first_ready_at.map_or(0.0, |since| now.since(since).as_secs_f64());
    gauge!(OLDEST, "task" => task.to_owned()).set(oldest);
    gauge!(PAUSED, "task" => task.to_owned()).set(if paused { 1.0 } else { 0.0 });
    gauge!(NOTICES, "task" => task.to_owned()).set(notices as f64);
}

fn measure_totals(task: &str, totals: &Totals) {
    counter!(ADDED, "task" => task.to_owned()).absolute(totals.added);
    counter!(STARTED, "task" => task.to_owned()).absolute(totals.started);
    counter!(JOBS, "task" => task.to_owned(), "outcome" => "success").absolute(totals.succeeded());
    for reason in Reason::ALL {
        counter!(JOBS, "task" => task.to_owned(), "outcome" => reason.name()).absolute(totals.failed(reason));
    }
    for ending in Ending::ALL {
        counter!(ATTEMPTS, "task" => task.to_owned(), "outcome" => ending.name()).absolute(totals.attempts(ending));
    }
}
