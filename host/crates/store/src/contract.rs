//! The contract of a store, which persists the jobs, callbacks and logs of tasks. A store decides nothing: every change
//! of a job is decided by [`saggar_job::transition`], called inside the store's atomic step.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{JobId, Run, TaskKey, Timestamp};

use crate::{
    AddError, Added, CallbackNumber, CallbackPosition, Change, ChangeError, Claimed, ClaimedCallbacks, Counts,
    Delivery, Finish, Finished, History, Job, Lane, ListQuery, LogLine, NewJob, Page, Peek, Pruned, Rules,
    SettledUnwanted, StoreError,
};

mod observer;

pub use observer::{Hint, Notification, Observer, StoreEvent};

/// Whether a store can perform steps now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreHealth {
    /// It can.
    Ready,
    /// Its disk is full: steps return [`StoreError::Full`] until there is room.
    Full,
    /// Another program has its file locked: steps return [`StoreError::Busy`] until it releases the lock.
    Busy,
    /// It has failed permanently: every step returns [`StoreError::Failed`].
    Failed,
}

/// A store of the jobs of all tasks.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens the part of the store that contains `task`'s jobs, and creates it if it does not exist. Every opening
    /// returns the same part. With the handle, a database looks up the task's row once and not for every job.
    ///
    /// From now on `observer` receives every change of the task, instead of the observer of an earlier opening. This
    /// includes the changes that the opening itself makes.
    ///
    /// The first opening of a task since the store was opened ends the attempts that a dead process left RUNNING as
    /// [`Outcome::Lost`](saggar_job::Outcome::Lost), in one step and before this returns. In a
    /// [shared](Self::is_shared) store these are the attempts of hosts that are known to be dead. Each attempt ends
    /// exactly as [`finish`](TaskStore::finish) would end it under `rules` at `now` with a `chance` of 0.5, in the
    /// order in which the jobs were added: with its record, its log line and the callback of an end. Callbacks that the
    /// dead process had claimed can be claimed again, with the same number of tries. Later openings in the same process
    /// change nothing else.
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError>;

    /// Returns whether other processes work on the same jobs. Their changes arrive as [`Hint`]s, which may be lost, so
    /// every waiter in a shared store has to check again by itself within a second.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns whether jobs survive the process.
    fn outlives_process(&self) -> bool;

    /// Returns the tasks that were ever opened, by this process or an earlier one, in no particular order.
    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError>;

    /// Lists jobs of one task or of all tasks of a tenant, open or not, in the order in which they were added; across
    /// tasks, this is the order of the store's steps. Returns at most [`ListQuery::bounded_limit`] jobs, and examines
    /// at most [`ListQuery::LOOKED_AT`] or a few more. If it stops for either reason, the page's cursor says where to
    /// continue. An index skips jobs with another status than the requested one; they are not examined.
    ///
    /// A client that follows the cursors gets every job that existed and matched all the time exactly once, and a job
    /// that was added, removed or changed meanwhile at most once. Reflects every step that was answered before the
    /// call. A read: it changes nothing, and blocks no step for longer than it takes to examine a few hundred jobs.
    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError>;

    /// Limits the total bytes of the jobs of all tasks, which are not limited without it. They are counted like those
    /// of a task ([`Counts::bytes`]), including jobs of tasks that are not open.
    fn set_keep_bytes(&self, most: u64);

    /// Returns the total bytes of the jobs of all tasks.
    fn kept_bytes(&self) -> u64;

    /// Returns whether the store can perform steps now. While it is full or busy, each call makes it try again, which
    /// may write to the disk.
    fn health(&self) -> StoreHealth {
        StoreHealth::Ready
    }

    /// Resolves with the reason when the store has failed permanently. Never resolves in a store that cannot fail.
    /// Cancel-safe.
    async fn failed(&self) -> Box<dyn std::error::Error + Send + Sync> {
        std::future::pending().await
    }
}

