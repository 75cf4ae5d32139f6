//! Callbacks: calls of a task's handlers that are still to be delivered. They are written in the step that causes them,
//! and removed when they were delivered, so each is delivered at least once.

use std::sync::Arc;

use saggar_job::{FailureKind, Problem, Timestamp};

use super::Lane;

/// The event of a job for which a handler is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackKind {
    /// The job was added, and is on hold until this callback is settled.
    Added,
    /// The job succeeded.
    Succeeded {
        /// The processor's response, as JSON text.
        response: Arc<str>,
    },
    /// The job failed.
    Failed {
        /// The kind of failure.
        reason: FailureKind,
        /// Why it failed.
        problem: Problem,
    },
}

/// The backoff of failed callbacks: they are tried again twice within 1.2 s, because most failures pass at once; then,
/// for ends, after 15 s, 1, 4, 16 and 64 minutes and twice after 2 hours, each with a random jitter of up to a quarter.
/// An add callback is given up after the quick tries, because its job is on hold for it.
#[derive(Debug, Clone, Copy)]
pub struct CallbackBackoff;

impl CallbackBackoff {
    /// Tries within 1.2 s. When they are used up, an end callback is *deferred*: nothing waits for it.
    pub const QUICK_TRIES: u32 = 3;
    /// Tries before an end callback is given up, some five hours after the first.
    pub const MOST_TRIES: u32 = 10;

    const QUICK_MS: [u64; 2] = [200, 1_000];
    const FIRST_SLOW_MS: u64 = 15_000;
    const LONGEST_MS: u64 = 2 * 60 * 60 * 1_000;

    /// Returns the milliseconds before the next try after `tries` have failed; `None` gives up. `chance` is a random
    /// number from 0 up to 1.
    pub fn delay_ms_after(lane: Lane, tries: u32, chance: f64) -> Option<u64> {
        if let Some(quick) = Self::QUICK_MS.get(tries.saturating_sub(1) as usize) {
            return Some(*quick);
        }
        if lane == Lane::Adds || tries >= Self::MOST_TRIES {
            return None;
        }
        let slow = tries.saturating_sub(Self::QUICK_TRIES).min(16);
        let delay_ms = (Self::FIRST_SLOW_MS << (2 * slow)).min(Self::LONGEST_MS);
        Some((delay_ms as f64 * (0.75 + 0.5 * chance)) as u64)
    }
}

/// A callback that has not been delivered, as its job shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCallback {
    /// Which handler it is for.
    pub lane: Lane,
    /// How often the handler was called.
    pub tries: u32,
    /// When it is tried again; `None` if it was never tried or was given up.
    pub next_try_at: Option<Timestamp>,
    /// Whether it was given up, so that only a redelivery tries it again.
    pub given_up: bool,
    /// Why the last try failed.
    pub problem: Option<Problem>,
}

impl JobCallback {
    /// Creates a callback that was not tried yet.
    pub fn fresh(lane: Lane) -> Self {
        Self { lane, tries: 0, next_try_at: None, given_up: false, problem: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(lane: Lane, chance: f64) -> Vec<Option<u64>> {
        (1..=CallbackBackoff::MOST_TRIES).map(|tries| CallbackBackoff::delay_ms_after(lane, tries, chance)).collect()
    }

    #[test]
    fn callbacks_of_ends_back_off_over_hours() {
        let seconds = [15, 60, 240, 960, 3_840, 7_200, 7_200].map(|seconds| Some(seconds * 1_000));
        assert_eq!(delays(Lane::Ends, 0.5), [&[Some(200), Some(1_000)][..], &seconds, &[None]].concat());
        let spread = [0.0, 1.0].map(|chance| CallbackBackoff::delay_ms_after(Lane::Ends, 4, chance));
        assert_eq!(spread, [Some(45_000), Some(75_000)]);
        assert_eq!(CallbackBackoff::delay_ms_after(Lane::Ends, u32::MAX, 0.5), None);
    }

    #[test]
    fn add_callbacks_are_given_up_after_the_quick_tries() {
        let given_up = CallbackBackoff::QUICK_TRIES as usize - 1;
        assert_eq!(delays(Lane::Adds, 0.5)[..given_up], [Some(200), Some(1_000)]);
        assert!(delays(Lane::Adds, 0.5)[given_up..].iter().all(Option::is_none));
    }
}
