//! The end of a store that can be trusted no more: said once, for good, to everybody.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::error::SqliteError;

#[derive(Debug, Default)]
pub(super) struct Failure {
    why: OnceLock<Arc<str>>,
    told: Notify,
}

impl Failure {
    /// The store has failed. The first reason stays.
    pub(super) fn fail(&self, what: &str, error: &dyn std::error::Error) -> SqliteError {
        let why = self.why.get_or_init(|| {
            tracing::error!(what, %error, "the job store has failed; nothing more is done");
            format!("{what}: {error}").into()
        });
        self.told.notify_waiters();
        SqliteError::Failed { why: Arc::clone(why) }
    }

    /// Lives a thread's life on which all others depend. If it panics the store has failed; then it goes on, so that those who
    /// wait for something, and those who will, are told so rather than left waiting.
    pub(super) fn guard(&self, what: &str, mut life: impl FnMut()) {
        // Whatever it was changing when it panicked is not looked at again, since it asks first whether the store has failed.
        while std::panic::catch_unwind(AssertUnwindSafe(&mut life)).is_err() {
            self.fail(&format!("the thread that {what} has panicked"), &std::io::Error::other("see its message"));
        }
    }

    /// Why it failed, if it has.
    pub(super) fn check(&self) -> Result<(), SqliteError> {
        match self.why.get() {
            None => Ok(()),
            Some(why) => Err(SqliteError::Failed { why: Arc::clone(why) }),
        }
    }

    /// Waits until it has. Cancel-safe.
    pub(super) async fn failed(&self) -> SqliteError {
        loop {
            let mut told = std::pin::pin!(self.told.notified());
            told.as_mut().enable();
            if let Err(error) = self.check() {
                return error;
            }
            told.await;
        }
    }
}
