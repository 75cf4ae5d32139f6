//! The recordings of a task's attempts in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar_job::{JobId, Run};

use crate::{ListedRecording, Recording, RecordingCounts};

/// The number of its order, and the bytes of a recording.
type Numbered = (u64, Arc<[u8]>);

#[derive(Default)]
pub(super) struct Recordings {
    by_job: BTreeMap<(JobId, Run), Numbered>,
    in_order: BTreeMap<u64, (JobId, Run)>,
    last: u64,
    counts: RecordingCounts,
}

impl Recordings {
    /// Stores a recording, and removes the oldest ones beyond the limits.
    pub(super) fn put(&mut self, id: JobId, run: Run, bytes: Arc<[u8]>) {
        self.remove(id, run);
        self.last += 1;
        self.counts.add(bytes.len());
        self.by_job.insert((id, run), (self.last, bytes));
        self.in_order.insert(self.last, (id, run));
        while self.counts.exceeds_limits() {
            let Some((_, (id, run))) = self.in_order.first_key_value().map(|(number, job)| (*number, *job)) else {
                break;
            };
            self.remove(id, run);
        }
    }

    /// Returns the recording of an attempt, or of the last one that has one.
    pub(super) fn get(&self, id: JobId, run: Option<Run>) -> Option<Recording> {
        let runs = match run {
            Some(run) => (id, run)..=(id, run),
            None => (id, Run(0))..=(id, Run(u64::MAX)),
        };
        let ((_, run), (_, bytes)) = self.by_job.range(runs).next_back()?;
        Some(Recording { run: *run, bytes: Arc::clone(bytes) })
    }

    /// Returns a page of the recordings, the last stored first.
    pub(super) fn list(&self, before: Option<u64>, most: usize) -> Vec<ListedRecording> {
        let earlier = self.in_order.range(..before.unwrap_or(u64::MAX)).rev().take(most);
        let listed = |(number, job): (&u64, &(JobId, Run))| {
            let (_, bytes) = self.by_job.get(job)?;
            Some(ListedRecording { number: *number, id: job.0, run: job.1, bytes: bytes.len() as u64 })
        };
        earlier.filter_map(listed).collect()
    }

    /// Removes all recordings of a job; returns their bytes.
    pub(super) fn remove_of(&mut self, id: JobId) -> u64 {
        let mut removed = 0;
        while let Some(Recording { run, bytes }) = self.get(id, None) {
            self.remove(id, run);
            removed += bytes.len() as u64;
        }
        removed
    }

    fn remove(&mut self, id: JobId, run: Run) {
        if let Some((number, bytes)) = self.by_job.remove(&(id, run)) {
            self.in_order.remove(&number);
            self.counts.remove(bytes.len());
        }
    }
}
