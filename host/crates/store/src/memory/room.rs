//! Eviction over several tasks: the jobs that ended first are removed, whatever their task; over several tenants, those of the
//! tenant with the most bytes.

use std::cmp::Reverse;
use std::sync::Arc;

use saggar_job::Timestamp;

use super::{MemoryTask, Tasks};
use crate::{Pruned, kept_bytes};

/// Continues after `pruned` until room no longer `lacks`, or until the work of `most` jobs is done. Removes jobs of all
/// tasks, or of those of a tenant.
pub(super) fn make(
    tasks: &Tasks,
    tenant: Option<&str>,
    lacks: &dyn Fn() -> bool,
    most: usize,
    mut pruned: Pruned,
) -> Pruned {
    if !lacks() {
        return pruned;
    }
    let mut work = pruned.jobs;
    let is_concerned = |task: &&Arc<MemoryTask>| tenant.is_none_or(|tenant| *task.tenant == *tenant);
    // One task is locked at a time, as everywhere.
    let tasks: Vec<Arc<MemoryTask>> = tasks.lock().values().filter(is_concerned).cloned().collect();
    while lacks() {
        let bytes_of_tenant =
            |task: &MemoryTask| if tenant.is_some() { 0 } else { task.bytes.of_tenant.kept_bytes.used() };
        let mut ends: Vec<(u64, Timestamp, &Arc<MemoryTask>)> = tasks
            .iter()
            .filter_map(|task| Some((bytes_of_tenant(task), task.state.lock().first_ended_at()?, task)))
            .collect();
        ends.sort_by_key(|(bytes, ended_at, _)| (Reverse(*bytes), *ended_at));
        let Some((largest, _, first)) = ends.first() else { break };
        let of_largest = |(bytes, ..): &&(u64, Timestamp, &Arc<MemoryTask>)| bytes == largest;
        let next = ends.get(1).filter(of_largest).map_or(Timestamp(u64::MAX), |(_, ended_at, _)| *ended_at);
        let least = kept_bytes::least_of_largest(ends.iter().map(|(bytes, ..)| *bytes));
        let is_first = || {
            bytes_of_tenant(first) >= least
                && first.state.lock().first_ended_at().is_some_and(|ended_at| ended_at <= next)
        };
        while is_first() && lacks() {
            if work >= most {
                return Pruned { more: true, ..pruned };
            }
            let Some((removed, effort)) = first.state.lock().remove_first_ended() else { break };
            (pruned, work) = (pruned.and(removed), work + effort);
        }
    }
    pruned
}
