//! A quota of a rate, and how much of it was used lately.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The parts of a period that are counted apart. What was used is forgotten part by part, so a rate is exact to a
/// twentieth of its period.
const PARTS: u64 = 20;

/// The most that is counted in one step, so that no sum overflows.
const MOST_AT_ONCE: u64 = 1 << 40;

/// An amount that may be used in each period: a sliding window. Never more than the limit is taken within the last
/// nineteen parts of a period and the current one.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: AtomicU64,
    /// The length of a part in microseconds.
    part: u64,
    window: Mutex<Window>,
    /// The latest part of the window; changed under its lock.
    latest: AtomicU64,
    /// What was counted in the latest part without the lock, because every call of a guest and every added job is counted.
    /// The next one with the lock moves it to the window.
    unlocked: AtomicU64,
}

/// What was used in the latest parts.
#[derive(Debug, Default)]
struct Window {
    used: [u64; PARTS as usize],
    /// The sum of `used`.
    sum: u64,
    /// The number of the latest part that was counted.
    latest: u64,
}

/// Why an amount cannot be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateExceeded {
    /// The limit.
    pub(crate) limit: u64,
    /// How long it takes until the amount can be taken; `None` if it is more than the limit.
    pub(crate) retry_after: Option<Duration>,
}

impl Rate {
    pub(crate) fn new(period: Duration) -> Self {
        let (latest, unlocked) = Default::default();
        let part = (micros(period) / PARTS).max(1);
        Self { limit: AtomicU64::new(u64::MAX), part, window: Mutex::default(), latest, unlocked }
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit != u64::MAX)
    }

    pub(crate) fn set_limit(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns what was used in the last period.
    pub(crate) fn used(&self, now: Duration) -> u64 {
        self.advanced(now, |window, _| window.sum)
    }

    /// Takes `amount`, if the limit allows it.
    pub(crate) fn take(&self, amount: u64, now: Duration) -> Result<(), RateExceeded> {
        let Some(limit) = self.limit() else {
            self.count(amount, now);
            return Ok(());
        };
        self.advanced(now, |window, at| {
            if window.sum.saturating_add(amount) <= limit {
                window.add(amount);
                return Ok(());
            }
            let retry_after = window.room_in(amount, limit).map(|parts| self.parts(parts).saturating_sub(at));
            Err(RateExceeded { limit, retry_after })
        })
    }

    /// Takes `amount` whatever the limit is, for what has happened already.
    pub(crate) fn count(&self, amount: u64, now: Duration) {
        let amount = amount.min(MOST_AT_ONCE);
        if micros(now) / self.part <= self.latest.load(Ordering::Relaxed) {
            self.unlocked.fetch_add(amount, Ordering::Relaxed);
        } else {
            self.advanced(now, |window, _| window.add(amount));
        }
    }

    /// Returns how long it takes until something can be taken; `None` if that is now. Never ends if the limit is 0.
    pub(crate) fn exhausted_for(&self, now: Duration) -> Option<Duration> {
        let limit = self.limit().unwrap_or(u64::MAX);
        self.advanced(now, |window, at| {
            let is_exhausted = window.sum >= limit;
            is_exhausted
                .then(|| window.room_in(1, limit).map_or(Duration::MAX, |parts| self.parts(parts).saturating_sub(at)))
        })
    }

    /// Calls `step` with what was used lately, and with how much of the current part is over.
    fn advanced<T>(&self, now: Duration, step: impl FnOnce(&mut Window, Duration) -> T) -> T {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.add(self.unlocked.swap(0, Ordering::Relaxed));
        window.advance(micros(now) / self.part);
        self.latest.store(window.latest, Ordering::Relaxed);
        let at = now.saturating_sub(self.parts(window.latest)).min(self.parts(1));
        step(&mut window, at)
    }

    /// Returns the length of this many parts.
    fn parts(&self, parts: u64) -> Duration {
        Duration::from_micros(self.part.saturating_mul(parts))
    }
}

impl Window {
    fn advance(&mut self, part: u64) {
        if part.saturating_sub(self.latest) >= PARTS {
            *self = Self { latest: part, ..Self::default() };
        }
        while self.latest < part {
            self.latest += 1;
            let oldest = &mut self.used[(self.latest % PARTS) as usize];
            self.sum -= std::mem::take(oldest);
        }
    }

