//! What a step does to a job, as a value. It is decided here, once for all stores, from the job's life, its pending
//! callbacks, the task's rules and the time alone; a store only writes it.

pub mod plan;

use saggar_job::{JobId, Life, Refusal, RetryPolicy, State, Status, Step, Timestamp, transition};

use crate::{AttemptRecord, ChangeError, End, EndResult, Finish, Job, Lane, LogLine, Rules};

/// The `chance` of a step without a random number, where it has no effect.
pub const NO_CHANCE: f64 = 0.5;

/// Which callbacks of a job are pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingCallbacks {
    /// None.
    None = 0,
    /// The add callback.
    Add = 1,
    /// The end callback.
    End = 2,
    /// Both: the end callback waits until the add callback is settled. The job was cancelled while it was on hold.
    AddThenEnd = 3,
}

/// The change of a job's position in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueChange {
    /// The job keeps its position, or has none.
    Stay,
    /// The job leaves the queue.
    Leave,
    /// The job gets a new position, or is delayed.
    Enter,
    /// The job gets the position that it was claimed from.
    Return,
}

/// What a store writes for a step, atomically.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// The job's life afterwards.
    pub life: Life,
    /// The change of its position.
    pub queue: QueueChange,
    /// Its pending callbacks afterwards.
    pub pending: PendingCallbacks,
    /// A callback that can be claimed from now on.
    pub new_callback: Option<Lane>,
    /// The record of the attempt that ended.
    pub attempt: Option<AttemptRecord>,
    /// A line for the job's log.
    pub log: Option<LogLine>,
    /// Whether the job releases its fingerprint.
    pub releases_unique: bool,
    /// Whether the job's retention begins.
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

    /// Adds the effects of the job's end, if it has ended.
    fn add_end(&mut self, rules: &Rules) {
        let wanted = match self.life.state.status() {
            Status::Success => rules.success_handler,
            Status::Failure => rules.error_handler,
            Status::Waiting | Status::Running => return,
        };
        (self.pending, self.new_callback) = match (wanted, self.pending) {
            (true, PendingCallbacks::Add | PendingCallbacks::AddThenEnd) => (PendingCallbacks::AddThenEnd, None),
            (true, _) => (PendingCallbacks::End, Some(Lane::Ends)),
            (false, pending) => (pending, None),
        };
        self.releases_unique = true;
        self.expires = self.pending == PendingCallbacks::None;
    }

    /// Returns the state of the job afterwards, for the observer.
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

/// Performs a step that ends no attempt, so that the retry policy and the random number have no effect.
fn plain(life: &Life, step: Step, now: Timestamp) -> Result<Life, Refusal> {
    transition(life, step, &RetryPolicy::default(), now, NO_CHANCE)
}

/// Begins an attempt.
pub fn claim(life: &Life, now: Timestamp) -> Result<Life, Refusal> {
    plain(life, Step::Claim, now)
}

/// Ends an attempt. The progress and the snapshot of `finish` are the store's.
pub fn finish(
    life: &Life,
    pending: PendingCallbacks,
    finish: Finish,
    rules: &Rules,
    now: Timestamp,
) -> Result<Effects, Refusal> {
    let Finish { run, end, cost, chance, .. } = finish;
    let attempt = AttemptRecord::new(life, &end, cost, now);
    let log = end.is_lost().then(|| LogLine::lost(now, life.attempt));
    let keeps_position = end.keeps_position();
    let step = match end {
        End::Outcome(outcome) => Step::Finish(run, outcome),
        End::Requeue => Step::Requeue(run),
    };
    let life = transition(life, step, &rules.retry, now, chance)?;
    let queue = match life.state {
        State::Waiting { .. } if keeps_position => QueueChange::Return,
        State::Waiting { .. } => QueueChange::Enter,
        _ => QueueChange::Stay,
    };
    let mut effects = Effects::new(life, queue, pending);
    (effects.attempt, effects.log) = (attempt, log);
    effects.add_end(rules);
    Ok(effects)
}

/// Cancels a job; for a running one only the life changes.
pub fn cancel(life: &Life, pending: PendingCallbacks, rules: &Rules, now: Timestamp) -> Result<Effects, Refusal> {
    let life = plain(life, Step::Cancel, now)?;
    let queue = if life.state.is_ended() { QueueChange::Leave } else { QueueChange::Stay };
    let mut effects = Effects::new(life, queue, pending);
    effects.add_end(rules);
    Ok(effects)
}

/// Makes an ended job wait again. `is_pending`: whether a callback is pending that cannot be dropped for this.
/// `holder`: the waiting or running job that has its fingerprint.
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

/// Settles a job's callback that can be claimed: it was delivered, given up or is unwanted.
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

/// The callbacks of an ended job that are redelivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redelivery {
    /// The add callback.
    pub add: bool,
    /// The end callback.
    pub end: bool,
}

impl Redelivery {
    /// Returns which callbacks of the job are pending then, and the one of them that can be claimed.
    pub fn pending(self) -> (PendingCallbacks, Lane) {
        match (self.add, self.end) {
            (true, true) => (PendingCallbacks::AddThenEnd, Lane::Adds),
            (true, false) => (PendingCallbacks::Add, Lane::Adds),
            (false, _) => (PendingCallbacks::End, Lane::Ends),
        }
    }

    /// Returns whether the given-up callback of `lane` is redelivered.
    pub fn has(self, lane: Lane) -> bool {
        if lane == Lane::Adds { self.add } else { self.end }
    }
}

/// Chooses what to redeliver. `is_pending`: as for [`retry`]. `can_be`: the lanes in which a callback was given up or
/// is deferred.
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

/// Undoes a claim: the job waits as before, with the `problem` of its previous attempt.
pub fn release(life: &mut Life, run_at: Timestamp, problem: Option<saggar_job::Problem>) {
    life.state = State::Waiting { run_at, on_hold: false, problem };
    life.attempt = life.attempt.saturating_sub(1);
}
