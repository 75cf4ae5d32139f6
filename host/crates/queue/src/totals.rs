//! How often jobs and attempts ended in which way, since the process began. Successes are counted with the rates. A
//! counter here is touched only when something failed, so that most jobs pay nothing for it.

use std::sync::atomic::{AtomicU64, Ordering};

use saggar_job::{Ending, FailureKind};

/// Counts of a task since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Jobs added.
    pub added: u64,
    /// Attempts started.
    pub started: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: [u64; FailureKind::ALL.len()],
    pub(crate) attempts: [u64; Ending::ALL.len()],
}

impl Totals {
    /// Adds those of another task.
    pub(crate) fn add(&mut self, other: &Self) {
        self.added += other.added;
        self.started += other.started;
        self.succeeded += other.succeeded;
        self.failed.iter_mut().zip(other.failed).for_each(|(sum, failed)| *sum += failed);
        self.attempts.iter_mut().zip(other.attempts).for_each(|(sum, attempts)| *sum += attempts);
    }

    /// Returns the number of jobs that succeeded.
    pub fn succeeded(&self) -> u64 {
        self.succeeded
    }

    /// Returns the number of jobs that failed for this reason.
    pub fn failed(&self, reason: FailureKind) -> u64 {
        self.failed[reason as usize]
    }

    /// Returns the number of attempts that ended like this.
    pub fn attempts(&self, ending: Ending) -> u64 {
        // A job succeeds exactly when an attempt of it does.
        if ending == Ending::Success { self.succeeded } else { self.attempts[ending.index()] }
    }
}

/// The counters of jobs and attempts that did not succeed.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    failed: [AtomicU64; FailureKind::ALL.len()],
    attempts: [AtomicU64; Ending::ALL.len()],
}

impl Endings {
    pub(crate) fn count_job(&self, reason: FailureKind) {
        self.failed[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_attempt(&self, ending: Ending) {
        self.attempts[ending.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_to(&self, totals: &mut Totals) {
        totals.failed = self.failed.each_ref().map(|counter| counter.load(Ordering::Relaxed));
        totals.attempts = self.attempts.each_ref().map(|counter| counter.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_ending_has_its_own_counter() {
        for (at, reason) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
        let (endings, mut totals) = (Endings::default(), Totals { succeeded: 5, ..Totals::default() });
        endings.count_job(FailureKind::Lost);
        endings.count_attempt(Ending::Failed(FailureKind::Failed));
        endings.count_attempt(Ending::Failed(FailureKind::Lost));
        endings.add_to(&mut totals);
        assert_eq!((totals.failed(FailureKind::Lost), totals.failed(FailureKind::Trap)), (1, 0));
        assert_eq!(Ending::ALL.map(|ending| totals.attempts(ending)), [5, 1, 0, 0, 0, 0, 0, 1, 0]);
    }
}
