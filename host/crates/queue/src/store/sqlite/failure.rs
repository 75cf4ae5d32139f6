//! The end of a store that can be trusted no more: said once, for good, to everybody.

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
