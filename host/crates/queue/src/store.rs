//! The store: a place where a task's jobs, notices and logs are kept. It persists and decides nothing: every change of
//! a job is [`saggar_job::transition`]'s, called inside the store's atomic step.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{JobId, Outcome, Reason, Run, Status, TaskKey, Timestamp};

use crate::{AddError, Job, LogLine, NewJob, Origin, Progress, Rules, StoreError};

mod memory;

pub use memory::MemoryStore;

/// Where the jobs of all tasks live.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The part of the store that holds `task`'s jobs; made if it was not there. The same part however often it is
    /// opened.
    ///
    /// The handle lets a database look the task's row up once and not for every job. Whoever claims through it lives in
    /// this process: a store that outlives processes says for itself, when it is opened, which attempts were left
    /// running by a dead one, and ends them as [`Outcome::Lost`].
    async fn open(&self, task: &TaskKey) -> Result<Arc<dyn TaskStore>, StoreError>;
}

/// One task's part of a store.
///
/// Every method is one atomic step: it happens whole or, with an error, not at all, and it has lasted (is on disk, where
/// there is one) before it answers. Steps of one task have one order, the same for everybody. A store may do the steps
/// of many callers in one transaction, and should: a slot that finishes a job does not wait for others to gather them.
///
/// Cancel safety: when the future is dropped before it answered, the step may still happen, but what it would have
/// handed out (claims, notices) is put back first, as if it had never been taken.
///
/// `now` comes from the caller's clock, which may go back: a store compares it with kept moments and nothing more.
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Adds all `jobs`, or none; answers their ids in order. A job without an id gets one more than the highest id that
    /// was ever given in this task. With `rules.add_handler` the jobs are held, and each leaves a notice
    /// [`Happened::Added`](crate::Happened::Added).
    ///
    /// Each job takes its place in the line when it becomes ready: when it is added, released, due or put back. The line
    /// is ordered by priority, highest first, then by place.
    ///
    /// # Errors
    ///
    /// In this order: [`AddError::QueueFull`] if afterwards more than `rules.size` jobs would wait; then for the first
    /// job of which it is true [`AddError::InvalidId`], [`AddError::DuplicateId`] or [`AddError::IdsExhausted`].
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<JobId>, AddError>;

    /// Begins an attempt of each of the first `most` jobs of the line, after delayed jobs that are due at `now` have
    /// taken their places there. Answers none if none is ready. What was once due stays due when the clock goes back.
    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Ends an attempt. If the job ended with it and `rules` name a handler for that end, leaves a notice of it. With
    /// `claim_next`, begins an attempt of the first job of the line in the same step, as [`claim`](Self::claim) does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the attempt is not the job's running one (any more); then nothing is claimed either.
    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError>;

    /// Ends a waiting job, leaving a notice as [`finish`](Self::finish) does; marks a running one, so that no other
    /// attempt follows. `Ok(None)` if there is no such job.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if it has ended.
    async fn cancel(&self, id: JobId, rules: &Arc<Rules>, now: Timestamp) -> Result<Option<Cancelled>, StoreError>;

    /// Looks a job up. Sees every step that was answered before the call.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Takes up to `most` notices to be told, oldest first. A notice that was taken is not taken again until it was
    /// [put off](Self::put_off_notice) or the process died; and none is taken while an earlier notice of the same job is
    /// not finished.
    async fn claim_notices(&self, most: usize, now: Timestamp) -> Result<ClaimedNotices, StoreError>;

    /// Removes a notice. If it was of a job's adding, the job is released in the same step, unless it has ended.
    /// Nothing happens if there is no such notice.
    async fn finish_notice(&self, number: NoticeNumber, now: Timestamp) -> Result<Told, StoreError>;

    /// Lets a notice that was taken be taken again, from `until` on, with one more try counted. Nothing happens if there
    /// is no such notice.
    async fn put_off_notice(&self, number: NoticeNumber, until: Timestamp) -> Result<(), StoreError>;

    /// Appends to a job's log as far as its budget ([`JobLog`](crate::JobLog)) allows; nothing if there is no such job.
    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError>;

    /// A job's log, oldest line first, with what was dropped as its last line; none if there is no such job.
    async fn logs(&self, id: JobId) -> Result<Option<Vec<LogLine>>, StoreError>;

    /// Removes up to `most` jobs, with their logs, whose retention is over at `now`; answers how many. A job whose
    /// notices are not finished stays. Fewer than `most` means that no more are due.
    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<usize, StoreError>;

    /// How many jobs stand where, after some step that was not earlier than the last one answered. Kept, never counted;
    /// cheap enough to be asked after every job.
    fn counts(&self) -> Counts;
}

