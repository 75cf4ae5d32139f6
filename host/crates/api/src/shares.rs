//! Shares of the room for bodies: limits the room of each task, so that a task with slow additions leaves room for
//! others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// The blocks that each task has of the room.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Maximum blocks of one task.
    max: usize,
    taken: Mutex<HashMap<Box<str>, usize>>,
}

/// The blocks that one body has of its task's share. Released on drop.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    task: Box<str>,
    blocks: usize,
}

impl Shares {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, taken: Mutex::default() }
    }

    /// Creates an empty part of the share of `task`.
    pub(crate) fn of(self: &Arc<Self>, task: &str) -> Share {
        Share { shares: Arc::clone(self), task: task.to_lowercase().into(), blocks: 0 }
    }
}

impl Share {
    /// Takes more blocks; returns whether there were enough.
    pub(crate) fn take(&mut self, blocks: usize) -> bool {
        let mut taken = self.shares.taken.lock();
        let has = taken.get(&self.task).copied().unwrap_or(0);
        if has + blocks > self.shares.max {
            return false;
        }
        self.blocks += blocks;
        match taken.get_mut(&self.task) {
            Some(has) => *has += blocks,
            None => drop(taken.insert(self.task.clone(), blocks)),
        }
        true
    }

    /// Releases blocks.
    pub(crate) fn release(&mut self, blocks: usize) {
        let mut taken = self.shares.taken.lock();
        let blocks = blocks.min(self.blocks);
        self.blocks -= blocks;
        if let Some(has) = taken.get_mut(&self.task) {
            *has -= blocks;
            if *has == 0 {
                taken.remove(&self.task);
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release(self.blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_limited_to_its_share() {
        let shares = Arc::new(Shares::new(3));
        let (mut first, mut second, mut other) = (shares.of("a"), shares.of("A"), shares.of("b"));
        assert!(first.take(2) && second.take(1) && !second.take(1) && other.take(3));
        first.release(1);
        assert!(second.take(1) && !first.take(1));
        drop(first);
        assert!(second.take(1) && !second.take(1));
        drop((second, other));
        assert!(shares.taken.lock().is_empty(), "a task without bodies still has an entry");
    }
}
