//! What uses a quota without being needed now, such as instances that are kept warm: it is given up when the quota does
//! not suffice for something else.

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

/// Something that may use a quota while it is idle.
pub trait Idle: Send + Sync {
    /// Returns since when it has been idle; `None` if it is in use, or uses nothing.
    fn idle_since(&self) -> Option<Instant>;

    /// Gives up what it uses, if it is idle. Must not wait for anything that may wait for a quota.
    fn give_up(&self);
}

/// All that may be idle. What was dropped is forgotten.
#[derive(Default)]
pub(crate) struct IdleSet(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    all: Vec<Weak<dyn Idle>>,
    /// How many entries there may be before those that were dropped are removed.
    most: usize,
}

/// Entries that are never looked through.
const FEW: usize = 16;

impl IdleSet {
    pub(crate) fn insert(&self, idle: Weak<dyn Idle>) {
        let mut entries = self.0.lock();
        if entries.all.len() >= entries.most.max(FEW) {
            entries.all.retain(|entry| entry.strong_count() > 0);
            entries.most = 2 * entries.all.len();
        }
        entries.all.push(idle);
    }

    /// Gives up one after the other, the one that has been idle longest first, until `suffices`. Returns whether it
    /// did.
    pub(crate) fn give_up(&self, mut suffices: impl FnMut() -> bool) -> bool {
        let all: Vec<Arc<dyn Idle>> = self.0.lock().all.iter().filter_map(Weak::upgrade).collect();
        let mut idle: Vec<_> = all.iter().filter_map(|idle| Some((idle.idle_since()?, idle))).collect();
        idle.sort_by_key(|(since, _)| *since);
        idle.into_iter().any(|(_, idle)| {
            idle.give_up();
            suffices()
        })
    }
}

impl std::fmt::Debug for IdleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdleSet").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Warm(Mutex<Option<Instant>>);

    impl Warm {
        fn since(instant: Instant) -> Arc<Self> {
            Arc::new(Self(Mutex::new(Some(instant))))
        }

        fn is_given_up(&self) -> bool {
            self.0.lock().is_none()
        }
    }

    impl Idle for Warm {
        fn idle_since(&self) -> Option<Instant> {
            *self.0.lock()
        }

        fn give_up(&self) {
            *self.0.lock() = None;
        }
    }

    #[test]
    fn what_has_been_idle_longest_is_given_up_first_and_no_more_than_needed() {
        let (set, now) = (IdleSet::default(), Instant::now());
        let all = [2, 0, 1].map(|seconds| Warm::since(now + Duration::from_secs(seconds)));
        all.iter().for_each(|idle| set.insert(Arc::downgrade(idle) as _));
        let mut needed = 2;
        let suffices = || {
            needed -= 1;
            needed == 0
        };
        assert!(set.give_up(suffices));
        assert_eq!(all.each_ref().map(|idle| idle.is_given_up()), [false, true, true]);
        assert!(!set.give_up(|| false), "all of it does not suffice");
        assert!(all[0].is_given_up());
    }

    #[test]
    fn what_was_dropped_is_forgotten() {
        let set = IdleSet::default();
        let kept = Warm::since(Instant::now());
        set.insert(Arc::downgrade(&kept) as _);
        (0..1_000).for_each(|_| set.insert(Arc::downgrade(&Warm::since(Instant::now())) as _));
        assert!(set.0.lock().all.len() <= FEW + 1);
        set.give_up(|| false);
        assert!(kept.is_given_up());
    }
}
