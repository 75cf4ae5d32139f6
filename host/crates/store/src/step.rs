//! What a step does to a job, as a value. It is decided here, once for all stores, by nothing but the job's life, its pending
//! callbacks, the task's rules and the time; a store writes it, to whatever it writes.

pub mod plan;

use saggar_job::{JobId, Life, Refusal, RetryPolicy, State, Status, Step, Timestamp, transition};

use crate::{AttemptRecord, ChangeError, End, EndResult, Finish, Job, Lane, LogLine, Rules};

/// Stands for a random number in a step in which no attempt ends, where it decides nothing.
pub const NO_CHANCE: f64 = 0.5;

/// Which callbacks of a job are pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingCallbacks {
    /// None of them.
    None = 0,
    /// That of its add.
    Add = 1,
    /// That of its end.
    End = 2,
    /// The end's waits until the add's is settled: the job was cancelled while it was on hold.
    AddThenEnd = 3,
}

/// What becomes of a job's position in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueChange {
    /// It has none, or keeps it.
    Stay,
    /// It leaves the queue.
    Leave,
    /// It gets a new one, or waits for its time.
    Enter,
    /// It gets the one that it was claimed from.
    Return,
}

/// What a store writes of a step, all at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// The job's life afterwards.
    pub life: Life,
    /// What becomes of its position.
    pub queue: QueueChange,
    /// Which of its callbacks are pending afterwards.
    pub pending: PendingCallbacks,
    /// A callback that can be claimed from now on.
    pub new_callback: Option<Lane>,
    /// The record of the attempt that ended.
    pub attempt: Option<AttemptRecord>,
    /// A line for the job's log.
    pub log: Option<LogLine>,
    /// The job holds its fingerprint no longer.
    pub releases_unique: bool,
    /// The job's retention begins.
    pub expires: bool,
}

impl Effects {
    fn new(life: Life, queue: QueueChange, pending: PendingCallbacks) -> Self {
        Self {
            life,
            queue,
            pending,
            new_callback: None,
            attempt: None,
            log: None,
            releases_unique: false,
            expires: false,
        }
    }

    /// Adds what follows if the job has ended with this.
    fn ended(self, rules: &Rules) -> Self {
        let wanted = match self.life.state.status() {
            Status::Success => rules.success_handler,
            Status::Failure => rules.error_handler,
            Status::Waiting | Status::Running => return self,
        };
        let (pending, new_callback) = match (wanted, self.pending) {
            (true, PendingCallbacks::Add | PendingCallbacks::AddThenEnd) => (PendingCallbacks::AddThenEnd, None),
            (true, _) => (PendingCallbacks::End, Some(Lane::Ends)),
            (false, pending) => (pending, None),
        };
        let expires = pending == PendingCallbacks::None;
        Self { pending, new_callback, releases_unique: true, expires, ..self }
    }

    /// What became of the job, for the observer.
    pub fn result(&self, snapshot: Option<std::sync::Arc<Job>>) -> EndResult {
        let (run_at, reason) = match &self.life.state {
            State::Waiting { run_at, .. } => (Some(*run_at), None),
            State::Failure { reason, .. } => (None, Some(*reason)),
            State::Success { .. } | State::Running { .. } => (None, None),
        };
        let callback = self.new_callback == Some(Lane::Ends);
        EndResult { status: self.life.state.status(), run_at, reason, callback, snapshot }
    }
}

/// A step in which no attempt ends, so that neither the retry policy nor chance has a say.
fn plain(life: &Life, step: Step, now: Timestamp) -> Result<Life, Refusal> {
    transition(life, step, &RetryPolicy::default(), now, NO_CHANCE)
}

/// Begins an attempt.
pub fn claim(life: &Life, now: Timestamp) -> Result<Life, Refusal> {
    plain(life, Step::Claim, now)
}

/// Ends an attempt.
pub fn finish(
    life: &Life,
    pending: PendingCallbacks,
    Finish { run, end, cost, chance, .. }: &Finish,
    rules: &Rules,
    now: Timestamp,
) -> Result<Effects, Refusal> {
    let attempt = AttemptRecord::new(life, end, cost.clone(), now);
    let log = end.is_lost().then(|| LogLine::lost(now, life.attempt));
    let step = match end {
        End::Outcome(outcome) => Step::Finish(*run, outcome.clone()),
        End::Requeue => Step::Requeue(*run),
    };
    let life = transition(life, step, &rules.retry, now, *chance)?;
    let queue = match life.state {
        State::Waiting { .. } if end.keeps_position() => QueueChange::Return,
        State::Waiting { .. } => QueueChange::Enter,
        _ => QueueChange::Stay,
    };
    Ok(Effects { attempt, log, ..Effects::new(life, queue, pending) }.ended(rules))
}

