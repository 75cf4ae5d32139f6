//! When a failed attempt is retried. Computes delays; the caller decides whether to retry.

/// How the delay grows from retry to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backoff {
    /// The same delay every time.
    #[default]
    Fixed,
    /// The delay times the number of the failed attempt.
    Linear,
    /// The delay doubles with every failed attempt.
    Exponential,
}

/// A task's retry policy: its keys `attempts` and `attempt_after`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Retries after the first failed attempt: 3 means up to 4 attempts.
    pub retries: u32,
    /// Milliseconds before the first retry.
    pub delay_ms: u64,
    /// How the delay grows.
    pub backoff: Backoff,
    /// Maximum delay in milliseconds, including jitter.
    pub max_delay_ms: u64,
    /// The random variation of a delay in both directions, as a fraction of it from 0 to 1. It spreads the retries of
    /// jobs that failed at the same time.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 0, delay_ms: 200, backoff: Backoff::Fixed, max_delay_ms: Self::LONGEST_DELAY_MS, jitter: 0.0 }
    }
}

impl RetryPolicy {
    /// Maximum delay: 30 days. A longer delay from a guest is reduced to it; a task file cannot have a longer one.
    pub const LONGEST_DELAY_MS: u64 = 30 * 24 * 60 * 60 * 1000;

    /// A lost attempt is followed by another one if fewer than this many have begun, whatever
    /// [`retries`](Self::retries) is. A job rarely causes the death of the host, so one power cut must not end a job of
    /// a task without retries. But a job that kills the host on every attempt must end, and three deaths are enough
    /// evidence.
    pub const LOST_ATTEMPTS: u32 = 3;

    /// Returns how many attempts a job may have in total. Lost attempts may be followed by more
    /// ([`LOST_ATTEMPTS`](Self::LOST_ATTEMPTS)).
    pub fn max_attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Returns how many attempts a job may have whose last attempt is number `attempt`. This exceeds
    /// [`max_attempts`](Self::max_attempts) if attempts were lost, or if an earlier policy allowed more.
    pub fn max_attempts_at(&self, attempt: u32) -> u32 {
        self.max_attempts().max(attempt)
    }

    /// Returns the milliseconds to wait after attempt number `failed` (from 1) failed. `chance` is a random number from
    /// 0 up to 1.
    pub fn delay_ms_after(&self, failed: u32, chance: f64) -> u64 {
        let doublings = failed.saturating_sub(1).min(63);
        let grown = match self.backoff {
            Backoff::Fixed => self.delay_ms,
            Backoff::Linear => self.delay_ms.saturating_mul(u64::from(failed.max(1))),
            Backoff::Exponential => self.delay_ms.saturating_mul(1 << doublings),
        };
        let capped = grown.min(self.max_delay_ms).min(Self::LONGEST_DELAY_MS);
        let jittered = capped as f64 * (1.0 + self.jitter * (2.0 * chance - 1.0));
        (jittered as u64).min(self.max_delay_ms).min(Self::LONGEST_DELAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(backoff: Backoff, jitter: f64) -> RetryPolicy {
        RetryPolicy { retries: 9, delay_ms: 100, backoff, max_delay_ms: 1_000, jitter }
    }

    #[test]
    fn delays_grow_by_backoff_up_to_the_maximum() {
        let delays = |backoff| (1..=5).map(|n| policy(backoff, 0.0).delay_ms_after(n, 0.5)).collect::<Vec<_>>();
        assert_eq!(delays(Backoff::Fixed), [100, 100, 100, 100, 100]);
        assert_eq!(delays(Backoff::Linear), [100, 200, 300, 400, 500]);
        assert_eq!(delays(Backoff::Exponential), [100, 200, 400, 800, 1_000]);
    }

    #[test]
    fn jitter_varies_a_delay_by_its_share() {
        let policy = policy(Backoff::Fixed, 0.5);
        assert_eq!(policy.delay_ms_after(1, 0.0), 50);
        assert_eq!(policy.delay_ms_after(1, 0.5), 100);
        assert_eq!(policy.delay_ms_after(1, 1.0), 150);
    }

    #[test]
    fn attempts_and_delays_do_not_overflow() {
        let huge = RetryPolicy { delay_ms: u64::MAX, max_delay_ms: u64::MAX, ..policy(Backoff::Exponential, 1.0) };
        assert_eq!(huge.delay_ms_after(u32::MAX, 1.0), RetryPolicy::LONGEST_DELAY_MS);
        assert_eq!(RetryPolicy { retries: u32::MAX, ..huge }.max_attempts(), u32::MAX);
    }

    #[test]
    fn max_attempts_is_at_least_the_number_of_the_last_attempt() {
        let policy = RetryPolicy { retries: 1, ..RetryPolicy::default() };
        assert_eq!([0, 1, 2, 3].map(|attempt| policy.max_attempts_at(attempt)), [2, 2, 2, 3]);
    }
}
