//! Where a job stands, and the one function that changes it.

use std::sync::Arc;

use crate::outcome::{self, Failed, RetryWish};
use crate::{Outcome, Problem, Reason, RetryPolicy, Run, Timestamp};

/// What people see of a state: exactly these four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// It waits: for a slot, for its delay, for its next attempt, or for its add handler.
    Waiting,
    /// An attempt runs.
    Running,
    /// It ended well.
    Success,
    /// It ended otherwise.
    Failure,
}

impl Status {
    /// All four, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Success, Self::Failure];

    /// The one with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The name that every surface shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

/// Where a job stands, with what belongs to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits for its turn.
    Waiting {
        /// Not before this moment.
        run_at: Timestamp,
        /// Not before its add handler has been told.
        held: bool,
        /// Why the last attempt failed, if there was one.
        problem: Option<Problem>,
    },
    /// An attempt runs.
    Running {
        /// The fence of that attempt.
        run: Run,
        /// When it began.
        started_at: Timestamp,
        /// Somebody cancelled the job; whatever else comes of the attempt, there is no other one.
        cancelling: bool,
    },
    /// Ended well.
    Success {
        /// What the processor answered, as JSON text.
        response: Arc<str>,
        /// When.
        ended_at: Timestamp,
    },
    /// Ended otherwise.
    Failure {
        /// In which way.
        reason: Reason,
        /// Why.
        problem: Problem,
        /// When.
        ended_at: Timestamp,
    },
}

impl State {
    /// What people see of it.
    pub fn status(&self) -> Status {
        match self {
            Self::Waiting { .. } => Status::Waiting,
            Self::Running { .. } => Status::Running,
            Self::Success { .. } => Status::Success,
            Self::Failure { .. } => Status::Failure,
        }
    }

    /// Whether the job's life is over.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Success { .. } | Self::Failure { .. })
    }
}

/// A job's place in its life: its state, and what counts across states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Where it stands.
    pub state: State,
    /// How many attempts have begun since it was added, or since it was last retried by hand.
    pub attempt: u32,
    /// The fence of the last claim.
    pub run: Run,
}

impl Life {
    /// A job that was just added. `held`: its task has an add handler, which comes first.
    pub fn new(run_at: Timestamp, held: bool) -> Self {
        Self { state: State::Waiting { run_at, held, problem: None }, attempt: 0, run: Run(0) }
    }
}

/// What happens to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Its add handler has been told.
    Release,
    /// A slot takes it for an attempt.
    Claim,
    /// The attempt with this fence ended.
    Finish(Run, Outcome),
    /// The attempt with this fence is undone: it was stopped, or never began, for reasons of the host's own.
    Requeue(Run),
    /// Somebody wants it to end.
    Cancel,
    /// Somebody wants an ended job to run again, with all its attempts before it.
    Retry,
}

/// Why a step cannot be taken. The job stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The job is held for its add handler, or its time has not come.
    NotReady,
    /// An attempt of it runs already.
    Running,
    /// It does not run, so there is nothing to finish.
    NotRunning,
    /// It runs, but under a later fence.
    Stale,
    /// Its life is over.
    Ended,
    /// Its life is not over, so there is nothing to retry.
    NotEnded,
}

/// The life cycle: what becomes of `life` when `step` happens at `now`. `chance`, from 0 up to 1, is for jitter.
pub fn transition(life: &Life, step: Step, policy: &RetryPolicy, now: Timestamp, chance: f64) -> Result<Life, Refusal> {
    match (&life.state, step) {
        (State::Success { .. } | State::Failure { .. }, Step::Retry) => {
            let state = State::Waiting { run_at: now, held: false, problem: None };
            // The fence goes on growing: what an attempt of the earlier life still has to say stays stale.
            Ok(Life { state, attempt: 0, run: life.run })
        }
        (State::Waiting { .. } | State::Running { .. }, Step::Retry) => Err(Refusal::NotEnded),
        (State::Success { .. } | State::Failure { .. }, _) => Err(Refusal::Ended),
        (State::Waiting { run_at, problem, .. }, Step::Release) => {
            let state = State::Waiting { run_at: *run_at, held: false, problem: problem.clone() };
            Ok(Life { state, ..*life })
        }
        (State::Waiting { run_at, held, .. }, Step::Claim) => {
            if *held || *run_at > now {
                Err(Refusal::NotReady)
            } else {
                Ok(claimed(life, now))
            }
        }
        (State::Waiting { .. }, Step::Cancel) => Ok(ended_badly(life, Reason::Cancelled, outcome::cancelled(), now)),
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
        (State::Running { cancelling: true, .. }, Step::Requeue(_)) => {
            Ok(ended_badly(life, Reason::Cancelled, outcome::cancelled(), now))
        }
        (State::Running { .. }, Step::Requeue(_)) => {
            let state = State::Waiting { run_at: now, held: false, problem: None };
            Ok(Life { state, attempt: life.attempt.saturating_sub(1), run: life.run })
        }
    }
}

fn claimed(life: &Life, now: Timestamp) -> Life {
    let run = Run(life.run.0 + 1);
    let state = State::Running { run, started_at: now, cancelling: false };
    Life { state, attempt: life.attempt.saturating_add(1), run }
}

fn ended_badly(life: &Life, reason: Reason, problem: Problem, ended_at: Timestamp) -> Life {
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
    let Failed { reason, problem, retry } = match outcome.split() {
        // An answer that was there before the stop took hold is an answer.
        Ok(response) => return Life { state: State::Success { response, ended_at: now }, ..*life },
        Err(failed) => failed,
    };
    if cancelling {
        return ended_badly(life, Reason::Cancelled, outcome::cancelled(), now);
    }
    let delay_ms = match retry {
        RetryWish::Never => return ended_badly(life, reason, problem, now),
        RetryWish::AtOnce if life.attempt < policy.max_attempts().max(RetryPolicy::LOST_ATTEMPTS) => 0,
        _ if life.attempt >= policy.max_attempts() => return ended_badly(life, reason, problem, now),
        RetryWish::AfterMs(ms) => ms.min(RetryPolicy::LONGEST_DELAY_MS),
        RetryWish::ByPolicy | RetryWish::AtOnce => policy.delay_ms_after(life.attempt, chance),
    };
    let state = State::Waiting { run_at: now.plus_ms(delay_ms), held: false, problem: Some(problem) };
    Life { state, ..*life }
}

#[cfg(test)]
mod tests;
