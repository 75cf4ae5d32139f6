//! Permits of streaming answers: how many clients may follow or wait at a time, and what ends the wait of each.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The longest silence of a streaming answer: shorter than the idle timeout of common proxies.
const SILENCE: Duration = Duration::from_secs(15);

/// The right to follow or to wait, until it is dropped ([`Service::stream_permit`](crate::Service)).
#[derive(Debug)]
pub(crate) struct StreamPermit {
    _permit: OwnedSemaphorePermit,
    stop: CancellationToken,
    /// When the silence becomes too long.
    break_at: Instant,
}

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    /// The awaited value.
    Came(T),
    /// It has been silent for too long.
    Silence,
    /// The listener stops.
    Stop,
}

impl StreamPermit {
    pub(crate) fn new(permit: OwnedSemaphorePermit, stop: CancellationToken) -> Self {
        Self { _permit: permit, stop, break_at: Instant::now() + SILENCE }
    }

    /// Waits for `something`, which is dropped if another end of the wait comes first.
    pub(crate) async fn wait_for<T>(&mut self, something: impl Future<Output = T>) -> Waited<T> {
        let waited = tokio::select! {
            biased;
            () = self.stop.cancelled() => Waited::Stop,
            came = something => Waited::Came(came),
            () = tokio::time::sleep_until(self.break_at) => Waited::Silence,
        };
        self.break_at = Instant::now() + SILENCE;
        waited
    }
}
