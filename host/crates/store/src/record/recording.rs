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
/// limits and the [`RecordingLimits`] instead.
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

    /// Returns whether one more recording, of this size, is within the limits.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        self.recordings < Self::MOST && self.bytes.saturating_add(bytes) <= Self::MOST_BYTES
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

/// The limits of all recordings of a tenant, and of those of all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingLimits {
    /// Maximum bytes of a tenant's recordings.
    pub of_tenant: u64,
    /// Maximum bytes of all recordings of a store.
    pub of_all: u64,
}

impl RecordingLimits {
    /// After so much work, counted in jobs as [`Pruned`](crate::Pruned) does, a step removes no more recordings to make
    /// room.
    pub const WORK_OF_A_STEP: usize = 256;

    /// Returns whether a recording of this size can be stored at all.
    pub fn can_hold(&self, bytes: u64) -> bool {
        bytes <= self.of_tenant.min(self.of_all).min(RecordingCounts::MOST_BYTES)
    }
}

impl Default for RecordingLimits {
    /// As much as 16 tasks of a tenant may have, and four tenants of a store.
    fn default() -> Self {
        Self { of_tenant: 256 << 20, of_all: 1 << 30 }
    }
}
