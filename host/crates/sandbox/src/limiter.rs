//! Limits the memory of an instance: all its memories, tables and resources together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use saggar_tenant::{Quota, Tenant};
use wasmtime::ResourceLimiter;

/// Bytes of host memory per table entry.
pub(crate) const TABLE_ENTRY_BYTES: usize = 8;

/// Maximum entries of all tables in one store. Go components need 20,000.
pub(crate) const MAX_TABLE_ENTRIES: u32 = 100_000;

/// Maximum core instances, memories and tables in one store. Interpreters of shared libraries have dozens of instances.
pub(crate) const MAX_CORE_INSTANCES: u32 = 100;
/// See [`MAX_CORE_INSTANCES`].
pub(crate) const MAX_MEMORIES: u32 = 4;
/// See [`MAX_CORE_INSTANCES`].
pub(crate) const MAX_TABLES: u32 = 16;

/// Bytes of memories, tables and resources of all instances of an engine. Cheap to clone; clones share the sum.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryTotal(Arc<AtomicU64>);

impl MemoryTotal {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The limiter of a store. Memories and tables are never subtracted, because an instance cannot shrink them; resources
/// are.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_bytes: usize,
    memory_bytes: usize,
    table_entries: usize,
    resource_bytes: usize,
    peak_bytes: u64,
    /// Bytes of memories and tables after the first call.
    first_bytes: Option<u64>,
    refusal: Option<Refusal>,
    memory_total: MemoryTotal,
    tenant: Arc<Tenant>,
}

/// The last refused growth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    /// The time of the refusal.
    pub(crate) at: Instant,
    /// The reason.
    pub(crate) why: Refused,
}

/// Why a growth was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The new total in bytes exceeds the sandbox's limit.
    Memory(usize),
    /// The new total of table entries exceeds [`MAX_TABLE_ENTRIES`].
    TableEntries(usize),
    /// The growth exceeds the maximum that the component declares for a memory (bytes) or a table (entries).
    OwnMaximum(usize),
    /// The growth exceeds what the tenant's quota leaves; idle instances of the tenant were given up.
    Quota {
        /// Bytes that were asked for, beyond those that the sandbox holds.
        more: u64,
        /// The quota.
        limit: u64,
        /// Bytes that other sandboxes of the tenant hold.
        others: u64,
    },
    /// The operating system refused the memory.
    System,
}

impl Limiter {
    pub(crate) fn new(max_bytes: u64, memory_total: MemoryTotal, tenant: Arc<Tenant>) -> Self {
        Self {
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            memory_bytes: 0,
            table_entries: 0,
            resource_bytes: 0,
            peak_bytes: 0,
            first_bytes: None,
            refusal: None,
            memory_total,
            tenant,
        }
    }

    /// Returns the bytes of all memories, tables and resources.
    pub(crate) fn bytes(&self) -> u64 {
        (self.memory_bytes.saturating_add(self.table_bytes()).saturating_add(self.resource_bytes)) as u64
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes as u64
    }

    /// Returns the maximum of [`bytes`](Self::bytes) since the current or last call began.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Returns the last refusal, unless the guest continued with something else.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Starts a call.
    pub(crate) fn begin(&mut self) {
        self.refusal = None;
        self.peak_bytes = self.bytes();
    }

    /// Clears the refusal, because the guest handled it: it did something other than fail.
    pub(crate) fn forget_refusal(&mut self) {
        self.refusal = None;
    }

    /// Returns whether the last growth was refused because of the tenant's quota.
    pub(crate) fn is_refused_by_quota(&self) -> bool {
        matches!(self.refusal, Some(Refusal { why: Refused::Quota { .. }, .. }))
    }

    /// Notes a refusal in a replay, whose reason is not known any more.
    pub(crate) fn refuse(&mut self) {
        self.allow(false, Refused::System);
    }

    /// Sets the bytes of the guest's resources; returns whether they are allowed.
    pub(crate) fn set_resource_bytes(&mut self, bytes: usize) -> bool {
        let (before, level) = (self.bytes(), Arc::clone(self.tenant.level(Quota::Memory)));
        self.update(|limiter| limiter.resource_bytes = bytes);
        let after = self.bytes();
        let total = self.memory_bytes.saturating_add(bytes);
        if !self.allow(total <= self.max_bytes, Refused::Memory(total)) || after <= before {
            level.change(before, after);
            return total <= self.max_bytes;
        }
        let refused = self.refused_by_tenant(after - before);
        if refused.is_some() {
            level.count(after - before);
        }
        self.allow_unless(refused)
    }

