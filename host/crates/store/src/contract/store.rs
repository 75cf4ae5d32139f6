//! The contract of a whole store.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{Clock, SystemClock, TaskKey, Timestamp};
use saggar_tenant::Tenant;

use super::{DeploymentStore, KvStore, Observer, TaskStore};
use crate::{
    AuditEntry, AuditLimits, AuditPage, AuditQuery, CountedJobs, ListQuery, Page, RecordingLimits, Rules, StoreError,
    TenantLevels,
};

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

/// A store of the jobs of all tasks, and of the key-value stores of all tenants.
#[async_trait]
pub trait Store: KvStore + Send + Sync + 'static {
    /// Opens the part of the store that contains `task`'s jobs, and creates it if it does not exist. Every opening
    /// returns the same part. With the handle, a database looks up the task's row once and not for every job.
    ///
    /// Tests: `adding::tasks_are_independent`, `process_death::opening_again_in_the_same_process_changes_nothing`.
    ///
    /// From now on `observer` receives every change of the task, instead of the observer of an earlier opening. This
    /// includes the changes that the opening itself makes.
    ///
    /// The first opening of a task since the store was opened ends the attempts that a dead process left RUNNING as
    /// [`FailureKind::Lost`](saggar_job::FailureKind::Lost), in one step and before this returns. In a
    /// [shared](Self::is_shared) store these are the attempts of hosts that are known to be dead. Each attempt ends
    /// exactly as [`finish`](TaskStore::finish) would end it under `rules` at `now` with a `chance` of 0.5, in the
    /// order in which the jobs were added: with its record, its log line and the callback of an end. Callbacks that the
    /// dead process had claimed can be claimed again, with the same number of tries. Later openings in the same process
    /// change nothing else.
    ///
    /// Tests: `process_death::interrupted_jobs_restart_at_once_and_the_attempt_counts`,
    /// `process_death::a_job_that_kills_every_process_fails`,
    /// `process_death::a_running_job_that_was_cancelled_ends_on_restart`,
    /// `process_death::pending_callbacks_survive_a_restart`.
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError>;

    /// Returns whether other processes work on the same jobs. Their changes arrive as [`Hint`](crate::Hint)s, which may be lost, so
    /// every waiter in a shared store has to check again by itself within a second.
    ///
    /// Tests: `observing::hints_say_what_can_be_claimed_and_when`.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns whether jobs survive the process.
    ///
    /// Tests: `process_death::answered_steps_survive_a_restart`.
    fn outlives_process(&self) -> bool;

    /// Returns the tasks that were ever opened, by this process or an earlier one, in no particular order.
    ///
    /// Tests: `process_death::the_tasks_of_earlier_processes_are_known`.
    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError>;

    /// Returns those of a tenant, in no particular order.
    ///
    /// Tests: `removing::a_removed_tenant_leaves_nothing_and_others_keep_everything`.
    async fn tasks_of(&self, tenant: &str) -> Result<Vec<TaskKey>, StoreError> {
        Ok(self.tasks().await?.into_iter().filter(|key| *key.tenant == *tenant).collect())
    }

    /// Removes all tasks of a tenant with everything about their jobs, in whatever state these are, in one step; returns
    /// how many jobs there were. From then on they are neither found, listed nor counted, by this process and later ones.
    /// Steps on tasks that were opened before return [`StoreError::TaskRemoved`], reads find nothing. Nothing is
    /// observed. The entries of the tenant's key-value store are gone as well. A task that is opened later under the same
    /// key is another one. Does nothing if there is no such tenant.
    ///
    /// The step takes about as long as it takes to open these tasks. What the jobs take in the store stays taken until
    /// [`free_removed`](Self::free_removed) frees it.
    ///
    /// Tests: `removing::a_removed_tenant_leaves_nothing_and_others_keep_everything`,
    /// `removing::a_removed_task_refuses_steps_and_can_come_back`, `key_value_bounds::a_removed_tenant_leaves_no_entries`.
    async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError>;

    /// Frees some of what removed tenants' jobs and entries take in the store, with as much work as `most` jobs take, or a
    /// little more, so that long texts are freed a few at a time; returns whether more is left. If the process dies before
    /// all is freed, the next one continues. Call it after opening the store, and after a tenant was removed, until it
    /// returns `false`.
    ///
    /// Tests: `removing::what_is_removed_is_freed_in_steps_and_over_restarts`.
    async fn free_removed(&self, most: usize) -> Result<bool, StoreError>;

    /// Lists jobs of one task or of all tasks of a tenant, open or not, in the order in which they were added; across
    /// tasks, this is the order of the store's steps. Returns at most [`ListQuery::bounded_limit`] jobs, and examines
    /// at most [`ListQuery::LOOKED_AT`] or a few more. If it stops for either reason, the page's cursor says where to
    /// continue. An index skips jobs with another status than the requested one; they are not examined.
    ///
    /// Tests: `listing::a_list_is_in_the_order_of_adding`, `listing::a_tenant_sees_all_its_tasks_and_no_others`,
    /// `listing::a_list_can_be_filtered`, `listing::a_page_is_bounded`.
    ///
    /// Clients see the cursors, so they do not tell how many jobs other tenants add.
    ///
    /// Tests: `listing::cursors_do_not_count_the_jobs_of_other_tenants`.
    ///
    /// A client that follows the cursors gets every job that existed and matched all the time exactly once, and a job
    /// that was added, removed or changed meanwhile at most once. Reflects every step that was answered before the
    /// call. A read: it changes nothing, and blocks no step for longer than it takes to examine a few hundred jobs.
    ///
    /// Tests: `listing::pages_stay_consistent_when_jobs_change_between_them`,
    /// `listing::a_list_shows_the_state_of_jobs`, `listing::a_running_job_is_found_by_its_live_progress`,
    /// `listing::a_job_is_found_by_the_word_for_its_wait_or_its_cancellation`.
    ///
    /// Conditions of the [`JobFilter`](crate::JobFilter) are evaluated as it says. Jobs that it names, by ids or by a key, are
    /// found by an index, and no others are examined. If it has conditions on arguments, a page examines at most
    /// [`ListQuery::LOOKED_AT_BYTES`] of them and one job more.
    ///
    /// Tests: `filtering::jobs_are_filtered_by_what_they_are`, `filtering::jobs_are_filtered_by_how_they_failed`,
    /// `filtering::jobs_are_filtered_by_their_last_attempt`, `filtering::jobs_are_filtered_by_their_arguments`,
    /// `filtering::named_jobs_are_found_by_an_index`, `filtering::tasks_are_filtered_by_patterns`,
    /// `filtering::a_list_ends_at_its_last_job`.
    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError>;

    /// Counts the jobs that [`list`](Self::list) would return from `query.after` on, as far as one step examines them; ignores
    /// the limit of the page.
    ///
    /// Tests: `filtering::jobs_are_counted_as_they_are_listed`.
    async fn count(&self, query: &ListQuery) -> Result<CountedJobs, StoreError>;

    /// Limits the total bytes of the jobs of all tasks, which are not limited without it. They are counted like those
    /// of a task ([`Counts::bytes`](crate::Counts::bytes)), including jobs of tasks that are not open. Room is made among the
    /// ended jobs of the tenant with the most bytes.
    ///
    /// Tests: `bounding::the_byte_limit_of_the_store_covers_all_tasks`,
    /// `bounding::the_tenant_with_the_most_bytes_makes_room_for_all`.
    fn set_keep_bytes(&self, most: u64);

    /// Returns the total bytes of the jobs of all tasks.
    ///
    /// Tests: `bounding::bytes_are_counted_and_freed`, `bounding::byte_counts_survive_a_restart`.
    fn kept_bytes(&self) -> u64;

    /// Returns the quotas of a tenant that the store enforces for all tasks of the tenant together, open or not, and how
    /// much its jobs use of them. There are none until a limit is set, and every call returns the same ones. Limits are
    /// not stored: set them after opening the store, and before its tasks are used.
    ///
    /// An add decides in its own step, so what is used never exceeds a limit by an add. Retries, requeued jobs, responses
    /// and logs are counted but never refused.
    ///
    /// Tests: `tenants::waiting_jobs_are_limited_over_all_tasks_of_a_tenant`,
    /// `tenants::bytes_are_limited_over_all_tasks_of_a_tenant`, `tenants::room_is_made_among_the_jobs_of_the_tenant`,
    /// `tenants::every_way_to_wait_is_counted`, `tenants::levels_survive_a_restart`.
    fn tenant_levels(&self, tenant: &str) -> TenantLevels;

    /// Makes the weight of a tenant count where steps of several tenants wait for each other, for all tasks that it has or
    /// opens; a tenant that is not known has the default weight. Without effect in a store in which nothing waits.
    ///
    /// Tests: `tenants::steps_of_tenants_of_any_weight_are_all_done`.
    fn know_tenant(&self, tenant: &Arc<Tenant>) {
        let _ = tenant;
    }

    /// Appends entries to the audit, the oldest first, in one step that is durable before it returns. Removes the oldest
    /// entries beyond the [limits](AuditLimits): of the same tenant, or else of the tenant with the most.
    ///
    /// Tests: `auditing::entries_are_returned_as_appended_and_survive_a_restart`,
    /// `auditing::a_tenant_with_many_entries_keeps_those_of_others`.
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError>;

    /// Returns a page of the audit, the newest entry first. Reflects every step that was answered before the call.
    ///
    /// Tests: `auditing::entries_are_returned_as_appended_and_survive_a_restart`,
    /// `auditing::pages_of_the_audit_continue_and_count_only_what_they_show`.
    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// Removes the oldest `most` entries about a tenant; returns whether more remain.
    ///
    /// Tests: `auditing::the_audit_of_a_tenant_is_removed_in_steps`.
    async fn remove_audit(&self, tenant: &str, most: usize) -> Result<bool, StoreError>;

    /// Sets how much of the audit is kept, from the next entry on.
    ///
    /// Tests: `auditing::a_tenant_with_many_entries_keeps_those_of_others`.
    fn set_audit_limits(&self, limits: AuditLimits);

    /// Sets how many bytes of recordings are stored of a tenant and in all, from the next recording on. Recordings are
    /// counted with those of tasks that are not open, and no longer when their job, task or tenant is removed. The limits
    /// are not stored: set them after opening the store.
    ///
    /// Tests: `recordings::bytes_of_recordings_survive_a_restart_and_are_freed`.
    fn set_recording_limits(&self, limits: RecordingLimits);

    /// Returns the clock whose times the callers give to the store. A [shared](Self::is_shared) store answers the time of
    /// its database, so that all hosts agree on when a job is due.
    ///
    /// Tests: `reading::the_clock_shows_the_time_of_day`.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// Returns the deployments and versions of all tenants.
    ///
    /// Tests: `deploying::deployments_are_numbered_and_survive_a_restart`.
    fn deployments(&self) -> Arc<dyn DeploymentStore>;

    /// Returns whether the store can perform steps now. While it is full or busy, each call makes it try again, which
    /// may write to the disk.
    ///
    /// Tests: `reading::a_working_store_is_ready`.
    fn health(&self) -> StoreHealth {
        StoreHealth::Ready
    }

    /// Resolves with the reason when the store has failed permanently. Never resolves in a store that cannot fail.
    /// Cancel-safe.
    ///
    /// Tests: `reading::a_working_store_is_ready`.
    async fn failed(&self) -> Box<dyn std::error::Error + Send + Sync> {
        std::future::pending().await
    }
}
