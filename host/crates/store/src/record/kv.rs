//! Why an operation on a key-value store was not performed.

use saggar_kv::KvRefusal;

use super::StoreError;

/// Why an operation on a key-value store was not performed. `code` is for programs and never changes.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// It was refused, and changed nothing.
    #[error(transparent)]
    Refused(#[from] KvRefusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KvError {
    /// Returns a stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Store(error) => error.code(),
        }
    }
}
