//! The time limit of waits in tests: long enough for the slowest machine, and short enough that a failure is reported
//! instead of a hang.

use std::time::Duration;

/// The limit of every wait in a test. Correct code never comes close to it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The limit of a start that compiles components: the largest of the tests' guests takes half a minute of one processor, and
/// other tests compile at the same time.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(600);

/// Waits for `future`; panics with `what` if it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_limit(TIMEOUT, what, future).await
}

/// Like [`within`], for what compiles components.
pub async fn within_compile_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_limit(COMPILE_TIMEOUT, what, future).await
}

async fn within_limit<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what}: timed out after {limit:?}"),
    }
}
