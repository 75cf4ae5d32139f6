//! How long a test waits for what must happen: long enough for the slowest machine, short enough that a failure is a
//! message and not a hang.

use std::time::Duration;

/// The limit of every wait in a test. Working code never comes close to it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits for `future`; panics with `what` if it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what}: nothing after {TIMEOUT:?}"),
    }
}
