//! Capacity for sandboxes: the maximum number, the units that one takes, and the current usage.

use std::time::{Duration, Instant};

use saggar_tenant::{FairPermit, FairSemaphore, Flow};
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

/// Bytes of a memory that stay resident in a pool between two instances, because zeroing them is cheaper than
/// returning them to the operating system and faulting them in again.
pub(crate) const KEEP_RESIDENT: usize = 64 << 10;

/// The same for the pool of the script runner. Its snapshot fits, so that a fresh instance of a script has no page faults,
/// which were three quarters of its cost. Plugins with as much memory would cost 24 µs more, so they have another pool.
pub(crate) const KEEP_RESIDENT_OF_SCRIPTS: usize = 1 << 20;

/// Bytes of a stack that stay resident, where stacks are zeroed.
const KEEP_STACK_RESIDENT: usize = 32 << 10;

/// Returns the configuration of a pool for `capacity` memories of at most `max_memory` bytes each.
pub(crate) fn pooling_config(capacity: u32, max_memory: u64, keep_resident: usize) -> PoolingAllocationConfig {
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
        .async_stack_keep_resident(KEEP_STACK_RESIDENT)
        // A pagemap scan would trade isolation between instances for speed. So would memory protection keys, which are
        // not compiled in.
        .pagemap_scan(Enabled::No);
    pool
}

/// What a unit of capacity is charged until it is free again. So tenants whose sandboxes stay for long do not get a whole
/// pool before their first one is charged for its time.
const ESTIMATE: Duration = Duration::from_millis(100);

/// The capacity of an engine. wasmtime fails when the pool is full; this waits, and grants what becomes free by weight. A
/// tenant is charged the time for which it holds units, so jobs that run long get no more of the pool than short ones.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    permits: FairSemaphore,
    pub(crate) total: u32,
    is_overcommitted: bool,
}

/// While less than one part in this many is left of an overcommitted capacity, no idle sandbox keeps an instance. So a part
/// of the capacity always goes from one call to the next, and a call that waits for it gets its turn.
const SCARCE_PART: u32 = 4;

/// The units that one sandbox holds.
pub(crate) struct CapacityPermit {
    permit: FairPermit,
    since: Instant,
}

impl Drop for CapacityPermit {
    fn drop(&mut self) {
        let units = u32::try_from(self.permit.units()).unwrap_or(u32::MAX);
        self.permit.set_time(self.since.elapsed().saturating_mul(units));
    }
}

impl Capacity {
    pub(crate) fn new(total: u32, is_overcommitted: bool) -> Self {
        Self { permits: FairSemaphore::by_time(total as usize, ESTIMATE), total, is_overcommitted }
    }

    /// Returns whether idle sandboxes have to release what they hold.
    pub(crate) fn is_scarce(&self) -> bool {
        self.is_overcommitted && self.permits.free() < (self.total / SCARCE_PART) as usize
    }

    /// Waits until `units` are free. Cancel safe. Returns `None` if they exceed the total.
    pub(crate) async fn take(&self, flow: &Flow, units: u32) -> Option<CapacityPermit> {
        if units > self.total {
            return None;
        }
        let permit = self.permits.acquire(flow, units as usize).await;
        Some(CapacityPermit { permit, since: Instant::now() })
    }

    pub(crate) fn used(&self) -> usize {
        (self.total as usize).saturating_sub(self.permits.free())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use saggar_tenant::Tenant;

    use super::*;

    #[tokio::test]
    async fn what_becomes_free_in_a_full_pool_goes_to_tenants_in_turn() {
        let capacity = Capacity::new(1, false);
        let [many, one] = ["many", "one"].map(|name| Flow::new(Tenant::new(name), "it"));
        assert!(capacity.take(&many, 2).await.is_none(), "a sandbox that never fits waits");
        let held = capacity.take(&many, 1).await;
        let mut of_many: Vec<_> = (0..5).map(|_| Box::pin(capacity.take(&many, 1))).collect();
        assert!(of_many.iter_mut().all(|waiting| waiting.as_mut().now_or_never().is_none()));
        let mut of_one = Box::pin(capacity.take(&one, 1));
        assert!(of_one.as_mut().now_or_never().is_none());
        assert_eq!(capacity.used(), 1);
        drop(held);
        let second = of_many[0].as_mut().now_or_never().expect("the first that waited");
        drop(second);
        assert!(of_one.now_or_never().is_some_and(|permit| permit.is_some()), "it waits for all of another tenant");
    }

    #[tokio::test]
    async fn time_counts_and_not_the_number_of_sandboxes() {
        let capacity = Capacity::new(1, false);
        let flows = ["long", "short"].map(|name| Flow::new(Tenant::new(name), "it"));
        let mut held = capacity.take(&flows[0], 1).await.unwrap();
        let mut waiting: Vec<_> =
            [0, 0, 0, 1, 1, 1, 1].into_iter().map(|at| Some(Box::pin(capacity.take(&flows[at], 1)))).collect();
        assert!(waiting.iter_mut().flatten().all(|waiter| waiter.as_mut().now_or_never().is_none()));
        let mut order = Vec::new();
        while waiting.iter().any(Option::is_some) {
            // A sandbox of the first tenant stays for ten seconds, one of the second for a moment.
            if order.last().is_none_or(|at| *at < 3) {
                held.since = held.since.checked_sub(Duration::from_secs(10)).unwrap();
            }
            drop(held);
            let granted = waiting.iter_mut().enumerate().find_map(|(at, waiter)| {
                let permit = waiter.as_mut()?.as_mut().now_or_never()??;
                *waiter = None;
                Some((at, permit))
            });
            let (at, permit) = granted.expect("a sandbox gets room when another one is gone");
            held = permit;
            order.push(at);
        }
        assert_eq!(order, [0, 3, 4, 5, 6, 1, 2]);
    }

    #[tokio::test]
    async fn idle_sandboxes_are_released_while_capacity_is_scarce() {
        let flow = Flow::new(Tenant::new("acme"), "task");
        let (ordinary, overcommitted) = (Capacity::new(8, false), Capacity::new(8, true));
        let held = [ordinary.take(&flow, 6).await, overcommitted.take(&flow, 6).await];
        assert!(held.iter().all(Option::is_some));
        assert!(!ordinary.is_scarce() && !overcommitted.is_scarce());
        let more = [ordinary.take(&flow, 1).await, overcommitted.take(&flow, 1).await];
        assert!(more.iter().all(Option::is_some));
        assert!(!ordinary.is_scarce() && overcommitted.is_scarce());
    }
}
