//! The tenant's key-value store: what a plugin keeps between jobs.
//!
//! ```
//! # use saggar_guest::prelude::*;
//! # let host = saggar_guest::testing::FakeHost::new();
//! # host.call(|_| -> Result<(), Problem> {
//! kv::set("user/7", &json!({ "name": "Ada" }))?;
//! let user: Option<Value> = kv::get("user/7")?;
//! assert_eq!(user, Some(json!({ "name": "Ada" })));
//! assert_eq!(kv::increment("visits", 1)?, 1);
//! # Ok(())
//! # }).unwrap();
//! ```
//!
//! All tasks of the tenant share it. A task that uses it requests it (`"sandbox": {"kv": "write"}`), and the operator grants
//! it; every other call fails with `not-granted`.
//!
//! Each call is one atomic step, and a write is on disk before it returns. A write does not depend on how the attempt ends,
//! and an attempt that is repeated repeats its writes: use [`update`], [`swap`], or keys that are made of the job's id.
//!
//! Values are JSON, as in the SDKs for other languages; [`get_bytes`] and [`set_bytes`] are for any others. A key has from 1 to
//! 512 bytes, a value at most 1 MiB.
//!
//! Every function can return a [`Problem`] with one of the codes `not-granted`, `invalid-key`, `value-too-large`,
//! `kv-full`, `not-a-number`, `overflow`, `invalid-value`, `budget-spent`, `store-full`, `store-busy`, `store-failed`.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::tasks::millis;
use crate::{Problem, host};

/// Keys that [`keys`] asks the host for at a time.
const PAGE: u32 = 1_000;

/// An entry with its version. `T` is the type of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry<T> {
    /// The value.
    pub value: T,
    /// The version, which every write changes: pass it to [`swap`] or [`remove_version`].
    pub version: u64,
    /// The time until it expires; `None` if it does not.
    pub expires_in: Option<Duration>,
}

/// Some keys, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvPage {
    /// The keys.
    pub keys: Vec<String>,
    /// After which key to continue; `None` if there are no more keys.
    pub next: Option<String>,
}

/// Returns the value of a key; `None` if there is none.
///
/// A value that does not deserialize into `T` is a problem with the code `invalid-value`.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Problem> {
    Ok(entry(key)?.map(|entry| entry.value))
}

/// Returns the entry of a key: its value, version and time.
pub fn entry<T: DeserializeOwned>(key: &str) -> Result<Option<KvEntry<T>>, Problem> {
    let Some(KvEntry { value, version, expires_in }) = host::kv::get(key)? else { return Ok(None) };
    let value = serde_json::from_slice(&value).map_err(|error| invalid(key, &error))?;
    Ok(Some(KvEntry { value, version, expires_in }))
}

/// Returns the value of a key as bytes.
pub fn get_bytes(key: &str) -> Result<Option<KvEntry<Vec<u8>>>, Problem> {
    host::kv::get(key)
}

/// Writes a value; returns its version.
pub fn set<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<u64, Problem> {
    host::kv::set(key, &to_json(key, value)?, None)
}

/// Writes a value that expires after `time`.
pub fn set_for<T: Serialize + ?Sized>(key: &str, value: &T, time: Duration) -> Result<u64, Problem> {
    host::kv::set(key, &to_json(key, value)?, Some(millis(time)))
}

/// Writes bytes, which need not be JSON.
pub fn set_bytes(key: &str, value: &[u8], time: Option<Duration>) -> Result<u64, Problem> {
    host::kv::set(key, value, time.map(millis))
}

/// Writes a value if the entry has the version `expected`, or if there is no entry for `None`. Returns the new version;
/// `None` if the entry is another one.
pub fn swap<T: Serialize + ?Sized>(key: &str, expected: Option<u64>, value: &T) -> Result<Option<u64>, Problem> {
    host::kv::swap(key, expected, &to_json(key, value)?, None)
}

/// Swaps like [`swap`] a value that expires after `time`.
pub fn swap_for<T: Serialize + ?Sized>(
    key: &str,
    expected: Option<u64>,
    value: &T,
    time: Duration,
) -> Result<Option<u64>, Problem> {
    host::kv::swap(key, expected, &to_json(key, value)?, Some(millis(time)))
}

/// Replaces a value with what `change` makes of it, and returns that. Calls `change` again if another job has written the
/// entry meanwhile, so it should have no other effects.
///
/// ```
/// # use saggar_guest::prelude::*;
/// # let host = saggar_guest::testing::FakeHost::new();
/// # host.call(|_| -> Result<(), Problem> {
/// let seen = kv::update("seen", |seen: Option<Vec<u64>>| {
///     let mut seen = seen.unwrap_or_default();
///     seen.push(7);
///     seen
/// })?;
/// assert_eq!(seen, [7]);
/// # Ok(())
/// # }).unwrap();
/// ```
pub fn update<T: Serialize + DeserializeOwned>(
    key: &str,
    mut change: impl FnMut(Option<T>) -> T,
) -> Result<T, Problem> {
    loop {
        let (before, version) = match entry(key)? {
            Some(KvEntry { value, version, .. }) => (Some(value), Some(version)),
            None => (None, None),
        };
        let value = change(before);
        if swap(key, version, &value)?.is_some() {
            return Ok(value);
        }
    }
}

/// Adds to a number, and returns the sum; no entry counts as 0.
pub fn increment(key: &str, by: i64) -> Result<i64, Problem> {
    host::kv::increment(key, by, None)
}

/// Adds to a number that expires `time` after the call that creates it.
pub fn increment_for(key: &str, by: i64, time: Duration) -> Result<i64, Problem> {
    host::kv::increment(key, by, Some(millis(time)))
}

/// Removes an entry; returns whether there was one.
pub fn remove(key: &str) -> Result<bool, Problem> {
    host::kv::remove(key, None)
}

/// Removes an entry if it has this version; returns whether it had.
pub fn remove_version(key: &str, version: u64) -> Result<bool, Problem> {
    host::kv::remove(key, Some(version))
}

/// Returns all keys that begin with `prefix`. There may be many; [`page`] returns some of them.
pub fn keys(prefix: &str) -> Result<Vec<String>, Problem> {
    let (mut keys, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = page(prefix, after.as_deref(), PAGE)?;
        keys.extend(page.keys);
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

/// Returns keys that begin with `prefix`, after the key `after`, and at most `limit` of them (at most 1,000).
pub fn page(prefix: &str, after: Option<&str>, limit: u32) -> Result<KvPage, Problem> {
    host::kv::keys(prefix, after, limit)
}

fn to_json<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| invalid(key, &error))
}

fn invalid(key: &str, error: &serde_json::Error) -> Problem {
    Problem::new("invalid-value", format!("the value of the key `{key}`: {error}"))
}
