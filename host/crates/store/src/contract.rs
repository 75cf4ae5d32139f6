//! The contract of a store, which persists the jobs, callbacks and logs of tasks. A store decides nothing: every change
//! of a job is decided by [`saggar_job::transition`], called inside the store's atomic step.
//!
//! The paragraphs `Tests:` name the tests of the conformance suite that hold what is above them; a name that begins with
//! the path of a file is a test there.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{JobId, Run, Timestamp};

use crate::{
    AddError, Added, CallbackNumber, CallbackPosition, Change, ChangeError, Claimed, ClaimedCallbacks, Counts,
    Delivery, Finish, Finished, History, Job, Lane, ListedRecording, LogLine, NewJob, Peek, Pruned, Recording, Rules,
    SettledUnwanted, StoreError,
};

mod deployments;
mod kv;
mod observer;
mod store;

pub use deployments::DeploymentStore;
pub use kv::KvStore;
pub use observer::{Hint, Notification, Observer, StoreEvent};
pub use store::{Store, StoreHealth};

/// One task's part of a store.
///
/// Every method is one atomic step: it takes effect completely or, if it fails, not at all. The steps of one task have
/// one order, which is the same for all callers. A store may perform the steps of many callers in one transaction, and
/// should. A slot that finishes a job does not wait for other steps to be gathered.
///
/// Tests: `adding::a_batch_is_added_whole_or_not_at_all`, `observing::refused_steps_are_not_observed`.
///
/// Durability: in a store that outlives its process, a step is durable (a power cut included) before it returns. The
/// exception is [`finish`](Self::finish), which returns when it is committed. Steps become durable in their order,
/// including those of other tasks. A claim ([`claim`](Self::claim), and the one in [`finish`](Self::finish)) only has
/// to survive the process, and its job is durable before the claim is returned: after a power cut the attempt may never
/// have existed. The claim of a callback is not stored at all. After an error the step may or may not be durable, but
/// never in part. After [`StoreError::Full`] or [`StoreError::Busy`] it was not performed, and can be retried.
///
/// Tests: `process_death::answered_steps_survive_a_restart`,
/// `process_death::keys_fingerprints_and_the_pause_survive_a_restart`,
/// `process_death::the_ready_queue_keeps_its_order_over_restarts`,
/// `callbacks::given_up_and_deferred_callbacks_survive_a_restart`.
///
/// Observing: each change is reported to the task's [`Observer`] once it is durable. The [`StoreEvent`]s of this
/// process are delivered exactly once, in the order of their steps, and before the step returns, unless it is a
/// [`finish`](Self::finish).
///
/// Tests: `observing::each_change_is_observed_once_and_in_order`, `observing::events_of_all_tasks_come_in_one_order`.
///
/// No room: if a store's disk is full, its steps return [`StoreError::Full`] and have no effect; if another program
/// keeps its file locked, they return [`StoreError::Busy`]. But an event that has already happened cannot be refused:
/// [`finish`](Self::finish), [`settle_callback`](Self::settle_callback) and [`append_log`](Self::append_log) wait until
/// they can be stored, however long that takes. A caller that cannot wait drops the future. A step that had to wait
/// claims nothing.
///
/// Tests: `host/crates/store-sqlite/tests/files.rs::a_full_disk_is_reported_and_loses_nothing`,
/// `host/crates/store-sqlite/src/tests/simulated.rs::a_full_disk_refuses_and_loses_nothing`,
/// `host/crates/store-sqlite/src/tests/busy.rs::a_lock_held_by_another_program_does_not_fail_the_store`,
/// `host/crates/store-sqlite/src/tests/undoing.rs::plays_random_histories_with_steps_undone`,
/// `tests/tests/disk_full.rs::ended_jobs_are_retained_until_there_is_space`,
/// `tests/tests/disk_full.rs::a_job_that_does_not_fit_on_the_disk_is_refused`.
///
/// Cancel safety: if the future is dropped before it completes, the step may still take effect. But the claims and
/// callbacks that it would have returned are requeued first, as if they had never been claimed.
///
/// Tests: `dropping::claims_of_a_dropped_caller_leave_no_trace`,
/// `dropping::a_dropped_finish_happens_wholly_or_not_at_all_and_claims_nothing`,
/// `dropping::callbacks_of_a_dropped_caller_are_claimed_again`.
///
/// `now` comes from the caller's clock, which may go back. A store only compares it with stored times.
///
/// Tests: `ready_queue::a_due_job_stays_due_when_the_clock_goes_back`.
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Adds all `jobs`, or none; returns for each, in order, which job it is now.
    ///
    /// Tests: `adding::an_added_job_is_stored_as_given`, `adding::a_batch_is_added_whole_or_not_at_all`.
    ///
    /// A job is not added if a stored job of the task, whatever its status, was added with the same
    /// [`key`](NewJob::key); that job is returned instead. Otherwise, it is not added if a waiting or running job of
    /// the task was added with the same [`unique`](NewJob::unique) fingerprint; that job is returned. Earlier jobs of
    /// the same batch count. The returned job does not change; the other key or fingerprint of the job that was not
    /// added is discarded.
    ///
    /// Tests: `naming::a_key_returns_the_same_job_while_it_is_stored`,
    /// `naming::a_unique_job_exists_once_while_it_waits_or_runs`, `naming::keys_and_fingerprints_apply_within_a_batch`,
    /// `naming::a_duplicate_needs_no_room_in_the_queue`.
    ///
    /// A job without an id gets the highest id that was ever assigned in this task, plus one. With `rules.add_handler`
    /// the jobs are on hold, and each leaves a callback [`CallbackKind::Added`](crate::CallbackKind::Added).
    ///
    /// Tests: `adding::ids_continue_from_the_highest`,
    /// `callbacks::a_job_on_hold_is_released_when_its_add_callback_is_settled`.
    ///
    /// Each job gets its position in the ready queue when it becomes ready: when it is added, released, due or retried.
    /// A job whose attempt the host cut short (requeued, or lost) keeps the position that it was claimed from. The
    /// ready queue is ordered by priority, highest first, then by position. Among jobs that become due, the one that
    /// was due first comes first, then the one that has been delayed longest.
    ///
    /// Tests: `ready_queue::ready_jobs_are_claimed_in_order`, `ready_queue::priority_goes_before_age`,
    /// `ready_queue::a_job_gets_its_position_when_it_becomes_ready`,
    /// `ready_queue::a_requeued_or_lost_job_keeps_its_position`,
    /// `ready_queue::a_job_keeps_its_position_when_the_process_dies`, `ready_queue::a_long_queue_keeps_its_order`.
    ///
    /// # Errors
    ///
    /// In this order: [`AddError::KeyReused`] with all jobs whose key belongs to [another job](NewJob::is_other), with
    /// arguments compared as text; [`AddError::QueueFull`] if some are new and ready (or would be on hold), and more
    /// than `rules.size` such jobs would exist afterwards, overdue ones included (if there are very many, once they
    /// have their positions); [`AddError::DelayedFull`] if some are new and delayed, and more than `rules.delayed_size`
    /// would exist, retries included; [`AddError::KeepBytesExceeded`] if some are new and all stored jobs would then
    /// take more bytes than `rules.keep_bytes`, or than [`Store::set_keep_bytes`] allows; then for the first new job to
    /// which it applies [`AddError::InvalidId`], [`AddError::DuplicateId`] or [`AddError::IdsExhausted`]; then
    /// [`AddError::QuotaExceeded`] if some are new and the tenant would then have more waiting jobs, or more bytes, than
    /// its quotas allow ([`Store::tenant_levels`]).
    ///
    /// Tests: `naming::reusing_a_key_for_another_job_is_refused`, `adding::a_full_queue_refuses_new_jobs`,
    /// `adding::jobs_on_hold_count_as_ready`, `adding::delayed_jobs_have_their_own_limit`,
    /// `bounding::adding_is_refused_beyond_keep_bytes`, `adding::invalid_and_duplicate_ids_are_refused`,
    /// `adding::the_counter_can_be_exhausted`.
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError>;

    /// Begins an attempt of each of the first `most` jobs of the ready queue, after delayed jobs that are due at `now`
    /// got their positions there. Returns no jobs if none is ready or the task is paused. A job that was once due stays
    /// due if the clock goes back. An attempt that begins clears the job's progress, also in other steps: while it
    /// runs, no progress is stored, and what it reports is stored when it ends.
    ///
    /// Tests: `ready_queue::a_delayed_job_is_claimed_when_it_is_due`,
    /// `ready_queue::the_longest_delay_does_not_overflow`, `ready_queue::a_due_job_stays_due_when_the_clock_goes_back`,
    /// `attempts::a_new_attempt_clears_the_progress`.
    ///
    /// Blocks others only briefly: if very many jobs are due at once, some hundreds get their positions, and at least
    /// as many as are claimed; the others do so in later steps. A store that would have to search long for the next job
    /// returns no jobs and [`NextDue::Now`](crate::NextDue::Now); the next call continues the search.
    ///
    /// Tests: `ready_queue::many_jobs_due_at_once_are_all_claimed`.
    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Returns whether a [`claim`](Self::claim) may find a job, or the time of one. If not, the observer is notified
    /// when that changes. Cheap enough to be called after every job.
    ///
    /// Tests: `observing::may_claim_is_true_while_jobs_wait`.
    fn may_claim(&self) -> bool;

    /// Returns whether callbacks may be pending. Cheap.
    ///
    /// Tests: `reading::may_have_callbacks_is_true_while_one_is_pending`.
    fn may_have_callbacks(&self) -> bool;

    /// Returns whether a [`prune`](Self::prune) may find ended jobs. Cheap.
    ///
    /// Tests: `reading::may_prune_is_true_while_an_ended_job_is_stored`.
    fn may_prune(&self) -> bool;

    /// Releases a claim that did not reach its caller. For every step that is requested after this call, the job is at
    /// its old position in the queue, as if the attempt had never begun; only its fence has grown. If it was cancelled
    /// meanwhile, it ends ([`StoreEvent::Cancelled`]). Does nothing if the attempt is not the job's running one.
    ///
    /// Tests: `attempts::a_released_claim_leaves_no_trace`.
    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp);

    /// Ends an attempt and stores its record ([`AttemptRecord::new`](crate::AttemptRecord::new),
    /// [`Attempts`](crate::Attempts)); a lost attempt leaves the line [`LogLine::lost`] in the job's log. If the job
    /// ended with it and `rules` name a handler for that end, leaves a callback. With `claim_next`, begins an attempt
    /// of the first job of the ready queue in the same step, as [`claim`](Self::claim) does.
    ///
    /// Tests: `attempts::a_job_runs_and_succeeds`, `attempts::a_failed_job_is_retried_until_its_attempts_are_used_up`,
    /// `attempts::each_outcome_fails_the_job_with_its_reason`, `attempts::a_requeued_attempt_does_not_count`,
    /// `attempts::a_lost_attempt_is_retried_even_without_retries`, `attempts::every_attempt_leaves_a_record`,
    /// `attempts::the_first_and_the_latest_records_are_kept`,
    /// `callbacks::an_end_leaves_a_callback_only_if_the_task_has_the_handler`,
    /// `attempts::finish_can_claim_the_next_job_in_the_same_step`.
    ///
    /// Returns when the end is committed, so that a slot continues during the sync. The observer receives the end
    /// ([`StoreEvent::Ended`]) when it is durable, with a snapshot of the job if [`Finish::with_snapshot`] asks for
    /// one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the attempt is not the job's running one (any more), or the job does not exist; then
    /// nothing is claimed either.
    ///
    /// Tests: `attempts::a_stale_claim_is_refused`.
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
    /// Tests: `cancelling::a_waiting_job_ends_at_once`, `cancelling::a_running_job_gets_no_other_attempt`.
    ///
    /// *Retry* makes an ended job wait again: ready at once, not on hold, with its last progress, log and records. Its
    /// log gets the line [`LogLine::retried`]. Its fingerprint is in use again. It counts as waiting, whatever
    /// `rules.size` says, and not as added. A deferred callback and those that were given up are removed, because they
    /// belong to the end that is undone.
    ///
    /// Tests: `retrying::an_ended_job_can_be_retried`, `retrying::retention_counts_from_the_last_end`,
    /// `callbacks::a_deferred_callback_blocks_neither_retry_nor_retention`.
    ///
    /// *Redeliver* makes the given-up callbacks of an ended job pending again, and a deferred one ready at once, as if
    /// they had never been tried. Callbacks whose handler `rules` does not name do not change.
    ///
    /// Tests: `callbacks::a_given_up_callback_is_shown_until_it_is_redelivered`,
    /// `callbacks::redelivery_keeps_the_order_of_a_jobs_callbacks`.
    ///
    /// *Delete* removes a waiting or ended job with its payload, log, records, key, fingerprint and callbacks; settling
    /// such a callback later has no effect. Its id is free, but the counter does not go back.
    ///
    /// Tests: `retrying::a_deleted_job_leaves_nothing`, `retrying::deleting_a_job_removes_its_callbacks`.
    ///
    /// # Errors
    ///
    /// [`ChangeError::UnknownJob`]; then what [`transition`](saggar_job::transition) refuses
    /// ([`ChangeError::refused`]), and [`ChangeError::Running`] for the deletion of a running job; then, for a retry,
    /// [`ChangeError::CallbackPending`] while a callback of the job is not settled, unless it is deferred and not
    /// claimed, and last [`ChangeError::NotUnique`]. For a redelivery: [`ChangeError::NotEnded`],
    /// [`ChangeError::CallbackPending`] as for a retry, and [`ChangeError::NotGivenUp`] if there is nothing to
    /// redeliver.
    ///
    /// Tests: `cancelling::an_ended_job_cannot_be_cancelled`, `retrying::a_running_job_is_not_deleted`,
    /// `retrying::only_an_ended_job_without_pending_callbacks_is_retried`, `retrying::a_retried_job_stays_unique`.
    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError>;

    /// Pauses or resumes claiming; running attempts and everything else continue either way. The setting survives
    /// restarts.
    ///
    /// While a task is paused, [`Claimed::next_due`] is [`NextDue::Nothing`](crate::NextDue::Nothing).
    ///
    /// Tests: `pausing::a_paused_task_starts_no_attempts`, `pausing::everything_else_continues_in_a_paused_task`.
    async fn set_paused(&self, paused: bool) -> Result<(), StoreError>;

    /// Returns a job. Reflects every step that was answered before the call.
    ///
    /// Tests: `adding::an_added_job_is_stored_as_given`.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Returns a job as [`get`](Self::get) does, unless its texts have more than `most` bytes; these are not read then.
    ///
    /// Tests: `reading::peek_returns_a_job_unless_its_texts_are_large`.
    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError>;

    /// Returns a job's log and the records of its attempts, as far as they are stored; `None` if there is no such job.
    /// Reflects every step that was answered before the call.
    ///
    /// Tests: `attempts::every_attempt_leaves_a_record`, `retention::a_log_keeps_its_lines_in_order`.
    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError>;

    /// Claims up to `most` callbacks of `lane` for delivery, oldest first; postponed callbacks are ordered by their
    /// time. A claimed callback is not claimed again until it was postponed or the process died. No callback is claimed
    /// while an earlier callback of the same job, in either lane, is not settled.
    ///
    /// Tests: `callbacks::callbacks_are_claimed_in_order_and_once`,
    /// `callbacks::a_job_cancelled_on_hold_has_its_callbacks_in_order`,
    /// `callbacks::add_callbacks_do_not_wait_behind_end_callbacks`.
    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError>;

    /// Settles a callback. [`Delivery::Done`] removes it; if it was an add callback, the job is released in the same
    /// step, unless it has ended. [`Delivery::Postponed`] and [`Delivery::Failed`] make a claimed callback claimable
    /// again from a given time on, and count one more try. A [`Delivery::Failed`] without such a time removes it as
    /// `Done` does, but stores with the job that it was given up and why. Does nothing if there is no such callback.
    ///
    /// Tests: `callbacks::a_job_on_hold_is_released_when_its_add_callback_is_settled`,
    /// `callbacks::a_callback_can_be_postponed`, `callbacks::a_job_is_released_when_its_add_callback_is_given_up`,
    /// `callbacks::settling_an_unknown_callback_does_nothing`.
    ///
    /// An end callback that failed [`CallbackBackoff::QUICK_TRIES`](crate::CallbackBackoff::QUICK_TRIES) times is
    /// *deferred*: its job can be retried, and is removed when its retention is over, unless the callback is claimed at
    /// that time.
    ///
    /// Tests: `callbacks::a_deferred_callback_blocks_neither_retry_nor_retention`,
    /// `callbacks::a_callback_that_is_being_delivered_is_not_removed`.
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
    /// Tests: `unwanted::jobs_on_hold_are_released_when_the_add_handler_is_removed`,
    /// `unwanted::ended_jobs_can_be_retried_and_pruned_when_their_handler_is_removed`,
    /// `unwanted::callbacks_of_remaining_handlers_are_kept`,
    /// `unwanted::postponed_callbacks_are_settled_and_claimed_ones_are_not`,
    /// `unwanted::a_cancelled_job_on_hold_is_settled_in_two_steps`.
    ///
    /// Examines `most` callbacks of `lane` after the position `after`, so that no step blocks others for long.
    ///
    /// Tests: `unwanted::each_step_settles_a_bounded_number`.
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
    ///
    /// Tests: `retention::a_log_keeps_its_lines_in_order`, `retention::a_log_has_a_budget`.
    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError>;

    /// Stores the recording of an attempt, instead of an earlier one of the same attempt; does nothing if there is no such
    /// job, or if the recording alone is beyond a limit. Before, it removes the oldest recordings for which there is no
    /// room beside it: of the task ([`RecordingCounts`](crate::RecordingCounts)), then of its tenant, then of the tenant
    /// with the most bytes ([`Store::set_recording_limits`]). If these are many, they are removed in several steps, none of
    /// which exceeds a limit or blocks others for long. A recording that is not removed is kept as long as its job.
    ///
    /// Tests: `recordings::a_recording_is_kept_with_its_job`,
    /// `recordings::the_oldest_recordings_of_a_task_are_removed`,
    /// `recordings::the_oldest_recordings_of_a_tenant_are_removed`,
    /// `recordings::the_tenant_with_the_most_recorded_bytes_makes_room_for_all`,
    /// `recordings::many_small_recordings_make_room_for_a_large_one`.
    async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError>;

    /// Returns the recording of an attempt, or with `None` that of the last attempt of the job which has one.
    ///
    /// Tests: `recordings::the_last_attempt_with_a_recording_is_returned`.
    async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError>;

    /// Returns at most `most` recordings of the task, the last stored first; with `before` only those with a lower number.
    /// Clients see the numbers, so they do not tell how many recordings other tenants store.
    ///
    /// Tests: `recordings::recordings_are_listed_in_pages`, `recordings::numbers_do_not_count_the_recordings_of_others`,
    /// `recordings::numbers_continue_when_others_pushed_out_all`.
    async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError>;

    /// Removes jobs whose retention is over at `now`, with all that is stored of them. A job with callbacks that are
    /// not settled is retained, unless they are deferred and not claimed.
    ///
    /// Tests: `retention::ended_jobs_are_retained_as_configured`,
    /// `retention::pruning_is_bounded_and_spares_jobs_with_pending_callbacks`.
    ///
    /// Stops when it has done as much work as the removal of `most` jobs, or a little more, so that no step blocks
    /// others for long. Each examined job counts as one, whether it is removed or was retried or deleted since it
    /// ended, and the lines of its log, its bytes and those of its recordings count with it ([`Pruned::more_work`]).
    /// [`Pruned::more`] says whether it stopped for that reason, however many jobs it removed.
    ///
    /// Tests: `retention::pruning_counts_examined_jobs_and_long_logs_as_work`,
    /// `retention::pruning_and_eviction_count_bytes_as_work`, `recordings::pruning_counts_recordings_as_work`.
    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError>;

    /// Returns whether `more` bytes can be added to the task without removing anything first, with some room to spare.
    /// Cheap enough to be called before every add.
    ///
    /// Tests: `bounding::the_jobs_that_ended_first_are_evicted`,
    /// `bounding::the_byte_limit_of_the_store_covers_all_tasks`.
    fn has_room_for(&self, more: u64, rules: &Rules) -> bool;

    /// Evicts ended jobs without pending callbacks, whatever their retention, until there is room for `more` bytes; a
    /// deferred callback that is not claimed is dropped with its job ([`Pruned::undelivered`]), as by
    /// [`prune`](Self::prune). Evicts jobs of this task while its own limit requires it, jobs of any task
    /// of its tenant while the tenant's quota does, and jobs of any task while the store's limit does, in each case
    /// those that ended first; of a task's jobs that ended in the same millisecond, successes before failures. Evicts none if
    /// so many bytes can never be stored. Bounded by `most` as [`prune`](Self::prune) is; [`Pruned::more`] says whether it
    /// stopped for that reason.
    ///
    /// Tests: `bounding::the_jobs_that_ended_first_are_evicted`,
    /// `bounding::of_jobs_that_ended_at_once_successes_are_evicted_first`, `bounding::unfinished_jobs_are_not_evicted`,
    /// `bounding::evicted_jobs_with_a_deferred_callback_are_counted`,
    /// `bounding::the_byte_limit_of_the_store_covers_all_tasks`, `tenants::room_is_made_among_the_jobs_of_the_tenant`.
    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError>;

    /// Returns the job counts per status, for people and metrics. In a store that is not shared, they reflect a step
    /// that was not earlier than the last one answered; in a shared one they may be seconds old. Stored, never computed
    /// by counting; cheap enough to be called after every job. Do not base decisions on them.
    ///
    /// Tests: `reading::counts_reflect_the_last_answered_step`.
    fn counts(&self) -> Counts;

    /// Returns the job counts per status in one snapshot, which reflects every step that was answered to any caller
    /// before the call.
    ///
    /// Tests: `reading::counts_reflect_the_last_answered_step`.
    async fn counts_now(&self) -> Result<Counts, StoreError> {
        Ok(self.counts())
    }
}
