//! What a store's steps take and answer.

use std::sync::Arc;

use saggar_job::{Ending, JobId, Outcome, Problem, Reason, Run, Status, Timestamp};

use super::{AttemptRecord, CallbackKind, Cost, Job, LogLine, Origin, Progress};

/// What waits in a line that nobody has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextDue {
    /// Nothing that could be claimed, ever, without another step before it.
    Nothing,
    /// Something that can be claimed now.
    Now,
    /// Nothing now; something from this moment on.
    At(Timestamp),
}

impl NextDue {
    /// What is left at `now` when something can be claimed from `due_at` on.
    pub fn due_at(due_at: Timestamp, now: Timestamp) -> Self {
        if due_at <= now { Self::Now } else { Self::At(due_at) }
    }

    /// What is left when something more can be claimed from `due_at` on.
    pub fn or_earlier(self, due_at: Timestamp, now: Timestamp) -> Self {
        match self {
            Self::Now => Self::Now,
            Self::At(at) => Self::due_at(at.min(due_at), now),
            Self::Nothing => Self::due_at(due_at, now),
        }
    }
}

/// Which job an added one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Its number.
    pub id: JobId,
    /// Whether it was added now; else it was there already, under the same key or fingerprint.
    pub is_new: bool,
}

/// The attempts that a claim began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Theirs.
    pub jobs: Vec<ClaimedJob>,
    /// What waits behind them.
    pub next_due: NextDue,
}

/// An attempt that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The job.
    pub id: JobId,
    /// The attempt's fence.
    pub run: Run,
    /// Its number, from 1.
    pub attempt: u32,
    /// The job's arguments.
    pub args: Arc<str>,
    /// Where the job comes from.
    pub origin: Option<Arc<Origin>>,
    /// Since when it could have begun.
    pub ready_at: Timestamp,
}

/// How an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It ended.
    Outcome(Outcome),
    /// It is undone.
    Requeue,
}

impl End {
    /// How the attempt ended.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Outcome(outcome) => outcome.ending(),
            Self::Requeue => Ending::Requeued,
        }
    }

    /// Whether the attempt was lost with its process or its slot.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Outcome(Outcome::Lost))
    }

    /// Whether the job, if it waits after this, keeps the position in its line that it had before the attempt: the attempt
    /// was cut short by the host, which is no reason to let others go first.
    pub fn keeps_position(&self) -> bool {
        matches!(self, Self::Requeue | Self::Outcome(Outcome::Lost))
    }
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The job.
    pub id: JobId,
    /// The attempt's fence.
    pub run: Run,
    /// How it ended.
    pub end: End,
    /// The attempt's last progress, to be kept with the job; none if it reported none.
    pub progress: Option<Progress>,
    /// What it cost, if that is known.
    pub cost: Option<Cost>,
    /// Whether the event of the job's end is to have a snapshot of the job, because a caller waits for it.
    pub with_snapshot: bool,
    /// A random number from 0 up to 1, for the jitter of a retry.
    pub chance: f64,
}

/// What became of a job when an attempt of it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndResult {
    /// The job's status now.
    pub status: Status,
    /// When it goes on, if it waits.
    pub run_at: Option<Timestamp>,
    /// In which way it failed, if it did.
    pub reason: Option<Reason>,
    /// Whether a callback was left that can be claimed now.
    pub callback: bool,
    /// The job, as looking it up shows it now; if that was [asked for](Finish::with_snapshot) and it has ended.
    pub snapshot: Option<Arc<Job>>,
}

/// What a [`TaskStore::finish`](crate::TaskStore::finish) did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The job's status now.
    pub status: Status,
    /// The attempt that was begun in the same step.
    pub next: Option<ClaimedJob>,
}

/// What is kept of what a job did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Its log, oldest line first, with what was dropped as its last line.
    pub log: Vec<LogLine>,
    /// The records of its attempts that are over, oldest first; of very many, the first and the latest.
    pub attempts: Vec<AttemptRecord>,
}

