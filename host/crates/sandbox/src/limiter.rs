//! Bounds what one instance may hold: all its memories and tables together, not each alone.

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

/// The one limiter of a store. It never counts down: memory that a guest once had stays with its instance.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_bytes: usize,
    memory_bytes: usize,
    table_entries: usize,
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Self { max_bytes, memory_bytes: 0, table_entries: 0, refused: false }
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

    fn allow(&mut self, allowed: bool) -> wasmtime::Result<bool> {
        self.refused |= !allowed;
        Ok(allowed)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if maximum.is_some_and(|maximum| desired > maximum) || total > self.max_bytes {
            return self.allow(false);
        }
        self.memory_bytes = total;
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
        self.table_entries = total;
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

    #[test]
    fn memories_count_together_and_a_refusal_is_remembered() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.has_refused());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(limiter.has_refused());
        assert_eq!(limiter.bytes(), 100);
    }

    #[test]
    fn a_declared_maximum_is_kept_though_the_sum_would_allow_more() {
        let mut limiter = Limiter::new(100);
        assert!(!limiter.memory_growing(0, 50, Some(49)).unwrap());
        assert!(!limiter.table_growing(0, 2, Some(1)).unwrap());
        assert_eq!(limiter.bytes(), 0);
    }

    #[test]
    fn tables_count_together() {
        let mut limiter = Limiter::new(0);
        assert!(limiter.table_growing(0, 60_000, None).unwrap());
        assert!(!limiter.table_growing(0, 60_000, None).unwrap());
        assert_eq!(limiter.bytes(), 480_000);
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut limiter = Limiter::new(u64::MAX);
        assert!(limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(limiter.memory_growing(0, usize::MAX, None).unwrap());
        assert!(!limiter.table_growing(0, usize::MAX, None).unwrap());
    }
}
