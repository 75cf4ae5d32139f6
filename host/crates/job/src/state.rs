//! The state of a job, and the one function that changes it.

use std::sync::Arc;

use crate::{Failure, FailureKind, Outcome, Problem, RetryPolicy, Run, Timestamp};

/// The public status of a job: exactly these four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Waits for a slot, its delay, its next attempt, or its add handler.
    Waiting,
    /// An attempt runs.
    Running,
    /// Ended successfully.
    Success,
    /// Ended without success.
    Failure,
}

impl Status {
    /// All four, in the order of a job's life cycle.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Success, Self::Failure];

    /// Parses a [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Returns the name that every surface shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

/// The state of a job, with its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits to be claimed.
    Waiting {
        /// Earliest time of the next attempt.
        run_at: Timestamp,
        /// Whether the job is on hold until its add handler ran.
        on_hold: bool,
        /// Why the last attempt failed, if one did.
        problem: Option<Problem>,
    },
    /// An attempt runs.
    Running {
        /// The fence of that attempt.
        run: Run,
        /// Start of the attempt.
        started_at: Timestamp,
        /// Whether cancellation was requested: this is the last attempt, whatever its outcome.
        cancelling: bool,
    },
    /// Ended successfully.
    Success {
        /// The processor's response, as JSON text.
        response: Arc<str>,
        /// When the job ended.
        ended_at: Timestamp,
    },
    /// Ended without success.
    Failure {
        /// The kind of failure.
        reason: FailureKind,
        /// The problem to report.
        problem: Problem,
        /// When the job ended.
        ended_at: Timestamp,
    },
}

impl State {
    /// Returns the public status.
    pub fn status(&self) -> Status {
        match self {
            Self::Waiting { .. } => Status::Waiting,
            Self::Running { .. } => Status::Running,
            Self::Success { .. } => Status::Success,
            Self::Failure { .. } => Status::Failure,
        }
    }

    /// Returns whether the job has ended.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Success { .. } | Self::Failure { .. })
    }
}

/// A job's position in its life cycle: its state, and the counters that span states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its state.
    pub state: State,
    /// How many attempts have begun since the job was added, or since its last manual retry. Requeued attempts do not
    /// count.
    pub attempt: u32,
    /// The fence of the last claim.
    pub run: Run,
}

impl Life {
    /// Creates a job that was just added. `on_hold`: whether its task has an add handler, which must run first.
    pub fn new(run_at: Timestamp, on_hold: bool) -> Self {
        Self { state: State::Waiting { run_at, on_hold, problem: None }, attempt: 0, run: Run(0) }
    }
}

/// A step in a job's life cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Its add handler ran.
    Release,
    /// A slot claims it for an attempt.
    Claim,
    /// The attempt with this fence ended.
    Finish(Run, Outcome),
    /// The attempt with this fence is undone: the host stopped it or did not start it, for its own reasons.
    Requeue(Run),
    /// Cancellation is requested.
    Cancel,
    /// An ended job is retried manually, with its full number of attempts.
    Retry,
}

/// Why a step is refused. The job does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The job is on hold for its add handler, or its `run_at` is in the future.
    NotReady,
    /// An attempt is already running.
    Running,
    /// No attempt is running, so there is nothing to finish or requeue.
    NotRunning,
    /// The running attempt has another fence.
    Stale,
    /// The job has ended.
    Ended,
    /// The job has not ended, so there is nothing to retry.
    NotEnded,
}

/// Applies `step` to `life` at `now`. This is the whole life cycle. `chance`, a random number from 0 up to 1, is for
/// jitter.
pub fn transition(life: &Life, step: Step, policy: &RetryPolicy, now: Timestamp, chance: f64) -> Result<Life, Refusal> {
    match (&life.state, step) {
        (State::Success { .. } | State::Failure { .. }, Step::Retry) => {
            let state = State::Waiting { run_at: now, on_hold: false, problem: None };
            // The fence is kept and grows, so late steps of attempts before the retry stay stale.
            Ok(Life { state, attempt: 0, run: life.run })
        }
        (State::Waiting { .. } | State::Running { .. }, Step::Retry) => Err(Refusal::NotEnded),
        (State::Success { .. } | State::Failure { .. }, _) => Err(Refusal::Ended),
        (State::Waiting { run_at, problem, .. }, Step::Release) => {
            let state = State::Waiting { run_at: *run_at, on_hold: false, problem: problem.clone() };
            Ok(Life { state, ..*life })
        }
        (State::Waiting { run_at, on_hold, .. }, Step::Claim) => {
            if *on_hold || *run_at > now {
                Err(Refusal::NotReady)
            } else {
                Ok(claimed(life, now))
            }
        }
        (State::Waiting { .. }, Step::Cancel) => Ok(failed(life, Failure::cancelled(), now)),
        (State::Waiting { .. }, Step::Finish(..) | Step::Requeue(_)) => Err(Refusal::NotRunning),
        (State::Running { .. }, Step::Release | Step::Claim) => Err(Refusal::Running),
        (State::Running { run, started_at, .. }, Step::Cancel) => {
            let state = State::Running { run: *run, started_at: *started_at, cancelling: true };
            Ok(Life { state, ..*life })
        }
        (State::Running { run, .. }, Step::Finish(of, _) | Step::Requeue(of)) if *run != of => Err(Refusal::Stale),
        (State::Running { cancelling, .. }, Step::Finish(_, outcome)) => {
            Ok(finished(life, *cancelling, outcome, policy, now, chance))
        }
        (State::Running { cancelling: true, .. }, Step::Requeue(_)) => Ok(failed(life, Failure::cancelled(), now)),
        (State::Running { .. }, Step::Requeue(_)) => {
            let state = State::Waiting { run_at: now, on_hold: false, problem: None };
            Ok(Life { state, attempt: life.attempt.saturating_sub(1), run: life.run })
        }
    }
}

fn claimed(life: &Life, now: Timestamp) -> Life {
    let run = Run(life.run.0 + 1);
    let state = State::Running { run, started_at: now, cancelling: false };
    Life { state, attempt: life.attempt.saturating_add(1), run }
}

fn failed(life: &Life, failure: Failure, ended_at: Timestamp) -> Life {
    let Failure { kind: reason, problem, .. } = failure;
    Life { state: State::Failure { reason, problem, ended_at }, ..*life }
}

fn finished(
    life: &Life,
    cancelling: bool,
    outcome: Outcome,
    policy: &RetryPolicy,
    now: Timestamp,
    chance: f64,
) -> Life {
    let failure = match outcome {
        // A success that came before the stop took effect counts.
        Outcome::Success(response) => return Life { state: State::Success { response, ended_at: now }, ..*life },
        _ if cancelling => return failed(life, Failure::cancelled(), now),
        Outcome::Failure(failure) => failure,
    };
    let delay_ms = match (failure.kind, failure.retry_after_ms) {
        (FailureKind::Rejected | FailureKind::Cancelled, _) => return failed(life, failure, now),
        // The job did not cause it, so it continues at once, in its old position.
        (FailureKind::Lost, _) if life.attempt < policy.max_attempts().max(RetryPolicy::LOST_ATTEMPTS) => 0,
        _ if life.attempt >= policy.max_attempts() => return failed(life, failure, now),
        (_, Some(ms)) => ms.min(RetryPolicy::LONGEST_DELAY_MS),
        (_, None) => policy.delay_ms_after(life.attempt, chance),
    };
    let problem = Some(failure.problem);
    Life { state: State::Waiting { run_at: now.plus_ms(delay_ms), on_hold: false, problem }, ..*life }
}

#[cfg(test)]
mod tests;
