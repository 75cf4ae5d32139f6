//! The time limit of waits in tests: long enough for the slowest machine, and short enough that a failure is reported
//! instead of a hang.

use std::time::Duration;

/// The limit of every wait in a test. Correct code never comes close to it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits for `future`; panics with `what` if it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what}: timed out after {TIMEOUT:?}"),
    }
}
