//! What the store tells the recorder of the `metrics` facade. Without a recorder the handles do nothing.

use metrics::{Histogram, Unit, describe_histogram, histogram};

const COMMIT_STEPS: &str = "saggar_store_commit_steps";
const COMMIT: &str = "saggar_store_commit_seconds";
const SYNC: &str = "saggar_store_sync_seconds";

/// Describes what the store measures to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe_histogram!(COMMIT_STEPS, "Steps that the store wrote in one commit");
    describe_histogram!(
        COMMIT,
        Unit::Seconds,
        "How long the store's writer took for one commit, without waiting for the disk"
    );
    describe_histogram!(SYNC, Unit::Seconds, "Duration of WAL syncs");
}

/// What the writer measures of each commit.
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
