//! How long a test waits for what must happen: long enough for the slowest machine, short enough that a failure is a
//! message and not a hang.

use std::time::Duration;

/// Everything that a test waits for happens within this time. Nothing that works comes near it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The outcome of `future`, which is about `what`; panics if there is none in time.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what}: nothing after {TIMEOUT:?}"),
    }
}
