//! The key-value store of a tenant.

use crate::access::Access;

/// What an operator grants of the key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvGrant {
    /// The most that a task may request.
    pub access: Access,
    /// Bytes of all keys and values of the tenant.
    pub max_bytes: u64,
    /// Keys of the tenant.
    pub max_keys: u64,
}

/// What a task has of the key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvGranted {
    /// What it may do.
    pub access: Access,
    /// The beginning of the keys that it may use; empty for all keys.
    pub prefix: String,
    /// Bytes of all keys and values of the tenant.
    pub max_bytes: u64,
    /// Keys of the tenant.
    pub max_keys: u64,
}

impl KvGrant {
    /// The default of `max_bytes`.
    pub const DEFAULT_BYTES: u64 = 64 << 20;

    /// The default of `max_keys`.
    pub const DEFAULT_KEYS: u64 = 100_000;
}

impl KvGranted {
    /// Returns whether the task may use this key.
    pub fn allows_key(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
    }
}
