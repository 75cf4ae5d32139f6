//! Eviction in the whole store: the jobs that ended first are removed, whatever their task.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::Timestamp;

use super::task_state::TaskState;
use super::{MemoryTask, Tasks};
use crate::Pruned;

/// Continues after `pruned` until there is room for `more` bytes beside all stored ones, or until the work of `most`
/// jobs is done. `own` is the state of any task of the store.
pub(super) fn make(tasks: &Tasks, own: &Mutex<TaskState>, more: u64, most: usize, mut pruned: Pruned) -> Pruned {
    let lacks = || own.lock().lacks_room_in_all(more);
    let mut work = pruned.jobs;
    // One task is locked at a time, as everywhere.
    let tasks: Vec<Arc<MemoryTask>> = tasks.lock().values().cloned().collect();
    while lacks() {
        let mut ends: Vec<(Timestamp, &Arc<MemoryTask>)> =
            tasks.iter().filter_map(|task| Some((task.state.lock().first_ended_at()?, task))).collect();
        ends.sort_by_key(|(ended_at, _)| *ended_at);
        let Some((_, first)) = ends.first() else { break };
        let next = ends.get(1).map_or(Timestamp(u64::MAX), |(ended_at, _)| *ended_at);
        let is_first = || first.state.lock().first_ended_at().is_some_and(|ended_at| ended_at <= next);
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