    fn add(&mut self, amount: u64) {
        let latest = &mut self.used[(self.latest % PARTS) as usize];
        // Bounded, so that no sum overflows.
        let amount = amount.min(u64::MAX / (2 * PARTS) - (*latest).min(u64::MAX / (2 * PARTS)));
        *latest += amount;
        self.sum += amount;
    }

    /// Returns after how many parts there is room for `amount`; `None` if there never is.
    fn room_in(&self, amount: u64, limit: u64) -> Option<u64> {
        let most = limit.checked_sub(amount)?;
        let mut sum = self.sum;
        for parts in 1..=PARTS {
            sum -= self.used[((self.latest + parts) % PARTS) as usize];
            if sum <= most {
                return Some(parts);
            }
        }
        None
    }
}

/// Returns a time in whole microseconds.
fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}

/// Returns the time from the first call to `now`.
pub(crate) fn elapsed_at(now: Instant) -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    now.saturating_duration_since(*START.get_or_init(|| now))
}

/// Returns the time since the first call.
pub(crate) fn elapsed() -> Duration {
    elapsed_at(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rate(limit: u64) -> Rate {
        let rate = Rate::new(ms(1_000));
        rate.set_limit(Some(limit));
        rate
    }

    #[test]
    fn no_more_than_the_limit_is_taken_in_a_period() {
        let rate = rate(3);
        rate.take(2, ms(10_010)).unwrap();
        rate.take(1, ms(10_500)).unwrap();
        let exceeded = rate.take(1, ms(10_510)).unwrap_err();
        assert_eq!(exceeded, RateExceeded { limit: 3, retry_after: Some(ms(490)) });
        rate.take(1, ms(10_999)).unwrap_err();
        rate.take(2, ms(11_000)).unwrap();
        assert_eq!(rate.take(1, ms(11_000)).unwrap_err().retry_after, Some(ms(500)));
        assert_eq!(rate.used(ms(11_499)), 3);
        assert_eq!(rate.used(ms(11_500)), 2);
        assert_eq!(rate.used(ms(60_000)), 0);
    }

    #[test]
    fn more_than_the_limit_is_never_possible() {
        let rate = rate(3);
        assert_eq!(rate.take(4, ms(0)).unwrap_err().retry_after, None);
        rate.take(3, ms(0)).unwrap();
        rate.set_limit(Some(0));
        assert_eq!(rate.take(1, ms(5_000)).unwrap_err(), RateExceeded { limit: 0, retry_after: None });
        assert_eq!(rate.exhausted_for(ms(5_000)), Some(Duration::MAX));
    }

    #[test]
    fn what_has_happened_is_counted_beyond_the_limit() {
        let rate = rate(10);
        assert_eq!(rate.exhausted_for(ms(20_000)), None);
        rate.count(4, ms(20_000));
        rate.count(25, ms(20_300));
        assert_eq!(rate.exhausted_for(ms(20_310)), Some(ms(990)));
        assert_eq!(rate.exhausted_for(ms(21_300)), None);
        (0..3).for_each(|_| rate.count(u64::MAX, ms(21_300)));
        assert_eq!(rate.used(ms(21_300)), 3 * MOST_AT_ONCE);
    }

    #[test]
    fn what_is_counted_without_the_lock_belongs_to_its_part() {
        let rate = rate(10);
        rate.count(2, ms(20_000));
        rate.count(3, ms(20_049));
        rate.count(4, ms(20_050));
        rate.count(1, ms(20_060));
        assert_eq!(rate.exhausted_for(ms(20_070)), Some(ms(930)), "until the first part is over");
        assert_eq!((rate.used(ms(20_999)), rate.used(ms(21_000)), rate.used(ms(21_050))), (10, 5, 0));
        rate.set_limit(None);
        rate.take(7, ms(22_000)).unwrap();
        rate.take(8, ms(22_001)).unwrap();
        assert_eq!(rate.used(ms(22_001)), 15);
    }

    #[test]
    fn time_that_goes_back_forgets_nothing() {
        let rate = rate(2);
        rate.take(2, ms(9_000)).unwrap();
        rate.take(1, ms(3_000)).unwrap_err();
        assert_eq!(rate.used(ms(0)), 2);
    }

    #[test]
    fn an_even_flow_at_the_limit_is_never_refused() {
        let rate = rate(100);
        (0..10_000).for_each(|step| rate.take(1, ms(step * 10)).unwrap());
    }
}
