//! Distributions of durations: how long attempts take, and how long jobs wait to start. Counting a duration costs one relaxed
//! addition. A reader takes snapshots and compares two of them, so it chooses the time that it looks at.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Four buckets for each power of two of microseconds, so a quantile is accurate to about an eighth. The last one is for
/// everything from two hours on.
const BUCKETS: usize = 128;

/// A counter for each bucket. Without counters until something is counted, because most tasks of a large host do nothing.
#[derive(Debug, Default)]
pub(crate) struct Durations(OnceLock<Box<[AtomicU32; BUCKETS]>>);

/// How many durations were counted in each bucket, as of one time, or between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution(Box<[u32; BUCKETS]>);

impl Durations {
    pub(crate) fn count(&self, duration: Duration) {
        let buckets = self.0.get_or_init(|| Box::new([const { AtomicU32::new(0) }; BUCKETS]));
        buckets[bucket(duration)].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what was counted so far; `None` if nothing was.
    pub(crate) fn snapshot(&self) -> Option<Distribution> {
        let buckets = self.0.get()?;
        Some(Distribution(Box::new(buckets.each_ref().map(|count| count.load(Ordering::Relaxed)))))
    }
}

impl Distribution {
    /// Returns what was counted since `earlier` was taken of the same durations.
    #[must_use]
    pub fn since(&self, earlier: Option<&Self>) -> Self {
        let Some(earlier) = earlier else { return self.clone() };
        let mut counts = self.0.clone();
        // The counters wrap around.
        counts.iter_mut().zip(earlier.0.iter()).for_each(|(count, earlier)| *count = count.wrapping_sub(*earlier));
        Self(counts)
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(count, other)| *count = count.saturating_add(*other));
    }

    /// Returns the duration that this share of those counted do not exceed, accurate to about an eighth; `None` if none
    /// were counted.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let rank = ((all as f64 * share).ceil() as u64).clamp(1, all.max(1));
        let mut below = 0;
        let found = self.0.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        });
        found.map(middle)
    }
}

/// Returns the bucket of a duration.
fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros < 4 {
        return micros as usize;
    }
    let octave = micros.ilog2() as usize;
    let quarter = (micros >> (octave - 2)) as usize & 3;
    (4 * (octave - 1) + quarter).min(BUCKETS - 1)
}

/// Returns the middle of a bucket.
fn middle(bucket: usize) -> Duration {
    if bucket < 4 {
        return Duration::from_micros(bucket as u64);
    }
    let (octave, quarter) = (bucket / 4 + 1, bucket as u64 % 4);
    let width = 1_u64 << (octave - 2);
    Duration::from_nanos((2 * (4 + quarter) + 1) * width * 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_contain_their_middle() {
        for at in 0..BUCKETS {
            assert_eq!(bucket(middle(at)), at);
            assert!(at == 0 || middle(at) > middle(at - 1));
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert!(middle(BUCKETS - 1) > Duration::from_secs(2 * 3_600));
    }

    #[test]
    fn quantiles_are_accurate_to_an_eighth() {
        let durations = Durations::default();
        assert_eq!(durations.snapshot(), None);
        (1..=1_000).for_each(|ms| durations.count(Duration::from_millis(ms)));
        let all = durations.snapshot().unwrap();
        for (share, ms) in [(0.0, 1.0), (0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let found = all.quantile(share).unwrap().as_secs_f64() * 1_000.0;
            assert!((found / ms - 1.0).abs() <= 0.13, "{share}: {found}");
        }
    }

    #[test]
    fn two_snapshots_have_what_was_counted_between_them() {
        let durations = Durations::default();
        durations.count(Duration::from_secs(9));
        let first = durations.snapshot().unwrap();
        assert_eq!(first.since(Some(&first)).quantile(0.5), None);
        durations.count(Duration::from_millis(1));
        let mut later = durations.snapshot().unwrap().since(Some(&first));
        assert!(later.quantile(1.0).is_some_and(|longest| longest < Duration::from_millis(2)));
        later.add(&first);
        assert_eq!(later, durations.snapshot().unwrap().since(None));
    }
}
