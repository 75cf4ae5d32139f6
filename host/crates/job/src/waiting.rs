//! What a WAITING job waits for.

use crate::{Life, State, Timestamp};

/// What a WAITING job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Waiting {
    /// A free slot: its `run_at` has passed.
    Ready,
    /// Its `run_at`, before the first attempt.
    Delayed,
    /// The time of its next attempt.
    Retrying,
    /// Its add handler.
    OnHold,
}

impl Waiting {
    /// All four variants.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Delayed, Self::Retrying, Self::OnHold];

    /// Returns the stable name in kebab case, the same on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Delayed => "delayed",
            Self::Retrying => "retrying",
            Self::OnHold => "on-hold",
        }
    }

    /// Returns what a job waits for at `now`. `on_hold`: whether it is on hold; `run_at`: when it may run at the earliest;
    /// `attempt`: how many of its attempts have begun.
    pub fn at(now: Timestamp, run_at: Timestamp, on_hold: bool, attempt: u32) -> Self {
        match (on_hold, run_at > now, attempt) {
            (true, ..) => Self::OnHold,
            (false, false, _) => Self::Ready,
            (false, true, 0) => Self::Delayed,
            (false, true, _) => Self::Retrying,
        }
    }
}

impl Life {
    /// Returns what the job waits for at `now`; `None` unless it is WAITING.
    pub fn waiting(&self, now: Timestamp) -> Option<Waiting> {
        match self.state {
            State::Waiting { run_at, on_hold, .. } => Some(Waiting::at(now, run_at, on_hold, self.attempt)),
            _ => None,
        }
    }

    /// Returns whether the job was cancelled and its running attempt is being stopped.
    pub fn is_cancelling(&self) -> bool {
        matches!(self.state, State::Running { cancelling: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FailureKind, Outcome, Problem, RetryPolicy, Step, transition};

    #[test]
    fn a_waiting_job_is_ready_delayed_retrying_or_on_hold() {
        let (now, later) = (Timestamp(1_000), Timestamp(1_050));
        assert_eq!(Life::new(later, true).waiting(now), Some(Waiting::OnHold), "even before its `run_at`");
        let delayed = Life::new(later, false);
        assert_eq!((delayed.waiting(now), delayed.waiting(later)), (Some(Waiting::Delayed), Some(Waiting::Ready)));
        let policy = RetryPolicy { retries: 1, delay_ms: 50, ..RetryPolicy::default() };
        let go = |life: &Life, step| transition(life, step, &policy, now, 0.5).unwrap();
        let running = go(&Life::new(now, false), Step::Claim);
        assert_eq!((running.waiting(now), running.is_cancelling()), (None, false));
        assert!(go(&running, Step::Cancel).is_cancelling());
        let failed = go(
            &running,
            Step::Finish(running.run, Outcome::failure(FailureKind::Failed, Problem::new("odd", "it is odd"))),
        );
        assert_eq!((failed.waiting(now), failed.waiting(later)), (Some(Waiting::Retrying), Some(Waiting::Ready)));
        let ended = go(&failed, Step::Cancel);
        assert_eq!((ended.waiting(now), go(&ended, Step::Retry).waiting(now)), (None, Some(Waiting::Ready)));
        assert_eq!(Waiting::ALL.map(Waiting::name), ["ready", "delayed", "retrying", "on-hold"]);
    }
}
