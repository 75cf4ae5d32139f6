//! The store: a place where a task's jobs, callbacks and logs are kept. It persists and decides nothing: every change of
//! a job is [`saggar_job::transition`]'s, called inside the store's atomic step.

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

/// Where the jobs of all tasks live.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The part of the store that holds `task`'s jobs; made if it was not there. The same part however often it is
    /// opened. The handle lets a database look the task's row up once and not for every job.
    ///
    /// From now on `observer` hears of every change of the task, instead of the one of an earlier opening. It hears of what
    /// this opening itself changes, too.
    ///
    /// When a task is opened for the first time since the store was, attempts that a dead process left RUNNING end as
    /// [`Outcome::Lost`](saggar_job::Outcome::Lost) before this answers, and in one step. In a [shared](Self::is_shared) store
    /// these are the attempts of hosts that are known to be dead. Each ends exactly as [`finish`](TaskStore::finish) would end it
    /// under `rules` at `now` with a `chance` of 0.5, in the order in which the jobs were added: with its record, its log line,
    /// and the callback of an end. Callbacks that the dead process had taken can be taken again, their tries as they were. Later
    /// openings in the same process change nothing else.
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError>;

    /// Whether other processes work on the same jobs. What they do arrives as [`Hint`]s, which may be missed, so whatever waits
    /// for something in a shared store has to look again by itself within a second.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether jobs are there in the next process, too.
    fn outlives_process(&self) -> bool;

    /// The tasks that were ever opened, by this process or an earlier one, in no order.
    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError>;

    /// Some jobs of one task or of all of a tenant's, opened or not, in the order of their adding: across tasks, the order
    /// of the store's steps. Answers at most [`ListQuery::bounded_limit`] jobs, and looks at no more than
    /// [`ListQuery::LOOKED_AT`] or a few more; when it stops for either reason, the page's cursor says where to go on.
    /// Jobs in other states than the one asked for are left out by an index and not looked at.
    ///
    /// Whoever follows the cursors sees every job that was there and matched all the time exactly once; one that came, went
    /// or changed meanwhile at most once. Sees every step that was answered before the call. A read: changes nothing, and
    /// holds no step up for longer than it takes to look at a few hundred jobs.
    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError>;

    /// Bounds the bytes that the jobs of all tasks may take together; without it they are not bounded. Counted as those of a
    /// task ([`Counts::bytes`]), jobs of tasks that are not open included.
    fn set_keep_bytes(&self, most: u64);

    /// The bytes that the jobs of all tasks take.
    fn kept_bytes(&self) -> u64;
}