    /// Returns whether the instance has grown so much since its first call that a call which fits into a fresh instance
    /// might not fit into this one: by half of what the first call left free, or by an eighth of the limit. Replacing
    /// an instance costs less than that growth did.
    pub(crate) fn is_nearly_full(&mut self) -> bool {
        let now = (self.memory_bytes.saturating_add(self.table_bytes())) as u64;
        let first = *self.first_bytes.get_or_insert(now);
        let most = self.max_bytes() / 8;
        let is_full = |grown: u64, free: u64| grown >= (free / 2).min(most);
        let max_entries = u64::from(MAX_TABLE_ENTRIES);
        is_full(now - first.min(now), self.max_bytes().saturating_sub(first))
            || (self.table_entries as u64) > max_entries - max_entries / 8
    }

    fn table_bytes(&self) -> usize {
        self.table_entries.saturating_mul(TABLE_ENTRY_BYTES)
    }

    /// Takes `more` bytes of the tenant's quota. Returns why that is not possible.
    fn refused_by_tenant(&self, more: u64) -> Option<Refused> {
        let exceeded = self.tenant.take_from_idle(Quota::Memory, more).err()?;
        let others = self.tenant.level(Quota::Memory).used().saturating_sub(self.bytes());
        Some(Refused::Quota { more, limit: exceeded.limit, others })
    }

