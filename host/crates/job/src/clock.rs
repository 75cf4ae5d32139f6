//! Clocks. The only module that reads the time of day; all other code receives a [`Timestamp`] or a [`Clock`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the timestamp `ms` milliseconds later; saturates instead of overflowing.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the time since `earlier`; zero if this timestamp is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// A source of the time of day.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time. May stall, and may go backwards when the system clock is set.
    fn now(&self) -> Timestamp;

    /// Returns the time since a fixed but arbitrary point. Never goes backwards, even when the system clock is set.
    fn elapsed(&self) -> Duration;
}

/// The time of day of this process: the system time at the first use, plus the monotonic time elapsed since then. So
/// delays have the right length even while the system clock is temporarily ahead or behind. A difference to the system
/// clock that persists for [`ADOPT_AFTER`](Self::ADOPT_AFTER) is adopted, because then the system clock was set
/// permanently, or the machine was suspended.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// How long a difference to the system clock must persist before it is adopted.
    pub const ADOPT_AFTER: Duration = Duration::from_secs(5 * 60);
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (steady, elapsed) = steady();
        steady.at(elapsed, system_time)
    }

    fn elapsed(&self) -> Duration {
        steady().1
    }
}

/// Returns the clock of this process, and the time since its start.
fn steady() -> (&'static Steady, Duration) {
    static STEADY: OnceLock<(Instant, Steady)> = OnceLock::new();
    let (began, steady) = STEADY.get_or_init(|| (Instant::now(), Steady::new(system_time())));
    (steady, began.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "the only function that reads the time of day")]
fn system_time() -> Timestamp {
    Timestamp(ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Interval in milliseconds between comparisons with the system clock.
const COMPARE_INTERVAL_MS: u64 = 1_000;

/// Differences up to this many milliseconds are ignored, because two clocks cannot be read at the same instant.
const TOLERANCE_MS: u64 = 100;

/// A time of day that advances steadily, and follows another clock that may be set.
struct Steady {
    /// The time of day when the elapsed time was zero.
    base_ms: AtomicU64,
    /// Elapsed time at which the other clock is compared next.
    compare_at_ms: AtomicU64,
    /// The difference found by the last comparison; `None` if the clocks agreed.
    difference: Mutex<Option<Difference>>,
}

/// A difference to the other clock.
#[derive(Clone, Copy)]
struct Difference {
    /// Elapsed time when it was first seen.
    since_ms: u64,
    /// [`Steady::base_ms`] according to the other clock.
    base_ms: u64,
}

impl Steady {
    fn new(start: Timestamp) -> Self {
        let compare_at_ms = AtomicU64::new(COMPARE_INTERVAL_MS);
        Self { base_ms: AtomicU64::new(start.0), compare_at_ms, difference: Mutex::new(None) }
    }

    /// Returns the time of day at this elapsed time. `other` reads the other clock.
    fn at(&self, elapsed: Duration, other: impl FnOnce() -> Timestamp) -> Timestamp {
        let elapsed_ms = ms(elapsed);
        if elapsed_ms >= self.compare_at_ms.load(Ordering::Relaxed) {
            self.compare(elapsed_ms, other());
        }
        Timestamp(self.base_ms.load(Ordering::Relaxed)).plus_ms(elapsed_ms)
    }

    #[cold]
    fn compare(&self, elapsed_ms: u64, other: Timestamp) {
        // Another thread is comparing already.
        let Ok(mut difference) = self.difference.try_lock() else { return };
        self.compare_at_ms.store(elapsed_ms.saturating_add(COMPARE_INTERVAL_MS), Ordering::Relaxed);
        let base_ms = other.0.saturating_sub(elapsed_ms);
        if base_ms.abs_diff(self.base_ms.load(Ordering::Relaxed)) <= TOLERANCE_MS {
            *difference = None;
            return;
        }
        match *difference {
            Some(before) if before.base_ms.abs_diff(base_ms) <= TOLERANCE_MS => {
                if elapsed_ms.saturating_sub(before.since_ms) >= ms(SystemClock::ADOPT_AFTER) {
                    self.base_ms.store(base_ms, Ordering::Relaxed);
                    *difference = None;
                }
            }
            _ => *difference = Some(Difference { since_ms: elapsed_ms, base_ms }),
        }
    }
}

/// A clock for tests that advances only on request.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicU64,
    elapsed: AtomicU64,
}

impl ManualClock {
    /// Creates a clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { now: AtomicU64::new(start.0), elapsed: AtomicU64::new(0) }
    }

    /// Advances the time of day and the elapsed time by `ms` milliseconds.
    pub fn advance_ms(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.elapsed.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the time of day, without any time elapsing.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_795_000_000_000;

    /// Reads a steady clock every second from the second `from` up to `to`, while the other clock is off by `off_ms`.
    /// Returns by how much the steady clock is off at the end.
    fn read(steady: &Steady, from: u64, to: u64, off_ms: i64) -> i64 {
        let mut steady_off_ms = 0;
        for second in from..to {
            let right = START + second * 1_000;
            let other = Timestamp(right.saturating_add_signed(off_ms));
            let now = steady.at(Duration::from_secs(second), || other);
            steady_off_ms = i64::try_from(now.0).unwrap() - i64::try_from(right).unwrap();
        }
        steady_off_ms
    }

    #[test]
    fn a_temporary_difference_is_not_adopted() {
        const HOUR: i64 = 3_600_000;
        for off_ms in [HOUR, -HOUR, 101, -101, i64::MAX / 4, -(START as i64)] {
            let steady = Steady::new(Timestamp(START));
            for round in 0..10 {
                let from = round * 1_000;
                assert_eq!(read(&steady, from, from + 299, off_ms), 0, "{off_ms} ms off");
                assert_eq!(read(&steady, from + 299, from + 1_000, 0), 0, "{off_ms} ms off");
            }
        }
    }

    #[test]
    fn a_persistent_difference_is_adopted() {
        for off_ms in [5_000, -5_000, 86_400_000, -86_400_000] {
            let steady = Steady::new(Timestamp(START));
            assert_eq!(read(&steady, 0, 301, off_ms), 0);
            assert_eq!(read(&steady, 301, 303, off_ms), off_ms);
            assert_eq!(read(&steady, 303, 700, 0), 0, "and back");
        }
    }

    #[test]
    fn a_clock_that_keeps_jumping_is_not_adopted() {
        let steady = Steady::new(Timestamp(START));
        for second in 0..2_000 {
            let off_ms = if second % 2 == 0 { 9_000 } else { -9_000 };
            assert_eq!(read(&steady, second, second + 1, off_ms), 0);
        }
    }

    #[test]
    fn a_process_starts_with_the_system_time() {
        let (before, now) = (system_time(), SystemClock.now());
        assert!(now.0.abs_diff(before.0) < 60_000, "{now} is not close to {before}");
        let elapsed = SystemClock.elapsed();
        assert!(SystemClock.elapsed() >= elapsed);
    }
}
