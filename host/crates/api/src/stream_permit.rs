//! Permits for responses that last: how many clients may follow or wait at a time, and what ends the wait of each.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The longest silence of an answer that lasts: less than what proxies on the way take for its end.
const SILENCE: Duration = Duration::from_secs(15);

/// The right to follow or to wait, until it is dropped ([`Service::stream_permit`](crate::Service)).
#[derive(Debug)]
pub(crate) struct StreamPermit {
    _permit: OwnedSemaphorePermit,
    stop: CancellationToken,
    /// When the silence has lasted.
    break_at: Instant,
}

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    /// What was waited for.
    Came(T),
    /// The silence has lasted.
    Silence,
    /// The listener stops.
    Stop,
}

impl StreamPermit {
    pub(crate) fn new(permit: OwnedSemaphorePermit, stop: CancellationToken) -> Self {
        Self { _permit: permit, stop, break_at: Instant::now() + SILENCE }
    }

    /// Waits for `something`, which is dropped if anything else comes first.
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