/// What waits in a line that nobody has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing that could be claimed, ever, without another step before it.
    Nothing,
    /// Something that can be claimed now.
    Ready,
    /// Nothing now; something from this moment on.
    From(Timestamp),
}

impl Left {
    /// What is left when something can be claimed `delay_ms` milliseconds after `now`.
    pub(crate) fn after(delay_ms: u64, now: Timestamp) -> Self {
        if delay_ms == 0 { Self::Ready } else { Self::From(now.plus_ms(delay_ms)) }
    }
}

/// The attempts that a claim began.
#[derive(Debug)]
pub struct Claimed {
    /// Theirs.
    pub jobs: Vec<ClaimedJob>,
    /// What waits behind them.
    pub left: Left,
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
}

/// How an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It ended.
    Outcome(Outcome),
    /// It is undone.
    PutBack,
}

/// The end of an attempt.
#[derive(Debug)]
pub struct Finish {
    /// The job.
    pub id: JobId,
    /// The attempt's fence.
    pub run: Run,
    /// How it ended.
    pub end: End,
    /// The attempt's last progress, to be kept with the job; none keeps what was there.
    pub progress: Option<Progress>,
    /// A random number from 0 up to 1, for the jitter of a retry.
    pub chance: f64,
}

/// What came of the end of an attempt.
#[derive(Debug)]
pub struct Finished {
    /// Where the job stands now.
    pub status: Status,
    /// When it goes on, if it waits.
    pub run_at: Option<Timestamp>,
    /// In which way it failed, if it did.
    pub reason: Option<Reason>,
    /// Whether a notice was left that can be taken now.
    pub noticed: bool,
    /// The attempt that was begun in the same step.
    pub next: Option<ClaimedJob>,
    /// What waits behind that one.
    pub left: Left,
}

/// What came of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The job waited, and has ended. `noticed`: it left a notice that can be taken now.
    Ended {
        /// Whether it left a notice that can be taken now.
        noticed: bool,
    },
    /// The attempt with this fence runs and is to be stopped.
    Stopping(Run),
}

/// A notice's number within its task; grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeNumber(pub u64);

/// The notices that were taken.
#[derive(Debug)]
pub struct ClaimedNotices {
    /// They.
    pub notices: Vec<ClaimedNotice>,
    /// What waits behind them.
    pub left: Left,
}

/// A notice that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedNotice {
    /// Its number.
    pub number: NoticeNumber,
    /// The job that it is about.
    pub id: JobId,
    /// What happened to the job.
    pub happened: crate::Happened,
    /// How many attempts of the job have begun.
    pub attempt: u32,
    /// How often the notice was put off.
    pub tries: u32,
    /// Where the job comes from.
    pub origin: Option<Arc<Origin>>,
}

/// What came of a notice's finishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What waits in the line of jobs now.
    pub line: Left,
    /// Whether a notice of the same job had to wait for this one, and can be taken now.
    pub noticed: bool,
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
    /// Notices that are not finished.
    pub notices: usize,
    /// Jobs ever added; only grows.
    pub added: u64,
    /// Since when the first job of the line has been ready: how long jobs wait for a slot.
    pub first_ready_at: Option<Timestamp>,
}

impl Counts {
    /// Whether nothing waits, runs or is to be told.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0 && self.notices == 0
    }
}
