//! The store's metrics, for the recorder of the `metrics` facade. Without a recorder the handles do nothing.

use metrics::{Histogram, Unit, describe_histogram, histogram};

const COMMIT_STEPS: &str = "saggar_store_commit_steps";
const COMMIT: &str = "saggar_store_commit_seconds";
const SYNC: &str = "saggar_store_sync_seconds";

/// Describes the store's metrics to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe_histogram!(COMMIT_STEPS, "Steps that the store wrote in one commit");
    describe_histogram!(COMMIT, Unit::Seconds, "Duration of the writer's commits, without the WAL sync");
    describe_histogram!(SYNC, Unit::Seconds, "Duration of WAL syncs");
}

/// The writer's metrics of each commit.
pub(crate) struct Commits {
    pub(crate) steps: Histogram,
    pub(crate) seconds: Histogram,
}

impl Commits {
    pub(crate) fn new() -> Self {
        Self { steps: histogram!(COMMIT_STEPS), seconds: histogram!(COMMIT) }
    }
}

/// Returns the histogram of WAL sync durations.
pub(crate) fn sync_seconds() -> Histogram {
    histogram!(SYNC)
}
