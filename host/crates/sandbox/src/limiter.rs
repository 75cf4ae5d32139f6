//! Bounds what one instance may hold: all its memories and tables together, not each alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

/// Bytes that one table entry costs the host.
const TABLE_ENTRY_BYTES: usize = 8;

/// Entries of all tables of one instance. Go components need 20,000; this leaves room for larger ones.
const MAX_TABLE_ENTRIES: usize = 100_000;

/// Core instances, memories and tables in one store. Interpreters linked from shared libraries have some dozens of
/// core instances; nothing real has more than a few memories.
pub(crate) const MAX_CORE_INSTANCES: u32 = 100;
/// See [`MAX_CORE_INSTANCES`].
pub(crate) const MAX_MEMORIES: u32 = 4;
/// See [`MAX_CORE_INSTANCES`].
pub(crate) const MAX_TABLES: u32 = 16;

/// Bytes of the memories and tables of all instances of an engine. Cheap to clone; clones are the same sum.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<AtomicU64>);

impl Held {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The one limiter of a store. It never counts down: memory that a guest once had stays with its instance.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_bytes: usize,
    memory_bytes: usize,
    table_entries: usize,
    refused: bool,
    held: Held,
}

impl Limiter {
    pub(crate) fn new(max_bytes: u64, held: Held) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Self { max_bytes, memory_bytes: 0, table_entries: 0, refused: false, held }
    }

    /// Bytes of all memories and tables.
    pub(crate) fn bytes(&self) -> u64 {
        (self.memory_bytes + self.table_entries * TABLE_ENTRY_BYTES) as u64
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes as u64
    }

    /// Whether anything was refused since the last call of [`forget_refusals`](Self::forget_refusals).
    pub(crate) fn has_refused(&self) -> bool {
        self.refused
    }

    pub(crate) fn forget_refusals(&mut self) {
        self.refused = false;
    }

    /// Grows, and has the engine's sum grow as much.
    fn hold(&mut self, grow: impl FnOnce(&mut Self)) {
        let before = self.bytes();
        grow(self);
        self.held.0.fetch_add(self.bytes().wrapping_sub(before), Ordering::Relaxed);
    }

    fn allow(&mut self, allowed: bool) -> wasmtime::Result<bool> {
        self.refused |= !allowed;
        Ok(allowed)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if maximum.is_some_and(|maximum| desired > maximum) || total > self.max_bytes {
            return self.allow(false);
        }
        self.hold(|limiter| limiter.memory_bytes = total);
        self.allow(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_entries.saturating_add(desired.saturating_sub(current));
        if maximum.is_some_and(|maximum| desired > maximum) || total > MAX_TABLE_ENTRIES {
            return self.allow(false);
        }
        self.hold(|limiter| limiter.table_entries = total);
        self.allow(true)
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
    use super::*;

    fn limiter(max_bytes: u64) -> Limiter {
        Limiter::new(max_bytes, Held::default())
    }

    #[test]
    fn an_engine_knows_what_all_its_instances_hold() {
        let held = Held::default();
        let (mut first, mut second) = (Limiter::new(100, held.clone()), Limiter::new(1_000, held.clone()));
        assert!(first.memory_growing(0, 60, None).unwrap());
        assert!(!first.memory_growing(60, 101, None).unwrap());
        assert!(second.memory_growing(0, 500, None).unwrap());
        assert!(second.table_growing(0, 10, None).unwrap());
        assert_eq!(held.bytes(), 640);
        drop(first);
        assert_eq!(held.bytes(), 580);
        drop(second);
        assert_eq!(held.bytes(), 0);
    }

    #[test]
    fn memories_count_together_and_a_refusal_is_remembered() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.has_refused());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(limiter.has_refused());
        assert_eq!(limiter.bytes(), 100);
    }

    #[test]
    fn a_declared_maximum_is_kept_though_the_sum_would_allow_more() {
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
    fn sums_do_not_overflow() {
        let mut limiter = limiter(u64::MAX);
        assert!(limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(!limiter.table_growing(0, usize::MAX, None).unwrap());
    }
}
