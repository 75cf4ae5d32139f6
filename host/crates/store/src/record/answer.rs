//! What a store's steps take and return.

use std::sync::Arc;

use saggar_job::{Ending, FailureKind, JobId, Outcome, Problem, Run, Status, Timestamp};

use super::{AttemptRecord, CallbackKind, Cost, Job, LogLine, Origin, Progress};

/// When the next item of a queue can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextDue {
    /// Never, without another step before it.
    Nothing,
    /// Now.
    Now,
    /// From this time on.
    At(Timestamp),
}

impl NextDue {
    /// Returns the value at `now` for an item that can be claimed from `due_at` on.
    pub fn due_at(due_at: Timestamp, now: Timestamp) -> Self {
        if due_at <= now { Self::Now } else { Self::At(due_at) }
    }

    /// Returns the earlier of this and an item that can be claimed from `due_at` on.
    pub fn or_earlier(self, due_at: Timestamp, now: Timestamp) -> Self {
        match self {
            Self::Now => Self::Now,
            Self::At(at) => Self::due_at(at.min(due_at), now),
            Self::Nothing => Self::due_at(due_at, now),
        }
    }
}

/// The result of adding a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// The job's id.
    pub id: JobId,
    /// Whether it was added now; otherwise it existed already, with the same key or fingerprint.
    pub is_new: bool,
}

/// The attempts that a claim began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The claimed jobs.
    pub jobs: Vec<ClaimedJob>,
    /// When the next job can be claimed.
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
    /// Since when the job could have been claimed.
    pub ready_at: Timestamp,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It ended with an outcome.
    Outcome(Outcome),
    /// It is undone: the job is requeued, and the attempt does not count.
    Requeue,
}

impl End {
    /// Returns how the attempt ended.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Outcome(outcome) => outcome.ending(),
            Self::Requeue => Ending::Requeued,
        }
    }

    /// Returns whether the attempt was lost with its process or its slot.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Outcome(outcome) if outcome.is_lost())
    }

    /// Returns whether the job, if it waits after this, keeps the queue position that it had before the attempt. It
    /// does if the host cut the attempt short, because that is not a reason to let others go first.
    pub fn keeps_position(&self) -> bool {
        *self == Self::Requeue || self.is_lost()
    }
}

/// The arguments of a finish.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The job.
    pub id: JobId,
    /// The attempt's fence.
    pub run: Run,
    /// How it ended.
    pub end: End,
    /// The attempt's last progress, to be stored with the job; `None` if it reported nothing.
    pub progress: Option<Progress>,
    /// Resource usage, if known.
    pub cost: Option<Cost>,
    /// Whether the end event contains a snapshot of the job, because a caller waits for it.
    pub with_snapshot: bool,
    /// A random number from 0 up to 1, for the jitter of a retry.
    pub chance: f64,
}

/// The state of a job after one of its attempts ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndResult {
    /// The job's status now.
    pub status: Status,
    /// When its next attempt may begin, if it waits.
    pub run_at: Option<Timestamp>,
    /// The kind of failure, if it failed.
    pub reason: Option<FailureKind>,
    /// Whether it left a callback that can be claimed now.
    pub callback: bool,
    /// The job, as a read shows it now, if that was [requested](Finish::with_snapshot) and the job has ended.
    pub snapshot: Option<Arc<Job>>,
}

/// The result of a [`TaskStore::finish`](crate::TaskStore::finish).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The job's status now.
    pub status: Status,
    /// The attempt that the same step began.
    pub next: Option<ClaimedJob>,
}

/// The stored history of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Its log, oldest line first; if lines were dropped, the last line says so.
    pub log: Vec<LogLine>,
    /// The records of its ended attempts, oldest first; of very many, the first and the latest.
    pub attempts: Vec<AttemptRecord>,
}

/// Which handler a callback is for. Each lane is delivered separately, so that an added job never waits for the
/// handlers of ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// The add handler: its job is on hold until the callback is settled.
    Adds,
    /// The success or error handler.
    Ends,
}

impl Lane {
    /// Both lanes.
    pub const ALL: [Self; 2] = [Self::Adds, Self::Ends];
}

/// A callback's number within its task; it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallbackNumber(pub u64);

/// The result of claiming callbacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedCallbacks {
    /// The claimed callbacks.
    pub callbacks: Vec<ClaimedCallback>,
    /// When the next callback can be claimed.
    pub next_due: NextDue,
}

/// A claimed callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedCallback {
    /// Its number.
    pub number: CallbackNumber,
    /// Its job.
    pub id: JobId,
    /// What happened to the job.
    pub kind: CallbackKind,
    /// How many attempts of the job have begun.
    pub attempt: u32,
    /// How often the callback was postponed.
    pub tries: u32,
    /// Where the job comes from.
    pub origin: Option<Arc<Origin>>,
}

