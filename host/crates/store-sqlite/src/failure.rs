//! The failure of a store: recorded once, permanent, and reported to every caller.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::error::SqliteError;

#[derive(Debug, Default)]
pub(super) struct Failure {
    why: OnceLock<Arc<str>>,
    notify: Notify,
}

impl Failure {
    /// Records that the store has failed, and returns the error. The first reason is retained.
    pub(super) fn fail(&self, what: &str, error: &dyn std::error::Error) -> SqliteError {
        let why = self.why.get_or_init(|| {
            tracing::error!(what, %error, "the job store has failed; every request is refused");
            format!("{what}: {error}").into()
        });
        self.notify.notify_waiters();
        SqliteError::Failed { why: Arc::clone(why) }
    }

    /// Runs the body of a thread that others depend on. If it panics the store has failed; then the body runs again, so
    /// that present and future callers get an error instead of waiting forever.
    pub(super) fn guard(&self, what: &str, mut body: impl FnMut()) {
        // State that a panic left inconsistent is not used again, because the body first checks whether the store has
        // failed.
        while std::panic::catch_unwind(AssertUnwindSafe(&mut body)).is_err() {
            self.fail(&format!("the thread that {what} has panicked"), &std::io::Error::other("see its message"));
        }
    }

    /// Returns an error with the reason if the store has failed.
    pub(super) fn check(&self) -> Result<(), SqliteError> {
        match self.why.get() {
            None => Ok(()),
            Some(why) => Err(SqliteError::Failed { why: Arc::clone(why) }),
        }
    }

    /// Waits until the store has failed. Cancel-safe.
    pub(super) async fn failed(&self) -> SqliteError {
        loop {
            let mut notified = std::pin::pin!(self.notify.notified());
            notified.as_mut().enable();
            if let Err(error) = self.check() {
                return error;
            }
            notified.await;
        }
    }
}
