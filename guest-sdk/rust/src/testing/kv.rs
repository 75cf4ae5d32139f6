//! The key-value store of a fake host: one store for all tasks, in which nothing expires.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calls::with;
use crate::Problem;
use crate::kv::{KvEntry, KvPage};

/// The entries of a fake host.
#[derive(Debug, Default)]
pub(super) struct FakeKv {
    entries: BTreeMap<String, KvEntry<Vec<u8>>>,
    last_version: u64,
}

impl FakeKv {
    pub(super) fn entry(&self, key: &str) -> Option<&KvEntry<Vec<u8>>> {
        self.entries.get(key)
    }

    pub(super) fn put(&mut self, key: &str, value: Vec<u8>, expires_in: Option<Duration>) -> u64 {
        self.last_version += 1;
        let version = self.last_version;
        self.entries.insert(key.into(), KvEntry { value, version, expires_in });
        version
    }

    fn version(&self, key: &str) -> Option<u64> {
        self.entry(key).map(|entry| entry.version)
    }

    fn increment(&mut self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Problem> {
        let (text, expires_in) = match self.entry(key) {
            Some(entry) => (String::from_utf8_lossy(&entry.value).into_owned(), entry.expires_in),
            None => ("0".to_owned(), ttl),
        };
        let not_a_number =
            || Problem::new("not-a-number", format!("the value of `{key}` is not a whole number: {text}"));
        let number: i64 = text.parse().map_err(|_| not_a_number())?;
        let overflow = || Problem::new("overflow", format!("{number} incremented by {by} is out of range"));
        let sum = number.checked_add(by).ok_or_else(overflow)?;
        self.put(key, sum.to_string().into_bytes(), expires_in);
        Ok(sum)
    }

    fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> KvPage {
        let is_next = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        let mut found = self.entries.keys().filter(is_next);
        let keys: Vec<String> = found.by_ref().take(limit.clamp(1, 1_000) as usize).cloned().collect();
        let next = found.next().and_then(|_| keys.last().cloned());
        KvPage { keys, next }
    }
}

fn ttl(ttl_ms: Option<u64>) -> Option<Duration> {
    ttl_ms.map(Duration::from_millis)
}

pub(crate) fn get(key: &str) -> Result<Option<KvEntry<Vec<u8>>>, Problem> {
    Ok(with(|state| state.kv.entry(key).cloned()))
}

pub(crate) fn set(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, Problem> {
    Ok(with(|state| state.kv.put(key, value.to_vec(), ttl(ttl_ms))))
}

pub(crate) fn swap(
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: Option<u64>,
) -> Result<Option<u64>, Problem> {
    Ok(with(|state| {
        let is_expected = state.kv.version(key) == expected;
        is_expected.then(|| state.kv.put(key, value.to_vec(), ttl(ttl_ms)))
    }))
}

pub(crate) fn increment(key: &str, by: i64, ttl_ms: Option<u64>) -> Result<i64, Problem> {
    with(|state| state.kv.increment(key, by, ttl(ttl_ms)))
}

pub(crate) fn remove(key: &str, expected: Option<u64>) -> Result<bool, Problem> {
    Ok(with(|state| {
        let is_expected = expected.is_none() || state.kv.version(key) == expected;
        is_expected && state.kv.entries.remove(key).is_some()
    }))
}

pub(crate) fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<KvPage, Problem> {
    Ok(with(|state| state.kv.keys(prefix, after, limit)))
}
