//! Why an operation is refused. `code` is for programs and never changes; the message is for people.

use crate::{MAX_KEY, MAX_VALUE};

/// Why an operation was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvRefusal {
    /// The key is empty or too long.
    #[error("a key has from 1 to {MAX_KEY} bytes, and this one has {bytes}")]
    InvalidKey {
        /// Its bytes.
        bytes: usize,
    },
    /// The value is too long.
    #[error(
        "a value has at most {MAX_VALUE} bytes (1 MiB), and this one has {bytes}; store parts of it under several keys"
    )]
    ValueTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The tenant may have no more keys.
    #[error("the key-value store has {keys} keys, and the grant allows {limit}; delete some, or let them expire")]
    TooManyKeys {
        /// The keys that there are.
        keys: u64,
        /// How many are granted.
        limit: u64,
    },
    /// The tenant may have no more bytes.
    #[error(
        "the key-value store would have {bytes} bytes, and the grant allows {limit}; store less, or delete entries"
    )]
    TooManyBytes {
        /// The bytes that there would be.
        bytes: u64,
        /// How many are granted.
        limit: u64,
    },
    /// The value that is to be incremented is not a number.
    #[error("the value is not a whole number from -2^63 to 2^63 - 1 in decimal digits, so it cannot be incremented")]
    NotANumber,
    /// The incremented number would be out of range.
    #[error("{number} incremented by {by} is outside of the range from -2^63 to 2^63 - 1")]
    Overflow {
        /// The number.
        number: i64,
        /// What was to be added.
        by: i64,
    },
}

impl KvRefusal {
    /// Returns a stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidKey { .. } => "invalid-key",
            Self::ValueTooLarge { .. } => "value-too-large",
            Self::TooManyKeys { .. } | Self::TooManyBytes { .. } => "kv-full",
            Self::NotANumber => "not-a-number",
            Self::Overflow { .. } => "overflow",
        }
    }
}
