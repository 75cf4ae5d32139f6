//! A quota and how much of it is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A quota and how much of it is used. Exact: never more than the limit is taken, unless the limit is lowered meanwhile.
#[derive(Debug)]
pub struct Level {
    used: AtomicU64,
    limit: AtomicU64,
}

impl Default for Level {
    fn default() -> Self {
        Self { used: AtomicU64::new(0), limit: AtomicU64::new(u64::MAX) }
    }
}

impl Level {
    /// Returns the limit; `None` if there is none.
    pub fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit != u64::MAX)
    }

    /// Sets or removes the limit. What is taken already stays taken.
    pub fn set_limit(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns how much is taken.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Sets how much is taken, for one that keeps the count elsewhere.
    pub fn set_used(&self, used: u64) {
        self.used.store(used, Ordering::Relaxed);
    }

    /// Takes `amount`, if the limit allows; returns the limit otherwise. Pair it with [`give_back`](Self::give_back).
    pub fn take(&self, amount: u64) -> Result<(), u64> {
        let limit = self.limit.load(Ordering::Relaxed);
        let add = |used: u64| used.checked_add(amount).filter(|sum| *sum <= limit);
        self.used.try_update(Ordering::Relaxed, Ordering::Relaxed, add).map(|_| ()).map_err(|_| limit)
    }

    /// Takes `amount` whatever the limit is, for what exists already.
    pub fn count(&self, amount: u64) {
        self.used.fetch_add(amount, Ordering::Relaxed);
    }

    /// Replaces the taken amount `before` with `after`, whatever the limit is.
    pub fn change(&self, before: u64, after: u64) {
        self.used.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Gives back what was taken.
    pub fn give_back(&self, amount: u64) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Takes `amount` until the returned value is dropped.
    pub fn hold(self: &Arc<Self>, amount: u64) -> Result<Taken, u64> {
        self.take(amount)?;
        Ok(Taken::new(Arc::clone(self), amount))
    }
}

/// A taken amount, given back when it is dropped.
#[derive(Debug)]
pub struct Taken {
    level: Arc<Level>,
    amount: u64,
}

impl Taken {
    /// Creates the value for an amount that was taken.
    pub(crate) fn new(level: Arc<Level>, amount: u64) -> Self {
        Self { level, amount }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.level.give_back(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_exact() {
        let level = Arc::new(Level::default());
        level.set_limit(Some(3));
        let held = level.hold(2).unwrap();
        assert_eq!(level.take(2), Err(3));
        level.take(1).unwrap();
        drop(held);
        assert_eq!(level.used(), 1);
        level.take(2).unwrap();
        assert_eq!(level.take(u64::MAX), Err(3));
        level.set_limit(None);
        level.take(1).unwrap();
        assert_eq!(level.limit(), None);
    }
}
