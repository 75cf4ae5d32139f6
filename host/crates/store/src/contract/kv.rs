//! The contract of the key-value stores of tenants.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::Timestamp;
use saggar_kv::{KvAnswer, KvLimits, KvOperation, KvUsage};

use crate::{KvError, StoreError};

/// The part of a store that has the key-value stores of tenants. A store decides nothing: what a change does to an entry is
/// decided by [`plan`](saggar_kv::plan), called inside the store's atomic step.
#[async_trait]
pub trait KvStore: Send + Sync + 'static {
    /// Performs an operation on the entries of a tenant. Other tenants have entries of their own.
    ///
    /// Tests: `key_values::entries_are_written_read_and_deleted`, `key_values::only_the_expected_version_is_swapped`,
    /// `key_values::numbers_are_incremented`, `key_values::keys_are_listed_in_pages`,
    /// `key_values::tenants_have_their_own_entries`.
    ///
    /// Each operation is one atomic step, and the steps of a tenant have one order, which is the same for all callers: an
    /// operation finds what every operation that was answered before its call has written. In a store that outlives its
    /// process, what an answer says is durable before it returns, also if it only says what was found.
    ///
    /// Tests: `key_values::operations_of_many_callers_have_one_order`, `key_values::entries_survive_a_restart`.
    ///
    /// Each write gets the next version of the tenant, from 1; so none is given again when an entry was deleted or has
    /// expired.
    ///
    /// Tests: `key_value_bounds::versions_only_grow`.
    ///
    /// An entry that has expired at `now` is the same as none. `now` comes from the caller's clock, which may go back: an
    /// entry may then be there again, unless it was removed.
    ///
    /// Tests: `key_value_bounds::entries_expire`.
    ///
    /// Entries are counted as [`KvStored::bytes`](saggar_kv::KvStored::bytes) says. A write is refused if there would be
    /// more keys or bytes than `limits` allow and the entry grows. Entries that have expired are removed first, at most
    /// [`MOST_EXPIRED`](saggar_kv::MOST_EXPIRED), so they take no room from others.
    ///
    /// Tests: `key_value_bounds::bounds_are_exact`, `key_value_bounds::expired_entries_make_room`.
    ///
    /// # Errors
    ///
    /// [`KvError::Refused`] with what [`KvOperation::check`], [`plan`](saggar_kv::plan) and
    /// [`KvUsage::replacing`] refuse, in this order. If the future is dropped before it completes, the step may still take
    /// effect.
    ///
    /// Tests: `key_value_bounds::keys_and_values_are_checked`, `key_value_bounds::random_operations_are_answered_as_in_memory`.
    async fn kv(
        &self,
        tenant: &Arc<str>,
        operation: KvOperation,
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError>;

    /// Returns how much a tenant has stored, including entries that have expired and were not removed yet. Reflects every step
    /// that was answered before the call.
    ///
    /// Tests: `key_value_bounds::bounds_are_exact`.
    async fn kv_usage(&self, tenant: &Arc<str>) -> Result<KvUsage, StoreError>;

    /// Removes entries of a tenant that have expired at `now`, the first one first; returns whether more may be left. Stops when
    /// that was as much work as the removal of `most` short ones, or a little more, so that no step blocks others for long.
    ///
    /// Tests: `key_value_bounds::expired_entries_are_removed_in_steps`.
    async fn remove_expired(&self, tenant: &Arc<str>, most: usize, now: Timestamp) -> Result<bool, StoreError>;
}
