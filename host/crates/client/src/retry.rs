//! Going on when the host is gone for a moment, with requests that do no harm when they are made twice.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::error::ClientError;

/// The pause after the first failure; each one after that is twice as long …
const MIN_BACKOFF: Duration = Duration::from_millis(100);

/// … up to this, so that a host that is back is noticed while somebody still looks.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// The pause after `failures` in a row. Chance moves it, for a host that comes back is awaited by all of its clients.
pub(crate) fn backoff(failures: u32) -> Duration {
    let longest = MIN_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(MAX_BACKOFF);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

impl Client {
    /// What `send` answers; it is asked again while a host that was there before is gone, and no longer than the client's
    /// patience lasts. A request that was cut counts as being there, be it the first one.
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
    fn pauses_grow_and_are_bounded() {
        for failures in 1..100 {
            let wait = backoff(failures);
            assert!(wait >= MIN_BACKOFF / 2 && wait <= MAX_BACKOFF, "{failures}: {wait:?}");
        }
        assert!(backoff(1) <= MIN_BACKOFF && backoff(9) >= MAX_BACKOFF / 2);
    }
}