/// Cancels a job; of a running one only the life changes.
pub fn cancel(life: &Life, pending: PendingCallbacks, rules: &Rules, now: Timestamp) -> Result<Effects, Refusal> {
    let life = plain(life, Step::Cancel, now)?;
    let queue = if life.state.is_ended() { QueueChange::Leave } else { QueueChange::Stay };
    Ok(Effects::new(life, queue, pending).ended(rules))
}

/// Lets an ended job wait again. `is_pending`: a callback is pending that nobody drops for this. `holder`: the waiting or running
/// job that has its fingerprint.
pub fn retry(
    id: JobId,
    life: &Life,
    is_pending: bool,
    holder: Option<JobId>,
    now: Timestamp,
) -> Result<Effects, ChangeError> {
    let life = plain(life, Step::Retry, now).map_err(|refusal| ChangeError::refused(id, refusal))?;
    if is_pending {
        return Err(ChangeError::CallbackPending { id });
    }
    if let Some(other) = holder {
        return Err(ChangeError::NotUnique { id, other });
    }
    let log = Some(LogLine::retried(now));
    Ok(Effects { log, ..Effects::new(life, QueueChange::Enter, PendingCallbacks::None) })
}

/// Settles a job's callback that can be claimed: it is delivered, given up or not wanted any more.
pub fn settle(life: &Life, pending: PendingCallbacks, now: Timestamp) -> Effects {
    if pending == PendingCallbacks::AddThenEnd {
        let new_callback = Some(Lane::Ends);
        return Effects { new_callback, ..Effects::new(life.clone(), QueueChange::Stay, PendingCallbacks::End) };
    }
    match plain(life, Step::Release, now) {
        Ok(life) => Effects::new(life, QueueChange::Enter, PendingCallbacks::None),
        Err(_) => {
            let expires = life.state.is_ended();
            Effects { expires, ..Effects::new(life.clone(), QueueChange::Stay, PendingCallbacks::None) }
        }
    }
}

/// The callbacks of an ended job that are delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redelivery {
    /// That of its add.
    pub add: bool,
    /// That of its end.
    pub end: bool,
}

impl Redelivery {
    /// Which callbacks of a job are pending then, and the one of them that can be claimed.
    pub fn pending(self) -> (PendingCallbacks, Lane) {
        match (self.add, self.end) {
            (true, true) => (PendingCallbacks::AddThenEnd, Lane::Adds),
            (true, false) => (PendingCallbacks::Add, Lane::Adds),
            (false, _) => (PendingCallbacks::End, Lane::Ends),
        }
    }

    /// Whether what was given up in `lane` is delivered again.
    pub fn has(self, lane: Lane) -> bool {
        if lane == Lane::Adds { self.add } else { self.end }
    }
}

/// Chooses what to deliver again. `is_pending`: as for [`retry`]. `can_be`: the lanes in which a callback was given up or is deferred.
pub fn redeliver(
    id: JobId,
    life: &Life,
    is_pending: bool,
    can_be: impl Fn(Lane) -> bool,
    rules: &Rules,
) -> Result<Redelivery, ChangeError> {
    let end_handler = match life.state.status() {
        Status::Success => rules.success_handler,
        Status::Failure => rules.error_handler,
        Status::Waiting | Status::Running => return Err(ChangeError::NotEnded { id }),
    };
    if is_pending {
        return Err(ChangeError::CallbackPending { id });
    }
    let redelivery =
        Redelivery { add: can_be(Lane::Adds) && rules.add_handler, end: can_be(Lane::Ends) && end_handler };
    if redelivery == (Redelivery { add: false, end: false }) {
        return Err(ChangeError::NotGivenUp { id });
    }
    Ok(redelivery)
}

/// Lets a job wait as it did before it was claimed, with what its attempt before had left.
pub fn release(life: &mut Life, run_at: Timestamp, problem: Option<saggar_job::Problem>) {
    life.state = State::Waiting { run_at, held: false, problem };
    life.attempt = life.attempt.saturating_sub(1);
}
