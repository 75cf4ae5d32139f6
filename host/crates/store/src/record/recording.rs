//! Recordings of attempts, from which they can be run again. The store keeps their bytes and does not read them.

use std::sync::Arc;

use saggar_job::{JobId, Run};

/// A stored recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The attempt.
    pub run: Run,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// A stored recording in a list, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedRecording {
    /// Its place in the order of storing: greater than those of all earlier ones of the task, and independent of those of other
    /// tasks.
    pub number: u64,
    /// The job.
    pub id: JobId,
    /// The attempt.
    pub run: Run,
    /// Its size in bytes.
    pub bytes: u64,
}

/// How many recordings of a task are stored, and their bytes. They are not counted as bytes of the jobs, and have these
/// limits instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingCounts {
    /// Recordings.
    pub recordings: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl RecordingCounts {
    /// Maximum number of recordings of a task: enough to try a new version of its code.
    pub const MOST: u64 = 1_000;

    /// Maximum bytes of a task's recordings.
    pub const MOST_BYTES: u64 = 16 << 20;

    /// Returns whether the oldest recording has to be removed.
    pub fn exceeds_limits(&self) -> bool {
        self.recordings > Self::MOST || self.bytes > Self::MOST_BYTES
    }

    /// Counts a recording of this size.
    pub fn add(&mut self, bytes: usize) {
        self.recordings += 1;
        self.bytes += bytes as u64;
    }

    /// Counts a recording of this size as removed.
    pub fn remove(&mut self, bytes: usize) {
        self.recordings = self.recordings.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }
}
