//! Time. The only place that reads the time of day; everything else is handed a [`Timestamp`] or a [`Clock`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `ms` milliseconds later; the last moment there is rather than an overflow.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Where the time of day comes from.
pub trait Clock: Send + Sync + 'static {
    /// The moment that it is now. May stand still, and may go backwards when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// The time since some moment, always the same one. Never goes backwards, whatever the machine's clock is set to.
    fn elapsed(&self) -> Duration;
}

/// The time of day of this process: that of the machine when the process first asked, and from then on what has elapsed. So
/// delays and retries last as long as they should, also while the machine's clock is ahead or behind for a moment. A
/// difference to the machine's clock that lasts for [`LASTING`](Self::LASTING) is adopted, since the machine's clock was set
/// for good then, or the machine was suspended.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// How long a difference to the machine's clock has to last before it is adopted.
    pub const LASTING: Duration = Duration::from_secs(5 * 60);
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (steady, elapsed) = steady();
        steady.at(elapsed, machine_time)
    }

    fn elapsed(&self) -> Duration {
        steady().1
    }
}

/// The clock of this process, and how long it has been going.
fn steady() -> (&'static Steady, Duration) {
    static STEADY: OnceLock<(Instant, Steady)> = OnceLock::new();
    let (began, steady) = STEADY.get_or_init(|| (Instant::now(), Steady::new(machine_time())));
    (steady, began.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time of day")]
fn machine_time() -> Timestamp {
    Timestamp(ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How often the machine's clock is compared, in milliseconds.
const COMPARED_EVERY_MS: u64 = 1_000;

/// Differences up to so many milliseconds are none: two clocks are not read at the same moment.
const TOLERANCE_MS: u64 = 100;

/// A time of day that goes on steadily, and follows another one that may be set.
struct Steady {
    /// The moment at which nothing had elapsed.
    base_ms: AtomicU64,
    /// When the other one is to be compared again, by what has elapsed.
    compare_at_ms: AtomicU64,
    /// How the other one differed when it was last compared, if it did.
    differs: Mutex<Option<Difference>>,
}

#[derive(Clone, Copy)]
struct Difference {
    /// Since when, by what has elapsed.
    since_ms: u64,
    /// The base by the other one.
    base_ms: u64,
}

impl Steady {
    fn new(start: Timestamp) -> Self {
        let compare_at_ms = AtomicU64::new(COMPARED_EVERY_MS);
        Self { base_ms: AtomicU64::new(start.0), compare_at_ms, differs: Mutex::new(None) }
    }

    /// The moment that it is when so much has elapsed; `other` reads the other clock.
    fn at(&self, elapsed: Duration, other: impl FnOnce() -> Timestamp) -> Timestamp {
        let elapsed_ms = ms(elapsed);
        if elapsed_ms >= self.compare_at_ms.load(Ordering::Relaxed) {
            self.compare(elapsed_ms, other());
        }
        Timestamp(self.base_ms.load(Ordering::Relaxed)).plus_ms(elapsed_ms)
    }

    #[cold]
    fn compare(&self, elapsed_ms: u64, other: Timestamp) {
        // One who compares is enough.
        let Ok(mut differs) = self.differs.try_lock() else { return };
        self.compare_at_ms.store(elapsed_ms.saturating_add(COMPARED_EVERY_MS), Ordering::Relaxed);
        let base_ms = other.0.saturating_sub(elapsed_ms);
        if base_ms.abs_diff(self.base_ms.load(Ordering::Relaxed)) <= TOLERANCE_MS {
            *differs = None;
            return;
        }
        match *differs {
            Some(before) if before.base_ms.abs_diff(base_ms) <= TOLERANCE_MS => {
                if elapsed_ms.saturating_sub(before.since_ms) >= ms(SystemClock::LASTING) {
                    self.base_ms.store(base_ms, Ordering::Relaxed);
                    *differs = None;
                }
            }
            _ => *differs = Some(Difference { since_ms: elapsed_ms, base_ms }),
        }
    }
}

/// A clock that stands still until it is told to go on, for tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicU64,
    elapsed: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { now: AtomicU64::new(start.0), elapsed: AtomicU64::new(0) }
    }

    /// Lets `ms` milliseconds go by.
    pub fn advance_ms(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.elapsed.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets it, though no time goes by.
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

    /// Reads a steady clock every second from the second `from` up to `to`, while the other one differs by `off_ms`; answers by how
    /// much the steady one does in the end.
    fn read(steady: &Steady, from: u64, to: u64, off_ms: i64) -> i64 {
        let mut differs = 0;
        for second in from..to {
            let right = START + second * 1_000;
            let other = Timestamp(right.saturating_add_signed(off_ms));
            let now = steady.at(Duration::from_secs(second), || other);
            differs = i64::try_from(now.0).unwrap() - i64::try_from(right).unwrap();
        }
        differs
    }

    #[test]
    fn a_clock_that_is_wrong_for_a_moment_is_not_followed() {
        const HOUR: i64 = 3_600_000;
        for off_ms in [HOUR, -HOUR, 101, -101, i64::MAX / 4, -(START as i64)] {
            let steady = Steady::new(Timestamp(START));
            for moment in 0..10 {
                let from = moment * 1_000;
                assert_eq!(read(&steady, from, from + 299, off_ms), 0, "{off_ms} ms off");
                assert_eq!(read(&steady, from + 299, from + 1_000, 0), 0, "{off_ms} ms off");
            }
        }
    }

    #[test]
    fn a_difference_that_lasts_is_adopted() {
        for off_ms in [5_000, -5_000, 86_400_000, -86_400_000] {
            let steady = Steady::new(Timestamp(START));
            assert_eq!(read(&steady, 0, 301, off_ms), 0);
            assert_eq!(read(&steady, 301, 303, off_ms), off_ms);
            assert_eq!(read(&steady, 303, 700, 0), 0, "and back");
        }
    }

    #[test]
    fn a_clock_that_jumps_about_is_not_followed() {
        let steady = Steady::new(Timestamp(START));
        for second in 0..2_000 {
            let off_ms = if second % 2 == 0 { 9_000 } else { -9_000 };
            assert_eq!(read(&steady, second, second + 1, off_ms), 0);
        }
    }

    #[test]
    fn it_is_the_machine_s_time_that_the_process_begins_with() {
        let (before, now) = (machine_time(), SystemClock.now());
        assert!(now.0.abs_diff(before.0) < 60_000, "{now} is not about {before}");
        let elapsed = SystemClock.elapsed();
        assert!(SystemClock.elapsed() >= elapsed);
    }
}