/// Which handler a callback is for. Each lane is delivered by itself, so that a job that was added never waits for the handlers
/// of ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// The add handler: its job is on hold until the callback is settled.
    Adds,
    /// The success or error handler.
    Ends,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Adds, Self::Ends];
}

/// A callback's number within its task; grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallbackNumber(pub u64);

/// The callbacks that were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedCallbacks {
    /// They.
    pub callbacks: Vec<ClaimedCallback>,
    /// What waits behind them.
    pub next_due: NextDue,
}

/// A callback that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedCallback {
    /// Its number.
    pub number: CallbackNumber,
    /// The job that it is about.
    pub id: JobId,
    /// What happened to the job.
    pub kind: CallbackKind,
    /// How many attempts of the job have begun.
    pub attempt: u32,
    /// How often the callback was put off.
    pub tries: u32,
    /// Where the job comes from.
    pub origin: Option<Arc<Origin>>,
}

/// How the delivery of a callback went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Its handler was told, or never will be.
    Done,
    /// It is to be told again, not before this moment.
    Postponed(Timestamp),
    /// Its handler failed.
    Failed {
        /// Why. The details are not stored.
        problem: Problem,
        /// When to try again; `None` gives the callback up.
        next_try_at: Option<Timestamp>,
    },
}

/// A position among a task's pending callbacks, which are ordered by the time from which they can be taken (0 unless they were
/// put off), then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallbackPosition {
    /// From when it can be taken.
    pub from: Timestamp,
    /// Its number.
    pub number: CallbackNumber,
}

impl CallbackPosition {
    /// Before all callbacks.
    pub const START: Self = Self { from: Timestamp(0), number: CallbackNumber(0) };
}

/// What a step settled because the task has no handler for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettledUnwanted {
    /// Callbacks of addings; their jobs are on hold no longer.
    pub added: usize,
    /// Callbacks of ends; the retention of their jobs has begun.
    pub ended: usize,
    /// Where the next step continues; `None` if this one has reached the last callback.
    pub next: Option<CallbackPosition>,
}

/// What a step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Jobs that it removed.
    pub jobs: usize,
    /// Of these, those whose handler was still to be tried again.
    pub undelivered: usize,
    /// Whether it stopped because it had done as much as it was asked for, so that more may be due.
    pub more: bool,
}

impl Pruned {
    /// Lines of a log that are as much work to remove as a job.
    pub const LINES_LIKE_A_JOB: usize = 16;
}

/// How many jobs stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Jobs that wait, delayed and held ones included.
    pub waiting: usize,
    /// Of these, those whose time has not come (or whose coming nobody has noticed yet).
    pub delayed: usize,
    /// Of the waiting ones, those held for their add handler.
    pub held: usize,
    /// Jobs of which an attempt runs.
    pub running: usize,
    /// Jobs kept that ended well.
    pub success: usize,
    /// Jobs kept that ended otherwise.
    pub failure: usize,
    /// Callbacks that are not finished.
    pub callbacks: usize,
    /// Of these, those of ends whose handler failed [`CallbackBackoff::QUICK_TRIES`](crate::CallbackBackoff::QUICK_TRIES) times or
    /// more.
    pub deferred: usize,
    /// Callbacks that were given up and can be delivered again.
    pub given_up: usize,
    /// Jobs ever added; only grows.
    pub added: u64,
    /// Bytes that the jobs kept are counted as, ended ones included ([`Rules::keep_bytes`](crate::Rules::keep_bytes)).
    pub bytes: u64,
    /// Whether the task is paused.
    pub paused: bool,
    /// Since when the first job of the line has been ready: how long jobs wait for a slot.
    pub first_ready_at: Option<Timestamp>,
}

impl Counts {
    /// Whether no job waits or runs and every callback was settled or deferred.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0 && self.callbacks <= self.deferred
    }
}
