//! How many bytes of records a task may store in a time, so that a task whose jobs all fail does not keep the store busy
//! with their records.

use std::time::Instant;

use parking_lot::Mutex;

/// Bytes that can be stored at once.
const BURST: f64 = (16 << 20) as f64;

/// Bytes per second after that.
const PER_SECOND: f64 = (1 << 20) as f64;

/// The rate of one task.
pub(crate) struct RecordRate(Mutex<Bucket>);

struct Bucket {
    left: f64,
    filled_at: Instant,
}

impl Default for RecordRate {
    fn default() -> Self {
        Self(Mutex::new(Bucket { left: BURST, filled_at: Instant::now() }))
    }
}

impl RecordRate {
    /// Returns whether a record of this size may be stored now.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        let mut bucket = self.0.lock();
        bucket.fill(Instant::now());
        bucket.left >= bytes as f64
    }

    /// Takes the bytes of a record. Returns whether it may be stored.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        self.0.lock().take(bytes, Instant::now())
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.filled_at).as_secs_f64();
        (self.left, self.filled_at) = ((self.left + since * PER_SECOND).min(BURST), now);
    }

    fn take(&mut self, bytes: usize, now: Instant) -> bool {
        self.fill(now);
        let fits = self.left >= bytes as f64;
        if fits {
            self.left -= bytes as f64;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_task_has_a_burst_and_then_a_rate() {
        let start = Instant::now();
        let mut bucket = Bucket { left: BURST, filled_at: start };
        assert!(bucket.take(16 << 20, start) && !bucket.take(1, start));
        let later = start + Duration::from_secs(2);
        assert!(!bucket.take((2 << 20) + 1, later) && bucket.take(2 << 20, later));
        assert!(bucket.take(16 << 20, later + Duration::from_secs(1_000)), "and no more than the burst");
        assert!(!bucket.take(1 << 20, later + Duration::from_secs(1_000)));
    }
}
