//! The key-value store of the real host.

use std::time::Duration;

use super::bindings::saggar::task::kv;
use crate::Problem;
use crate::kv::{KvEntry, KvPage};

pub(crate) fn get(key: &str) -> Result<Option<KvEntry<Vec<u8>>>, Problem> {
    let found = kv::get(key).map_err(Problem::from_host)?;
    Ok(found.map(|kv::Entry { value, version, expires_in_ms }| KvEntry {
        value,
        version,
        expires_in: expires_in_ms.map(Duration::from_millis),
    }))
}

pub(crate) fn set(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, Problem> {
    kv::set(key, value, ttl_ms).map_err(Problem::from_host)
}

pub(crate) fn swap(
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: Option<u64>,
) -> Result<Option<u64>, Problem> {
    kv::compare_and_swap(key, expected, value, ttl_ms).map_err(Problem::from_host)
}

pub(crate) fn increment(key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64, Problem> {
    kv::increment(key, by, ttl_ms).map_err(Problem::from_host)
}

pub(crate) fn remove(key: &str, expected: Option<u64>) -> Result<bool, Problem> {
    kv::remove(key, expected).map_err(Problem::from_host)
}

pub(crate) fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<KvPage, Problem> {
    let kv::Page { keys, next } = kv::keys(prefix, after, limit).map_err(Problem::from_host)?;
    Ok(KvPage { keys, next })
}
