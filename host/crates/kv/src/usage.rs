//! How much a tenant has stored, and how much it may.

use crate::{KvRefusal, KvStored};

/// The most that a tenant may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLimits {
    /// Keys.
    pub keys: u64,
    /// Bytes ([`KvStored::bytes`]).
    pub bytes: u64,
}

/// What a tenant has stored, entries that have expired and are not removed included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvUsage {
    /// Keys.
    pub keys: u64,
    /// Bytes ([`KvStored::bytes`]).
    pub bytes: u64,
}

impl KvUsage {
    /// Returns the usage after an entry with a value of `before` bytes, or no entry, is replaced with one of `after`
    /// bytes.
    ///
    /// # Errors
    ///
    /// [`KvRefusal::TooManyKeys`] or [`KvRefusal::TooManyBytes`] if it grows beyond the limits. An entry may become smaller
    /// even if the usage exceeds them, as it does after an operator has lowered them.
    pub fn replacing(
        self,
        key: &str,
        before: Option<usize>,
        after: usize,
        limits: &KvLimits,
    ) -> Result<Self, KvRefusal> {
        let freed = before.map_or(0, |bytes| KvStored::bytes(key, bytes));
        let taken = KvStored::bytes(key, after);
        let bytes = self.bytes.saturating_sub(freed).saturating_add(taken);
        if taken > freed && bytes > limits.bytes {
            return Err(KvRefusal::TooManyBytes { bytes, limit: limits.bytes });
        }
        if before.is_none() && self.keys >= limits.keys {
            return Err(KvRefusal::TooManyKeys { keys: self.keys, limit: limits.keys });
        }
        Ok(Self { keys: self.keys + u64::from(before.is_none()), bytes })
    }

    /// Returns the usage after an entry is removed.
    #[must_use]
    pub fn without(self, key: &str, value_bytes: usize) -> Self {
        let bytes = self.bytes.saturating_sub(KvStored::bytes(key, value_bytes));
        Self { keys: self.keys.saturating_sub(1), bytes }
    }
}
