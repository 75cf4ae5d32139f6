//! Retries idempotent requests while a host is temporarily unreachable.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::error::ClientError;

/// The backoff after the first failure; it doubles after each further one …
const MIN_BACKOFF: Duration = Duration::from_millis(100);

/// … up to this, so that a client reconnects soon after the host returns.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// Returns the backoff after `failures` in a row, with jitter, because all clients of a host retry when it returns.
pub(crate) fn backoff(failures: u32) -> Duration {
    let longest = MIN_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(MAX_BACKOFF);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

impl Client {
    /// Retries `send` while a host that was reached before is unreachable, for at most the client's `retry_for`. A
    /// connection that was cut counts as reached, even the first one.
    pub(crate) async fn with_retries<T>(
        &self,
        send: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let (began, mut failures) = (Instant::now(), 0);
        loop {
            let error = match send().await {
                Err(error) if error.is_transient() && self.was_reached() => error,
                answered => return answered,
            };
            failures += 1;
            let wait = backoff(failures);
            if began.elapsed() + wait > self.retry_for() {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoffs_grow_and_are_bounded() {
        for failures in 1..100 {
            let wait = backoff(failures);
            assert!(wait >= MIN_BACKOFF / 2 && wait <= MAX_BACKOFF, "{failures}: {wait:?}");
        }
        assert!(backoff(1) <= MIN_BACKOFF && backoff(9) >= MAX_BACKOFF / 2);
    }
}
