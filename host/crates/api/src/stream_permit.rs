//! Permits of streaming answers: limit how many clients follow or wait at a time, and end their waits.

use std::sync::Arc;
use std::time::Duration;

use saggar_tenant::Taken;
use saggar_wire::Code;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::grants::Grant;
use crate::shares::Share;

/// Maximum silence of a streaming answer: shorter than the idle timeout of common proxies.
const MAX_SILENCE: Duration = Duration::from_secs(15);

/// The right to follow or wait, until it is dropped ([`Service::stream_permit`](crate::Service)).
#[derive(Debug)]
pub(crate) struct StreamPermit {
    /// Of the host, of the quota of the tenant that is charged, and of its share.
    _permits: (OwnedSemaphorePermit, Option<Taken>, Share),
    stop: CancellationToken,
    grant: Arc<Grant>,
    /// When the token expires.
    expires_at: Option<Instant>,
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
    /// The listener is stopping, or the token is not valid any more.
    Stop,
}

impl StreamPermit {
    pub(crate) fn new(
        permits: (OwnedSemaphorePermit, Option<Taken>, Share),
        stop: CancellationToken,
        grant: Arc<Grant>,
        expires_at: Option<Instant>,
    ) -> Self {
        Self { _permits: permits, stop, grant, expires_at, keep_alive_at: Instant::now() + MAX_SILENCE }
    }

    /// Waits for `future`. Drops it if the wait ends for another reason.
    pub(crate) async fn wait_for<T>(&mut self, future: impl Future<Output = T>) -> Waited<T> {
        let waited = tokio::select! {
            biased;
            () = self.stop.cancelled() => Waited::Stop,
            _ = self.invalid() => Waited::Stop,
            value = future => Waited::Ready(value),
            () = sleep_until(self.keep_alive_at) => Waited::Silence,
        };
        self.keep_alive_at = Instant::now() + MAX_SILENCE;
        waited
    }

    /// Resolves with the reason when the token is not valid any more.
    pub(crate) async fn invalid(&self) -> Code {
        let expired = async {
            match self.expires_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.grant.revoked().cancelled() => Code::Unauthorized,
            () = expired => Code::TokenExpired,
        }
    }
}
