//! Shares of the room for bodies: limits what each task may have, so that a task with slow additions leaves room for the others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// What each task has of the room.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Blocks that one task may have.
    most: usize,
    taken: Mutex<HashMap<Box<str>, usize>>,
}

/// What one body has of its task's share, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    task: Box<str>,
    blocks: usize,
}

impl Shares {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// An empty part of the share of `task`.
    pub(crate) fn of(self: &Arc<Self>, task: &str) -> Share {
        Share { shares: Arc::clone(self), task: task.to_lowercase().into(), blocks: 0 }
    }
}

impl Share {
    /// Takes more blocks; returns whether there were enough.
    pub(crate) fn take(&mut self, blocks: usize) -> bool {
        let mut taken = self.shares.taken.lock();
        let has = taken.get(&self.task).copied().unwrap_or(0);
        if has + blocks > self.shares.most {
            return false;
        }
        self.blocks += blocks;
        match taken.get_mut(&self.task) {
            Some(has) => *has += blocks,
            None => drop(taken.insert(self.task.clone(), blocks)),
        }
        true
    }

    /// Gives blocks back.
    pub(crate) fn give_back(&mut self, blocks: usize) {
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
        self.give_back(self.blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_its_share_and_no_more() {
        let shares = Arc::new(Shares::new(3));
        let (mut first, mut second, mut other) = (shares.of("a"), shares.of("A"), shares.of("b"));
        assert!(first.take(2) && second.take(1) && !second.take(1) && other.take(3));
        first.give_back(1);
        assert!(second.take(1) && !first.take(1));
        drop(first);
        assert!(second.take(1) && !second.take(1));
        drop((second, other));
        assert!(shares.taken.lock().is_empty(), "tasks without bodies take no memory");
    }
}
