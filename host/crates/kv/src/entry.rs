//! Entries: as a store has them, and as a guest sees them.

use std::time::Duration;

use saggar_job::Timestamp;
use serde::{Deserialize, Serialize};

/// An entry as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvStored {
    /// The value.
    pub value: Vec<u8>,
    /// The version that it was written as. No other value that the tenant ever had has the same one.
    pub version: u64,
    /// From when on there is no entry; `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
}

/// An entry as a guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// The value.
    pub value: Vec<u8>,
    /// Its version, which changes with every write.
    pub version: u64,
    /// In how many milliseconds it expires; `None` if it does not.
    pub expires_in_ms: Option<u64>,
}

impl KvStored {
    /// What an entry takes beside its key and value: its row or node, and its place in the index of times.
    const FIXED: u64 = 64;

    /// Returns the bytes that an entry is counted as, the same in every store.
    pub fn bytes(key: &str, value_bytes: usize) -> u64 {
        Self::FIXED + (key.len() + value_bytes) as u64
    }

    /// Returns whether it has not expired at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        is_live(self.expires_at, now)
    }

    /// Returns what a guest sees of it; `None` if it has expired.
    pub fn seen(self, now: Timestamp) -> Option<KvEntry> {
        if !self.is_live(now) {
            return None;
        }
        let Self { value, version, expires_at } = self;
        let ms = |left: Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        Some(KvEntry { value, version, expires_in_ms: expires_at.map(|at| ms(at.since(now))) })
    }
}

/// Returns whether an entry with this time has not expired at `now`.
pub(crate) fn is_live(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|at| now < at)
}