    /// Changes a count, and the engine's total. The tenant's quota has been taken.
    fn update(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.bytes();
        change(self);
        let after = self.bytes();
        self.peak_bytes = self.peak_bytes.max(after);
        // Wraps around if the count decreased.
        self.memory_total.0.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    fn allow(&mut self, allowed: bool, why: Refused) -> bool {
        self.allow_unless((!allowed).then_some(why))
    }

    fn allow_unless(&mut self, refused: Option<Refused>) -> bool {
        if let Some(why) = refused {
            self.refusal = Some(Refusal { at: Instant::now(), why });
        }
        refused.is_none()
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.memory_total.0.fetch_sub(self.bytes(), Ordering::Relaxed);
        self.tenant.level(Quota::Memory).give_back(self.bytes());
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if let Some(maximum) = maximum.filter(|maximum| desired > *maximum) {
            return Ok(self.allow(false, Refused::OwnMaximum(maximum)));
        }
        let memory = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let total = memory.saturating_add(self.resource_bytes);
        if !self.allow(total <= self.max_bytes, Refused::Memory(total)) {
            return Ok(false);
        }
        let refused = self.refused_by_tenant((memory - self.memory_bytes) as u64);
        let allowed = self.allow_unless(refused);
        if allowed {
            self.update(|limiter| limiter.memory_bytes = memory);
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        if self.refusal.is_none() {
            self.allow(false, Refused::System);
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_entries.saturating_add(desired.saturating_sub(current));
        // First, because the pool gives each table the host's maximum as its own.
        if !self.allow(total <= MAX_TABLE_ENTRIES as usize, Refused::TableEntries(total)) {
            return Ok(false);
        }
        if let Some(maximum) = maximum.filter(|maximum| desired > *maximum) {
            return Ok(self.allow(false, Refused::OwnMaximum(maximum)));
        }
        let bytes = (total - self.table_entries).saturating_mul(TABLE_ENTRY_BYTES);
        let refused = self.refused_by_tenant(bytes as u64);
        let allowed = self.allow_unless(refused);
        if allowed {
            self.update(|limiter| limiter.table_entries = total);
        }
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use saggar_tenant::Quotas;

    use super::*;

    fn limiter(max_bytes: u64) -> Limiter {
        Limiter::new(max_bytes, MemoryTotal::default(), Tenant::new("acme"))
    }

    #[test]
    fn an_engine_counts_the_memory_of_all_its_instances() {
        let total = MemoryTotal::default();
        let tenant = Tenant::new("acme");
        let limiter = |max_bytes| Limiter::new(max_bytes, total.clone(), Arc::clone(&tenant));
        let (mut first, mut second) = (limiter(100), limiter(1_000));
        assert!(first.memory_growing(0, 60, None).unwrap());
        assert!(!first.memory_growing(60, 101, None).unwrap());
        assert!(second.memory_growing(0, 500, None).unwrap());
        assert!(second.table_growing(0, 10, None).unwrap());
        assert_eq!(total.bytes(), 640);
        drop(first);
        assert_eq!(total.bytes(), 580);
        drop(second);
        assert_eq!(total.bytes(), 0);
    }

    #[test]
    fn memories_count_together_and_a_refusal_is_recorded() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(limiter.refusal().is_none());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(limiter.refusal().is_some());
        assert_eq!(limiter.bytes(), 100);
    }

    #[test]
    fn a_declared_maximum_applies_below_the_limit() {
        let mut limiter = limiter(100);
        assert!(!limiter.memory_growing(0, 50, Some(49)).unwrap());
        assert!(!limiter.table_growing(0, 2, Some(1)).unwrap());
        assert_eq!(limiter.bytes(), 0);
    }

    #[test]
    fn tables_count_together() {
        let mut limiter = limiter(0);
        assert!(limiter.table_growing(0, 60_000, None).unwrap());
        assert!(!limiter.table_growing(0, 60_000, None).unwrap());
        assert_eq!(limiter.bytes(), 480_000);
    }

    #[test]
    fn resources_share_the_memory_and_count_down() {
        let total = MemoryTotal::default();
        let mut limiter = Limiter::new(100, total.clone(), Tenant::new("acme"));
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.set_resource_bytes(40));
        assert!(!limiter.memory_growing(60, 61, None).unwrap());
        assert!(!limiter.set_resource_bytes(41));
        assert_eq!((limiter.bytes(), total.bytes()), (101, 101), "existing resources count even after a refusal");
        assert!(limiter.set_resource_bytes(0));
        assert_eq!((limiter.bytes(), limiter.peak_bytes(), total.bytes()), (60, 101, 60));
        limiter.begin();
        assert_eq!(limiter.peak_bytes(), 60);
        drop(limiter);
        assert_eq!(total.bytes(), 0);
    }

    #[test]
    fn growth_makes_an_instance_nearly_full_before_the_limit() {
        let mut slow = limiter(1_000);
        assert!(slow.memory_growing(0, 200, None).unwrap());
        assert!(!slow.is_nearly_full());
        assert!(slow.memory_growing(200, 324, None).unwrap());
        assert!(!slow.is_nearly_full());
        assert!(slow.memory_growing(324, 325, None).unwrap());
        assert!(slow.is_nearly_full(), "an eighth of the limit");

        let mut large = limiter(1_000);
        assert!(large.memory_growing(0, 900, None).unwrap());
        assert!(!large.is_nearly_full(), "the need of the first call is not growth");
        assert!(large.memory_growing(900, 950, None).unwrap());
        assert!(large.is_nearly_full(), "half of what was free");

        let mut full = limiter(1_000);
        assert!(full.memory_growing(0, 1_000, None).unwrap());
        assert!(full.is_nearly_full());
    }

    #[test]
    fn a_nearly_full_table_makes_the_instance_nearly_full() {
        let mut limiter = limiter(64 << 20);
        assert!(limiter.table_growing(0, 87_500, None).unwrap());
        assert!(!limiter.is_nearly_full());
        assert!(limiter.table_growing(87_500, 87_501, None).unwrap());
        assert!(limiter.is_nearly_full());
    }

    #[test]
    fn a_refusal_records_its_reason() {
        let mut limiter = limiter(100);
        assert!(!limiter.memory_growing(0, 101, None).unwrap());
        assert_eq!(limiter.refusal().map(|refusal| refusal.why), Some(Refused::Memory(101)));
        assert!(!limiter.memory_growing(0, 101, Some(50)).unwrap());
        assert_eq!(limiter.refusal().map(|refusal| refusal.why), Some(Refused::OwnMaximum(50)));
        assert!(!limiter.table_growing(1, 11, Some(10)).unwrap());
        assert_eq!(limiter.refusal().map(|refusal| refusal.why), Some(Refused::OwnMaximum(10)));
        assert!(!limiter.table_growing(0, 100_001, Some(100_000)).unwrap());
        assert_eq!(limiter.refusal().map(|refusal| refusal.why), Some(Refused::TableEntries(100_001)));
        limiter.forget_refusal();
        assert!(limiter.refusal().is_none());
    }

    #[test]
    fn a_tenants_quota_covers_all_its_sandboxes_and_no_others() {
        let (acme, other) = (Tenant::new("acme"), Tenant::new("other"));
        acme.set_quotas(&Quotas { memory: Some(1_000), ..Quotas::default() });
        let of = |tenant: &Arc<Tenant>| Limiter::new(10_000, MemoryTotal::default(), Arc::clone(tenant));
        let (mut first, mut second, mut third) = (of(&acme), of(&acme), of(&other));
        assert!(first.memory_growing(0, 600, None).unwrap());
        assert!(!second.memory_growing(0, 401, None).unwrap());
        let refused = Refused::Quota { more: 401, limit: 1_000, others: 600 };
        assert_eq!(second.refusal().map(|refusal| refusal.why), Some(refused));
        assert!(second.memory_growing(0, 320, None).unwrap());
        assert!(second.table_growing(0, 10, None).unwrap(), "exactly the quota");
        assert!(!first.table_growing(0, 1, None).unwrap());
        assert!(third.memory_growing(0, 10_000, None).unwrap());
        assert_eq!(acme.level(Quota::Memory).used(), 1_000);
        assert!(!second.set_resource_bytes(1), "what exists counts even after a refusal");
        assert_eq!(acme.level(Quota::Memory).used(), 1_001);
        assert!(second.set_resource_bytes(0));
        drop(first);
        assert!(second.set_resource_bytes(600));
        assert!(!second.set_resource_bytes(601));
        assert!(second.set_resource_bytes(600), "nothing more is asked for");
        drop(second);
        assert_eq!(acme.level(Quota::Memory).used(), 0);
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut limiter = limiter(u64::MAX);
        assert!(limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(!limiter.table_growing(0, usize::MAX, None).unwrap());
    }
}
