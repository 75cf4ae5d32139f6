//! Permits of streaming answers: limit how many clients follow or wait at a time, and end their waits.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Maximum silence of a streaming answer: shorter than the idle timeout of common proxies.
const MAX_SILENCE: Duration = Duration::from_secs(15);

/// The right to follow or wait, until it is dropped ([`Service::stream_permit`](crate::Service)).
#[derive(Debug)]
pub(crate) struct StreamPermit {
    _permit: OwnedSemaphorePermit,
    stop: CancellationToken,
    /// When the current silence reaches its maximum.
    keep_alive_at: Instant,
}

/// The outcome of a wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    /// The future completed with this value.
    Ready(T),
    /// The answer has been silent for too long.
    Silence,
    /// The listener is stopping.
    Stop,
}

impl StreamPermit {
    pub(crate) fn new(permit: OwnedSemaphorePermit, stop: CancellationToken) -> Self {
        Self { _permit: permit, stop, keep_alive_at: Instant::now() + MAX_SILENCE }
    }

    /// Waits for `future`. Drops it if the wait ends for another reason.
    pub(crate) async fn wait_for<T>(&mut self, future: impl Future<Output = T>) -> Waited<T> {
        let waited = tokio::select! {
            biased;
            () = self.stop.cancelled() => Waited::Stop,
            value = future => Waited::Ready(value),
            () = tokio::time::sleep_until(self.keep_alive_at) => Waited::Silence,
        };
        self.keep_alive_at = Instant::now() + MAX_SILENCE;
        waited
    }
}