/// The result of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Its handler was called successfully, or never will be called.
    Done,
    /// It has to be delivered again, not before this time.
    Postponed(Timestamp),
    /// Its handler failed.
    Failed {
        /// Why. The details are not stored.
        problem: Problem,
        /// When to try again; `None` gives the callback up.
        next_try_at: Option<Timestamp>,
    },
}

/// A position among a task's pending callbacks, which are ordered by the time from which they can be claimed (0 unless
/// they were postponed), then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallbackPosition {
    /// The time from which it can be claimed.
    pub from: Timestamp,
    /// Its number.
    pub number: CallbackNumber,
}

impl CallbackPosition {
    /// The position before all callbacks.
    pub const START: Self = Self { from: Timestamp(0), number: CallbackNumber(0) };
}

/// The callbacks that a step settled because the task has no handler for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettledUnwanted {
    /// Add callbacks; their jobs are no longer on hold.
    pub added: usize,
    /// End callbacks; the retention of their jobs has begun.
    pub ended: usize,
    /// Where the next step continues; `None` if this one has reached the last callback.
    pub next: Option<CallbackPosition>,
}

/// The result of removing ended jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Removed jobs.
    pub jobs: usize,
    /// Of these, those with a callback that was still to be tried again.
    pub undelivered: usize,
    /// Whether it stopped because it had done as much work as it was asked for, so that more jobs may be due.
    pub more: bool,
}

impl Pruned {
    /// Log lines that are as much work to remove as a job.
    pub const LINES_LIKE_A_JOB: usize = 16;

    /// Bytes that are as much work to remove as a job: a store in a file reads every page of a long text to free it.
    pub const BYTES_LIKE_A_JOB: u64 = 4 << 10;

    /// Returns how many more jobs would be as much work to remove as the lines and the bytes of one.
    pub fn more_work(lines: usize, bytes: u64) -> usize {
        let like_bytes = usize::try_from(bytes / Self::BYTES_LIKE_A_JOB).unwrap_or(usize::MAX);
        (lines / Self::LINES_LIKE_A_JOB).saturating_add(like_bytes)
    }

    /// Adds what another step removed.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (jobs, undelivered) = (self.jobs + other.jobs, self.undelivered + other.undelivered);
        Self { jobs, undelivered, more: self.more || other.more }
    }
}

/// Job counts of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Waiting jobs, including delayed ones and those on hold.
    pub waiting: usize,
    /// Of these, those that are not due (or that are due and not promoted yet).
    pub delayed: usize,
    /// Of the waiting jobs, those on hold for their add handler.
    pub on_hold: usize,
    /// Running jobs.
    pub running: usize,
    /// Stored jobs that succeeded.
    pub success: usize,
    /// Stored jobs that failed.
    pub failure: usize,
    /// Callbacks that are not settled.
    pub callbacks: usize,
    /// Of these, end callbacks whose handler failed
    /// [`CallbackBackoff::QUICK_TRIES`](crate::CallbackBackoff::QUICK_TRIES) times or more.
    pub deferred: usize,
    /// Callbacks that were given up and can be redelivered.
    pub given_up: usize,
    /// Jobs ever added; only grows.
    pub added: u64,
    /// Bytes that the stored jobs are counted as, including ended ones
    /// ([`Rules::keep_bytes`](crate::Rules::keep_bytes)).
    pub bytes: u64,
    /// Whether the task is paused.
    pub paused: bool,
    /// Since when the first job of the ready queue has been ready; shows how long jobs wait for a slot.
    pub first_ready_at: Option<Timestamp>,
}

impl Counts {
    /// Adds the counts of two tasks. The sum is paused if both are.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            waiting: self.waiting + other.waiting,
            delayed: self.delayed + other.delayed,
            on_hold: self.on_hold + other.on_hold,
            running: self.running + other.running,
            success: self.success + other.success,
            failure: self.failure + other.failure,
            callbacks: self.callbacks + other.callbacks,
            deferred: self.deferred + other.deferred,
            given_up: self.given_up + other.given_up,
            added: self.added + other.added,
            bytes: self.bytes + other.bytes,
            paused: self.paused && other.paused,
            first_ready_at: self.first_ready_at.into_iter().chain(other.first_ready_at).min(),
        }
    }

    /// Returns whether a stored job has ended.
    pub fn has_ended(&self) -> bool {
        self.success + self.failure > 0
    }

    /// Returns whether no job waits or runs and every callback was settled or deferred.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0 && self.callbacks <= self.deferred
    }
}