/// One task's part of a store.
///
/// Every method is one atomic step: it takes effect completely or, if it fails, not at all. The steps of one task have
/// one order, which is the same for all callers. A store may perform the steps of many callers in one transaction, and
/// should. A slot that finishes a job does not wait for other steps to be gathered.
///
/// Durability: in a store that outlives its process, a step is durable (a power cut included) before it returns. The
/// exception is [`finish`](Self::finish), which returns when it is committed. Steps become durable in their order,
/// including those of other tasks. A claim ([`claim`](Self::claim), and the one in [`finish`](Self::finish)) only has
/// to survive the process, and its job is durable before the claim is returned: after a power cut the attempt may never
/// have existed. The claim of a callback is not stored at all. After an error the step may or may not be durable, but
/// never in part. After [`StoreError::Full`] or [`StoreError::Busy`] it was not performed, and can be retried.
///
/// Observing: each change is reported to the task's [`Observer`] once it is durable. The [`StoreEvent`]s of this
/// process are delivered exactly once, in the order of their steps, and before the step returns, unless it is a
/// [`finish`](Self::finish).
///
/// No room: if a store's disk is full, its steps return [`StoreError::Full`] and have no effect; if another program
/// keeps its file locked, they return [`StoreError::Busy`]. But an event that has already happened cannot be refused:
/// [`finish`](Self::finish), [`settle_callback`](Self::settle_callback) and [`append_log`](Self::append_log) wait until
/// they can be stored, however long that takes. A caller that cannot wait drops the future. A step that had to wait
/// claims nothing.
///
/// Cancel safety: if the future is dropped before it completes, the step may still take effect. But the claims and
/// callbacks that it would have returned are requeued first, as if they had never been claimed.
///
/// `now` comes from the caller's clock, which may go back. A store only compares it with stored times.
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Adds all `jobs`, or none; returns for each, in order, which job it is now.
    ///
    /// A job is not added if a stored job of the task, whatever its status, was added with the same
    /// [`key`](NewJob::key); that job is returned instead. Otherwise, it is not added if a waiting or running job of
    /// the task was added with the same [`unique`](NewJob::unique) fingerprint; that job is returned. Earlier jobs of
    /// the same batch count. The returned job does not change; the other key or fingerprint of the job that was not
    /// added is discarded.
    ///
    /// A job without an id gets the highest id that was ever assigned in this task, plus one. With `rules.add_handler`
    /// the jobs are on hold, and each leaves a callback [`CallbackKind::Added`](crate::CallbackKind::Added).
    ///
    /// Each job gets its position in the ready queue when it becomes ready: when it is added, released, due or retried.
    /// A job whose attempt the host cut short (requeued, or lost) keeps the position that it was claimed from. The
    /// ready queue is ordered by priority, highest first, then by position. Among jobs that become due, the one that
    /// was due first comes first, then the one that has been delayed longest.
    ///
    /// # Errors
    ///
    /// In this order: [`AddError::KeyReused`] with all jobs whose key belongs to [another job](NewJob::is_other), with
    /// arguments compared as text; [`AddError::QueueFull`] if some are new and ready (or would be on hold), and more
    /// than `rules.size` such jobs would exist afterwards, overdue ones included (if there are very many, once they
    /// have their positions); [`AddError::DelayedFull`] if some are new and delayed, and more than `rules.delayed_size`
    /// would exist, retries included; [`AddError::KeepBytesExceeded`] if some are new and all stored jobs would then
    /// take more bytes than `rules.keep_bytes`, or than [`Store::set_keep_bytes`] allows; then for the first new job to
    /// which it applies [`AddError::InvalidId`], [`AddError::DuplicateId`] or [`AddError::IdsExhausted`].
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError>;

    /// Begins an attempt of each of the first `most` jobs of the ready queue, after delayed jobs that are due at `now`
    /// got their positions there. Returns no jobs if none is ready or the task is paused. A job that was once due stays
    /// due if the clock goes back. An attempt that begins clears the job's progress, also in other steps: while it
    /// runs, no progress is stored, and what it reports is stored when it ends.
    ///
    /// Blocks others only briefly: if very many jobs are due at once, some hundreds get their positions, and at least
    /// as many as are claimed; the others do so in later steps. A store that would have to search long for the next job
    /// returns no jobs and [`NextDue::Now`]; the next call continues the search.
    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Returns whether a [`claim`](Self::claim) may find a job, or the time of one. If not, the observer is notified
    /// when that changes. Cheap enough to be called after every job.
    fn may_claim(&self) -> bool;

    /// Returns whether callbacks may be pending. Cheap.
    fn may_have_callbacks(&self) -> bool;

    /// Releases a claim that did not reach its caller. For every step that is requested after this call, the job is at
    /// its old position in the queue, as if the attempt had never begun; only its fence has grown. If it was cancelled
    /// meanwhile, it ends ([`StoreEvent::Cancelled`]). Does nothing if the attempt is not the job's running one.
    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp);

    /// Ends an attempt and stores its record ([`AttemptRecord::new`](crate::AttemptRecord::new),
    /// [`Attempts`](crate::Attempts)); a lost attempt leaves the line [`LogLine::lost`] in the job's log. If the job
    /// ended with it and `rules` name a handler for that end, leaves a callback. With `claim_next`, begins an attempt
    /// of the first job of the ready queue in the same step, as [`claim`](Self::claim) does.
    ///
    /// Returns when the end is committed, so that a slot continues during the sync. The observer receives the end
    /// ([`StoreEvent::Ended`]) when it is durable, with a snapshot of the job if [`Finish::with_snapshot`] asks for
    /// one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the attempt is not the job's running one (any more), or the job does not exist; then
    /// nothing is claimed either.
    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError>;

    /// Cancels, retries, deletes or redelivers a job.
    ///
    /// *Cancel* ends a waiting job, leaving a callback as [`finish`](Self::finish) does; marks a running one, so that
    /// no other attempt follows.
    ///
    /// *Retry* makes an ended job wait again: ready at once, not on hold, with its last progress, log and records. Its
    /// log gets the line [`LogLine::retried`]. Its fingerprint is in use again. It counts as waiting, whatever
    /// `rules.size` says, and not as added. A deferred callback and those that were given up are removed, because they
    /// belong to the end that is undone.
    ///
    /// *Redeliver* makes the given-up callbacks of an ended job pending again, and a deferred one ready at once, as if
    /// they had never been tried. Callbacks whose handler `rules` does not name do not change.
    ///
    /// *Delete* removes a waiting or ended job with its payload, log, records, key, fingerprint and callbacks; settling
    /// such a callback later has no effect. Its id is free, but the counter does not go back.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`]; then what [`transition`](saggar_job::transition) refuses
    /// ([`ChangeError::refused`]), and [`ChangeError::Running`] for the deletion of a running job; then, for a retry,
    /// [`ChangeError::CallbackPending`] while a callback of the job is not settled, unless it is deferred and not
    /// claimed, and last [`ChangeError::NotUnique`]. For a redelivery: [`ChangeError::NotEnded`],
    /// [`ChangeError::CallbackPending`] as for a retry, and [`ChangeError::NotGivenUp`] if there is nothing to
    /// redeliver.
    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError>;

    /// Pauses or resumes claiming; running attempts and everything else continue either way. The setting survives
    /// restarts.
    ///
    /// While a task is paused, [`Claimed::next_due`] is [`NextDue::Nothing`].
    async fn set_paused(&self, paused: bool) -> Result<(), StoreError>;

    /// Returns a job. Reflects every step that was answered before the call.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Returns a job as [`get`](Self::get) does, unless its texts have more than `most` bytes; these are not read then.
    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError>;

    /// Returns a job's log and the records of its attempts, as far as they are stored; `None` if there is no such job.
    /// Reflects every step that was answered before the call.
    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError>;

    /// Claims up to `most` callbacks of `lane` for delivery, oldest first; postponed callbacks are ordered by their
    /// time. A claimed callback is not claimed again until it was postponed or the process died. No callback is claimed
    /// while an earlier callback of the same job, in either lane, is not settled.
    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError>;

    /// Settles a callback. [`Delivery::Done`] removes it; if it was an add callback, the job is released in the same
    /// step, unless it has ended. [`Delivery::Postponed`] and [`Delivery::Failed`] make a claimed callback claimable
    /// again from a given time on, and count one more try. A [`Delivery::Failed`] without such a time removes it as
    /// `Done` does, but stores with the job that it was given up and why. Does nothing if there is no such callback.
    ///
    /// An end callback that failed [`CallbackBackoff::QUICK_TRIES`](crate::CallbackBackoff::QUICK_TRIES) times is
    /// *deferred*: its job can be retried, and is removed when its retention is over, unless the callback is claimed at
    /// that time.
    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Settles, as [`Delivery::Done`] does, callbacks for which `rules` name no handler, because it was removed from
    /// the task's definition after they were written. Skips claimed callbacks. An end that had to wait for the add
    /// callback of its job becomes a callback of its own, which a later step settles.
    ///
    /// Examines `most` callbacks of `lane` after the position `after`, so that no step blocks others for long.
    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError>;

    /// Appends to a job's log as far as its budget ([`JobLog`](crate::JobLog)) allows; does nothing if there is no such
    /// job.
    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError>;

    /// Removes jobs whose retention is over at `now`, with all that is stored of them. A job with callbacks that are
    /// not settled is retained, unless they are deferred and not claimed.
    ///
    /// Stops when it has done as much work as the removal of `most` jobs, or a little more, so that no step blocks
    /// others for long. Each examined job counts as one, whether it is removed or was retried or deleted since it
    /// ended, and the lines of its log count with it ([`Pruned::LINES_LIKE_A_JOB`]). [`Pruned::more`] says whether it
    /// stopped for that reason, however many jobs it removed.
    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError>;

    /// Returns whether `more` bytes can be added to the task without removing anything first, with some room to spare.
    /// Cheap enough to be called before every add.
    fn has_room_for(&self, more: u64, rules: &Rules) -> bool;

    /// Evicts ended jobs without pending callbacks, whatever their retention, until there is room for `more` bytes:
    /// jobs of this task while its own limit requires it, and jobs of any task while the store's limit does, in each
    /// case those that ended first. Evicts none if so many bytes can never be stored. Bounded by `most` as
    /// [`prune`](Self::prune) is; [`Pruned::more`] says whether it stopped for that reason.
    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError>;

    /// Returns the job counts per status, for people and metrics. In a store that is not shared, they reflect a step
    /// that was not earlier than the last one answered; in a shared one they may be seconds old. Stored, never computed
    /// by counting; cheap enough to be called after every job. Do not base decisions on them.
    fn counts(&self) -> Counts;

    /// Returns the job counts per status in one snapshot, which reflects every step that was answered to any caller
    /// before the call.
    async fn counts_now(&self) -> Result<Counts, StoreError> {
        Ok(self.counts())
    }
}
