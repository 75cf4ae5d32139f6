//! The key-value stores of the memory store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_job::Timestamp;
use saggar_kv::{KvEffect, KvPlan, KvStored, MOST_EXPIRED, plan};

use super::MemoryStore;
use crate::{
    KvAnswer, KvChange, KvError, KvKeys, KvLimits, KvOperation, KvRefusal, KvStore, KvUsage, Pruned, StoreError,
};

/// The key-value stores of all tenants. Each has its own lock.
#[derive(Debug, Default)]
pub(super) struct KvSpaces(HashMap<Arc<str>, Arc<Mutex<KvSpace>>>);

impl KvSpaces {
    fn of(&mut self, tenant: &Arc<str>) -> Arc<Mutex<KvSpace>> {
        Arc::clone(self.0.entry(Arc::clone(tenant)).or_default())
    }

    /// Removes the entries of a tenant. There may be many, so the caller drops them without the lock.
    #[must_use]
    pub(super) fn remove(&mut self, tenant: &str) -> Option<Arc<Mutex<KvSpace>>> {
        self.0.remove(tenant)
    }
}

/// The key-value store of one tenant.
#[derive(Debug, Default)]
pub(super) struct KvSpace {
    entries: BTreeMap<String, KvStored>,
    /// The entries that expire, the first one first.
    expiring: BTreeSet<(Timestamp, String)>,
    usage: KvUsage,
    last_version: u64,
}

impl KvSpace {
    fn perform(&mut self, operation: KvOperation, limits: &KvLimits, now: Timestamp) -> Result<KvAnswer, KvRefusal> {
        operation.check()?;
        match operation {
            KvOperation::Get { key } => {
                let stored = self.entries.get(&key).filter(|stored| stored.is_live(now));
                Ok(KvAnswer::Entry(stored.cloned().and_then(|stored| stored.seen(now))))
            }
            KvOperation::Keys { prefix, after, limit } => {
                Ok(KvAnswer::Keys(self.keys(&prefix, after.as_deref(), limit, now)))
            }
            KvOperation::Change { key, change } => self.change(key, change, limits, now),
        }
    }

    fn keys(&self, prefix: &str, after: Option<&str>, limit: u32, now: Timestamp) -> KvKeys {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let entries = self.entries.range::<str, _>((from, Bound::Unbounded));
        let entries = entries.map(|(key, stored)| Ok::<_, Infallible>((key.clone(), stored.is_live(now))));
        let Ok(keys) = KvKeys::of(entries, prefix, limit);
        keys
    }

    fn change(
        &mut self,
        key: String,
        change: KvChange,
        limits: &KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvRefusal> {
        if self.entries.get(&key).is_some_and(|stored| !stored.is_live(now)) {
            self.remove(&key);
        }
        let KvPlan { effect, answer } = plan(change, self.entries.get(&key), self.last_version + 1, now)?;
        match effect {
            KvEffect::None => {}
            KvEffect::Remove => self.remove(&key),
            KvEffect::Put(new) => self.put(key, new, limits, now)?,
        }
        Ok(answer)
    }

    fn put(&mut self, key: String, new: KvStored, limits: &KvLimits, now: Timestamp) -> Result<(), KvRefusal> {
        let before = self.entries.get(&key).map(|stored| stored.value.len());
        let mut removed = 0;
        let usage = loop {
            match self.usage.replacing(&key, before, new.value.len(), limits) {
                Ok(usage) => break usage,
                Err(refusal) if removed == MOST_EXPIRED || self.remove_first(now).is_none() => return Err(refusal),
                Err(_) => removed += 1,
            }
        };
        self.remove(&key);
        self.usage = usage;
        self.last_version = new.version;
        if let Some(at) = new.expires_at {
            self.expiring.insert((at, key.clone()));
        }
        self.entries.insert(key, new);
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        let Some(stored) = self.entries.remove(key) else { return };
        if let Some(at) = stored.expires_at {
            self.expiring.remove(&(at, key.to_owned()));
        }
        self.usage = self.usage.without(key, stored.value.len());
    }

    /// Removes the entry that expired first; returns the bytes of its value, or `None` if no entry has expired.
    fn remove_first(&mut self, now: Timestamp) -> Option<u64> {
        let (_, key) = self.expiring.first().filter(|(at, _)| *at <= now)?.clone();
        let bytes = self.entries.get(&key).map_or(0, |stored| stored.value.len());
        self.remove(&key);
        Some(bytes as u64)
    }

    fn remove_expired(&mut self, most: usize, now: Timestamp) -> bool {
        let mut work = 0;
        while work < most {
            let Some(bytes) = self.remove_first(now) else { return false };
            work += 1 + Pruned::more_work(0, bytes);
        }
        true
    }
}

#[async_trait]
impl KvStore for MemoryStore {
    async fn kv(
        &self,
        tenant: &Arc<str>,
        operation: KvOperation,
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError> {
        let space = self.kv.lock().of(tenant);
        let answer = space.lock().perform(operation, &limits, now);
        Ok(answer?)
    }

    async fn kv_usage(&self, tenant: &Arc<str>) -> Result<KvUsage, StoreError> {
        let space = self.kv.lock().of(tenant);
        let usage = space.lock().usage;
        Ok(usage)
    }

    async fn remove_expired(&self, tenant: &Arc<str>, most: usize, now: Timestamp) -> Result<bool, StoreError> {
        let space = self.kv.lock().of(tenant);
        let more = space.lock().remove_expired(most, now);
        Ok(more)
    }
}