/// One task's part of a store.
///
/// Every method is one atomic step: it happens whole or, with an error, not at all. Steps of one task have one order, the
/// same for everybody. A store may do the steps of many callers in one transaction, and should: a slot that finishes a job
/// does not wait for others to gather them.
///
/// Durability: in a store that outlives its process, a step is durable (a power cut included) before it answers, except for
/// [`finish`](Self::finish), which answers when it is committed. Steps become durable in their order, those of other tasks
/// included. A claim ([`claim`](Self::claim), and the one in [`finish`](Self::finish)) has to outlive the process only, and its
/// job is durable before it is handed out: after a power cut the attempt may never have been. That a callback was taken is not
/// stored at all. With an error the step may be durable or not; it never is in part. With [`StoreError::Full`] or
/// [`StoreError::Busy`] it was not done, and can be tried again.
///
/// Observing: each change is told to the task's [`Observer`], once it is durable: the [`StoreEvent`]s of this process exactly once,
/// in the order of their steps, and before the step answers, unless that is a [`finish`](Self::finish).
///
/// No room: when a store's disk is full, its steps answer [`StoreError::Full`] and have not happened, and when another program
/// keeps its file locked, [`StoreError::Busy`]. But what has happened already cannot be refused: [`finish`](Self::finish),
/// [`settle_callback`](Self::settle_callback) and [`append_log`](Self::append_log) wait until it can be kept, for however long that
/// takes, and are dropped by who cannot wait. One that had to wait claims nothing.
///
/// Cancel safety: when the future is dropped before it answered, the step may still happen, but what it would have
/// handed out (claims, callbacks) is put back first, as if it had never been taken.
///
/// `now` comes from the caller's clock, which may go back: a store compares it with kept moments and nothing more.
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Adds all `jobs`, or none; answers for each, in order, which job it is now.
    ///
    /// A job with a [`key`](NewJob::key) that a kept job of the task was added with (however that one stands) is not added,
    /// but answered with that one; else, a job with a [`unique`](NewJob::unique) fingerprint that a waiting or running job
    /// of the task was added with is answered with that one. Earlier jobs of the same batch count. The job answered stays as
    /// it is; the other key or fingerprint of the one that was not added is forgotten.
    ///
    /// A job without an id gets one more than the highest id that was ever given in this task. With `rules.add_handler` the
    /// jobs are held, and each leaves a callback [`CallbackKind::Added`](crate::CallbackKind::Added).
    ///
    /// Each job takes its place in the line when it becomes ready: when it is added, released, due or retried. One whose
    /// attempt the host cut short (requeued, or lost) keeps the place that it was claimed from. The line is ordered by priority, highest first, then by place. Among jobs that become due, the one that was due
    /// first comes first, then the one that has waited for its time longest.
    ///
    /// # Errors
    ///
    /// In this order: [`AddError::KeyReused`] with all jobs whose key is that of [another one](NewJob::is_other), their
    /// arguments compared as text; [`AddError::QueueFull`] if some are new and ready (or would be on hold), and more than `rules.size` such
    /// jobs would be there afterwards, those that are late included (of very many, when they have taken their places);
    /// [`AddError::DelayedFull`] if some are new and delayed, and more than `rules.delayed_size` would be, retries
    /// included; [`AddError::KeepBytesExceeded`] if some are new and all kept jobs would then take more bytes than
    /// `rules.keep_bytes`, or than [`Store::set_keep_bytes`] allows; then for the first new job of which it is true [`AddError::InvalidId`], [`AddError::DuplicateId`] or
    /// [`AddError::IdsExhausted`].
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError>;

    /// Begins an attempt of each of the first `most` jobs of the line, after delayed jobs that are due at `now` have
    /// taken their places there. Answers none if none is ready, or the task is paused. What was once due stays due when
    /// the clock goes back. An attempt that begins clears the job's progress, here and in other steps: while it runs, none is
    /// kept, and what it reports is kept when it ends.
    ///
    /// Holds others up for a moment at most: of very many jobs that are due at once some hundreds take their places, and at least
    /// as many as are claimed, and the others do with later steps. A store that would have to look long for the next job answers
    /// none and [`NextDue::Now`]; whoever asks again has it look on from there.
    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Whether a [`claim`](Self::claim) may find a job, or the time of one. If not, the observer hears of it when that changes.
    /// Cheap enough to be asked after every job.
    fn may_claim(&self) -> bool;

    /// Whether callbacks may be pending. Cheap.
    fn may_have_callbacks(&self) -> bool;

    /// Returns a claim that nobody received: before any step that is asked for after this call, the job is in the queue where
    /// it was, as if the attempt had never begun; only its fence has grown. If it was cancelled meanwhile, it ends
    /// ([`StoreEvent::Cancelled`]). Nothing happens if the attempt is not the job's running one.
    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp);

    /// Ends an attempt and keeps its record ([`AttemptRecord::new`](crate::AttemptRecord::new),
    /// [`Attempts`](crate::Attempts)); an attempt that is lost leaves the line [`LogLine::lost`] in the job's log. If the
    /// job ended with it and `rules` name a handler for that end, leaves a callback of it. With `claim_next`, begins an attempt
    /// of the first job of the line in the same step, as [`claim`](Self::claim) does.
    ///
    /// Answers when the end is committed, so that a slot goes on while the disk is waited for. The observer hears of it
    /// ([`StoreEvent::Ended`]) when it is durable, with a snapshot of the job if [`Finish::with_snapshot`] asks for one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the attempt is not the job's running one (any more), or the job is gone; then nothing is
    /// claimed either.
    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError>;

    /// Cancels, retries or deletes a job.
    ///
    /// *Cancel* ends a waiting job, leaving a callback as [`finish`](Self::finish) does; marks a running one, so that no other
    /// attempt follows.
    ///
    /// *Retry* lets an ended job wait again, ready at once, not held, its last progress, log and records kept; its log gets
    /// the line [`LogLine::retried`]. Its fingerprint holds again. It counts as waiting, whatever `rules.size` says, and not
    /// as added. A deferred callback and those that were given up are removed: they were about the end that is undone.
    ///
    /// *Redeliver* makes the callbacks of an ended job that were given up pending again, and a deferred one ready at once, as if
    /// they had never been tried. Those whose handler `rules` does not name stay as they are.
    ///
    /// *Delete* removes a waiting or ended job with its payload, log, records, key, fingerprint and callbacks; settling such a
    /// callback does nothing later. Its id is free, though the counter does not go back.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`]; then what [`transition`](saggar_job::transition) refuses
    /// ([`ChangeError::refused`]), and [`ChangeError::Running`] for the deletion of a running job; then, for a retry,
    /// [`ChangeError::CallbackPending`] while a callback of the job is not settled, unless it is deferred and not taken, and last
    /// [`ChangeError::NotUnique`]. For a redelivery: [`ChangeError::NotEnded`], [`ChangeError::CallbackPending`] as for a retry, and
    /// [`ChangeError::NotGivenUp`] if there is nothing to redeliver.
    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError>;

    /// Stops the claiming, or lets it go on; running attempts go on either way, and so does everything else. Lasts until it
    /// is said otherwise, over restarts too.
    ///
    /// While a task is paused, [`Claimed::left`] is [`NextDue::Nothing`].
    async fn set_paused(&self, paused: bool) -> Result<(), StoreError>;

    /// Looks a job up. Sees every step that was answered before the call.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Looks a job up as [`get`](Self::get) does, unless its texts have more than `most` bytes: these are not read then.
    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError>;

    /// A job's log and the records of its attempts, as far as they are kept; none if there is no such job. Sees every step
    /// that was answered before the call.
    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError>;

    /// Takes up to `most` callbacks of `lane` to be told, oldest first, those that were put off by their time. A callback that was
    /// taken is not taken again until it was put off or the process died; and none is taken while an earlier callback of the same
    /// job, in either lane, is not finished.
    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError>;

    /// Settles a callback. [`Delivery::Done`] removes it; if it was of a job's adding, the job is released in the same step,
    /// unless it has ended. [`Delivery::Postponed`] and [`Delivery::Failed`] let one that was taken be taken again from a moment on,
    /// with one more try counted. A [`Delivery::Failed`] without such a moment removes it as `Done` does, but stores with the job
    /// that it was given up and why. Nothing happens if there is no such callback.
    ///
    /// A callback of an end that failed [`CallbackBackoff::QUICK_TRIES`](crate::CallbackBackoff::QUICK_TRIES) times is *deferred*:
    /// its job can be retried and is removed when its retention is over, unless the callback is taken at the moment.
    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Settles, as [`Delivery::Done`] does, callbacks for which `rules` name no handler: it was removed from the task's definition
    /// after they were written. Leaves those alone that are taken; an end that had to wait for the callback of its job's adding
    /// becomes a callback of its own, which a later step settles.
    ///
    /// Looks at `most` callbacks of `lane` after the position `after`, so that no step holds up others for long.
    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError>;

    /// Appends to a job's log as far as its budget ([`JobLog`](crate::JobLog)) allows; nothing if there is no such job.
    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError>;

    /// Removes jobs, with all that is kept of them, whose retention is over at `now`. A job whose callbacks are not finished
    /// stays, unless they are deferred and not taken.
    ///
    /// Stops when it has done as much work as `most` jobs are, or a little more, so that no step holds up others for long: each
    /// job looked at counts as one, whether it goes or was retried or deleted by hand since it ended, and the lines of its log
    /// count with it ([`Pruned::LINES_LIKE_A_JOB`]). [`Pruned::more`] tells whether it stopped for that, however many it removed.
    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError>;

    /// Whether `more` bytes can be added to the task without removing anything first: some room is left beyond that. Cheap
    /// enough to be asked before every adding.
    fn has_room_for(&self, more: u64, rules: &Rules) -> bool;

    /// Removes ended jobs of which nothing is to be told, whatever their retention, until there is room for `more` bytes: as long
    /// as the task's bound asks for it the task's own, and as long as the store's does those of any task, in each case those that
    /// ended first. Removes none if so many bytes can never be kept. Bounded by `most` as [`prune`](Self::prune) is;
    /// [`Pruned::more`] tells whether it stopped for that.
    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError>;

    /// How many jobs stand where: for people and metrics. In a store that is not shared, after some step that was not earlier
    /// than the last one answered; in a shared one it may be seconds old. Stored, never counted; cheap enough to be asked after
    /// every job. Nothing is to be decided by it.
    fn counts(&self) -> Counts;

    /// How many jobs stand where, in one snapshot that has every step that was answered to anybody before the call.
    async fn counts_now(&self) -> Result<Counts, StoreError> {
        Ok(self.counts())
    }
}
