//! Capacity for sandboxes: the maximum number, the units that one takes, and the current usage.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Enabled, PoolingAllocationConfig};

use crate::limiter::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ENTRIES, MAX_TABLES};

/// Where instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocator {
    /// A pool that is reserved when the host starts: an instance costs microseconds.
    Pooling,
    /// The operating system, one instance at a time: slower, without reserving address space.
    OnDemand,
}

/// Current usage of an engine's sandboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolUsage {
    /// Units of capacity in use; a sandbox takes one for each memory of its plugin.
    pub used_capacity: usize,
    /// Bytes of the memories, tables and resources of all sandboxes.
    pub bytes: u64,
    /// Components instantiated in the pool; 0 with [`Allocator::OnDemand`].
    pub component_instances: u64,
    /// Core instances in the pool.
    pub core_instances: u64,
    /// Memories in the pool.
    pub memories: u64,
    /// Tables in the pool.
    pub tables: u64,
    /// Stacks in the pool.
    pub stacks: u64,
}

/// Bytes of the host's own record of one component, and of one core instance.
const INSTANCE_BYTES: usize = 10 << 20;

/// Bytes of a memory that stay resident in the pool between two instances, because zeroing them is cheaper than
/// returning them to the operating system and faulting them in again.
const KEEP_RESIDENT: usize = 64 << 10;

/// The same for an app with scripts. The snapshot of the script runner fits, so that a fresh instance of a script has no
/// page faults, which were three quarters of its cost. Fresh instances of plugins with as much memory cost 24 µs more.
const KEEP_RESIDENT_FOR_SCRIPTS: usize = 1 << 20;

/// Returns the pool's configuration for `capacity` memories of at most `max_memory` bytes each.
pub(crate) fn pooling_config(capacity: u32, max_memory: u64, for_scripts: bool) -> PoolingAllocationConfig {
    let keep_resident = if for_scripts { KEEP_RESIDENT_FOR_SCRIPTS } else { KEEP_RESIDENT };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(capacity)
        .total_core_instances(capacity.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(capacity)
        .total_tables(capacity.saturating_mul(MAX_TABLES))
        .total_stacks(capacity)
        // Without these limits, one component could use the whole pool.
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_module(MAX_TABLES)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .table_elements(MAX_TABLE_ENTRIES as usize)
        .max_memory_size(usize::try_from(max_memory).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(keep_resident)
        // A pagemap scan would trade isolation between instances for speed. So would memory protection keys, which are
        // not compiled in.
        .pagemap_scan(Enabled::No);
    pool
}

/// The capacity of an engine. wasmtime fails when the pool is full; this waits.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    permits: Arc<Semaphore>,
    pub(crate) total: u32,
}

/// The units that one sandbox holds.
pub(crate) type CapacityPermit = OwnedSemaphorePermit;

impl Capacity {
    pub(crate) fn new(total: u32) -> Self {
        Self { permits: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits until `units` are free. Cancel safe. Returns `None` if they exceed the total.
    pub(crate) async fn take(&self, units: u32) -> Option<CapacityPermit> {
        if units > self.total {
            return None;
        }
        self.permits.clone().acquire_many_owned(units).await.ok()
    }

    pub(crate) fn used(&self) -> usize {
        (self.total as usize).saturating_sub(self.permits.available_permits())
    }
}
