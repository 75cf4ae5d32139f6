//! The key-value stores of tenants: passes each operation to the writer or to a reader.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use saggar_job::Timestamp;
use saggar_kv::KvChange;
use saggar_store::{KvAnswer, KvError, KvLimits, KvOperation, KvStore, KvUsage, StoreError};
use saggar_tenant::Flow;

use super::kv_rows;
use super::places;
use super::writer_state::WriterState;
use crate::SqliteStore;

impl SqliteStore {
    /// Returns to whom operations on the key-value store of a tenant are charged.
    fn kv_flow(&self, tenant: &Arc<str>) -> Flow {
        self.inner.registry.flow(tenant, &Arc::default())
    }

    async fn read_kv<T: Send + 'static>(
        &self,
        tenant: &Arc<str>,
        read: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (flow, tenant) = (self.kv_flow(tenant), Arc::clone(tenant));
        Ok(self.inner.readers()?.query(&flow, move |db| read(db, &tenant)).await?)
    }

    async fn change_kv(
        &self,
        tenant: &Arc<str>,
        (key, change): (String, KvChange),
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError> {
        let (flow, tenant) = (self.kv_flow(tenant), Arc::clone(tenant));
        let places = places::of_bytes(key.len() + change.value_bytes());
        let step = move |writer_state: &mut WriterState<'_>| {
            // Also if nothing is written: the answer says what was found, which a power cut must not undo.
            writer_state.batch_context.must_sync();
            let changed = kv_rows::change(writer_state.db, &tenant, (key.as_str(), change), &limits, now);
            changed.map(|changed| changed.map_err(KvError::from))
        };
        self.inner.writer().map_err(StoreError::from)?.ask_for(&flow, places, step).await
    }
}

#[async_trait]
impl KvStore for SqliteStore {
    async fn kv(
        &self,
        tenant: &Arc<str>,
        operation: KvOperation,
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError> {
        operation.check()?;
        match operation {
            KvOperation::Get { key } => {
                let found = self.read_kv(tenant, move |db, tenant| kv_rows::get(db, tenant, &key, now)).await?;
                Ok(KvAnswer::Entry(found))
            }
            KvOperation::Keys { prefix, after, limit } => {
                let read = move |db: &Connection, tenant: &str| {
                    kv_rows::keys(db, tenant, (prefix.as_str(), after.as_deref(), limit), now)
                };
                Ok(KvAnswer::Keys(self.read_kv(tenant, read).await?))
            }
            KvOperation::Change { key, change } => self.change_kv(tenant, (key, change), limits, now).await,
        }
    }

    async fn kv_usage(&self, tenant: &Arc<str>) -> Result<KvUsage, StoreError> {
        self.read_kv(tenant, kv_rows::usage).await
    }

    async fn remove_expired(&self, tenant: &Arc<str>, most: usize, now: Timestamp) -> Result<bool, StoreError> {
        // Usually there are none, and a step would be a write to the disk.
        if !self.read_kv(tenant, move |db, tenant| kv_rows::has_expired(db, tenant, now)).await? {
            return Ok(false);
        }
        let (flow, tenant) = (self.kv_flow(tenant), Arc::clone(tenant));
        let step = move |writer_state: &mut WriterState<'_>| {
            writer_state.batch_context.must_sync();
            kv_rows::remove_expired(writer_state.db, &tenant, most, now).map(Ok)
        };
        self.inner.writer()?.ask_for(&flow, places::of_many(most), step).await
    }
}
