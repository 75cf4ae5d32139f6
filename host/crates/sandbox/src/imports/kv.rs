//! `saggar:task/kv`: the tenant's key-value store.

use std::sync::Arc;

use saggar_job::Problem;
use saggar_kv::{KvAnswer, KvChange, KvEntry, KvKeys, KvOperation};

use crate::Services;
use crate::bindings::kv::{self, Host};
use crate::bindings::types;
use crate::guest::Guest;
use crate::used_imports::Import;

/// Maximum calls of this interface during one call of a guest, so that no attempt keeps the store busy for long.
const MAX_CALLS: u32 = 100_000;

/// What a function returns: an answer, or a problem for the guest.
type KvReply<T> = wasmtime::Result<Result<T, types::Problem>>;

impl Guest {
    fn kv_services(&mut self) -> KvReply<Arc<dyn Services>> {
        let current = self.current(Import::Kv)?;
        if current.kv_calls >= MAX_CALLS {
            let message = format!("one call may use `kv` at most {MAX_CALLS} times; add a job that continues instead");
            return Ok(Err(types::Problem { code: "budget-spent".into(), message, details: None }));
        }
        current.kv_calls += 1;
        Ok(Ok(current.services.clone()))
    }

    /// Performs an operation; `expected` returns the answer of the kind that the operation has.
    async fn kv<T>(&mut self, operation: KvOperation, expected: impl FnOnce(KvAnswer) -> Option<T>) -> KvReply<T> {
        let services = match self.kv_services()? {
            Ok(services) => services,
            Err(problem) => return Ok(Err(problem)),
        };
        match self.slices.clone().in_host(services.kv(operation)).await {
            Ok(answer) => {
                let answer = expected(answer).ok_or_else(|| wasmtime::Error::msg("the answer of another operation"));
                answer.map(Ok)
            }
            Err(Problem { code, message, details }) => Ok(Err(types::Problem { code, message, details })),
        }
    }

    async fn kv_change<T>(
        &mut self,
        key: String,
        change: KvChange,
        expected: impl FnOnce(KvAnswer) -> Option<T>,
    ) -> KvReply<T> {
        self.kv(KvOperation::Change { key, change }, expected).await
    }
}

impl Host for Guest {
    async fn get(&mut self, key: String) -> KvReply<Option<kv::Entry>> {
        let found = |answer| match answer {
            KvAnswer::Entry(found) => Some(found.map(entry)),
            _ => None,
        };
        self.kv(KvOperation::Get { key }, found).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> KvReply<u64> {
        let version = |answer| match answer {
            KvAnswer::Version(version) => Some(version),
            _ => None,
        };
        self.kv_change(key, KvChange::Set { value, ttl_ms }, version).await
    }

    async fn compare_and_swap(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> KvReply<Option<u64>> {
        let swapped = |answer| match answer {
            KvAnswer::Swapped(version) => Some(version),
            _ => None,
        };
        self.kv_change(key, KvChange::Swap { expected, value, ttl_ms }, swapped).await
    }

    async fn increment(&mut self, key: String, by: i64, ttl_ms: Option<u64>) -> KvReply<i64> {
        let sum = |answer| match answer {
            KvAnswer::Number(number) => Some(number),
            _ => None,
        };
        self.kv_change(key, KvChange::Increment { by, ttl_ms }, sum).await
    }

    async fn remove(&mut self, key: String, expected: Option<u64>) -> KvReply<bool> {
        let deleted = |answer| match answer {
            KvAnswer::Deleted(deleted) => Some(deleted),
            _ => None,
        };
        self.kv_change(key, KvChange::Delete { expected }, deleted).await
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> KvReply<kv::Page> {
        let page = |answer| match answer {
            KvAnswer::Keys(KvKeys { keys, next }) => Some(kv::Page { keys, next }),
            _ => None,
        };
        self.kv(KvOperation::Keys { prefix, after, limit }, page).await
    }
}

fn entry(entry: KvEntry) -> kv::Entry {
    let KvEntry { value, version, expires_in_ms } = entry;
    kv::Entry { value, version, expires_in_ms }
}
