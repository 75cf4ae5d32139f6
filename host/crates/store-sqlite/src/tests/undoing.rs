//! The store in random histories in which nearly every step is done twice: in a batch that is rolled back, and then in
//! one that is committed.

use super::undone::undone;
use super::*;
use saggar_store::conformance::promises::{key_value_bounds, recordings};
use saggar_store::{
    AddError, Added, AuditEntry, AuditLimits, AuditPage, AuditQuery, CallbackNumber, CallbackPosition, Change,
    ChangeError, Claimed, ClaimedCallbacks, CountedJobs, Counts, Delivery, DeploymentStore, Finish, Finished, History,
    Job, KvAnswer, KvError, KvLimits, KvOperation, KvStore, KvUsage, Lane, ListedRecording, LogLine, Observer, Page,
    Peek, Pruned, Recording, RecordingLimits, SettledUnwanted, TaskStore, TenantLevels,
};

/// Temporary directories, with a store that rolls back first.
struct Undoings;

struct Undoing(Directory);

struct UndoingStore(Arc<SqliteStore>);

struct UndoingTask {
    store: Arc<SqliteStore>,
    task: Arc<dyn TaskStore>,
}

#[tokio::test(start_paused = true)]
async fn plays_random_histories_with_steps_undone() {
    differential::compare(&Undoings, &differential::Plan::histories(20).with_deaths()).await;
}

#[tokio::test(start_paused = true)]
async fn answers_random_key_value_operations_with_steps_undone() {
    key_value_bounds::random_operations_are_answered_as_in_memory(&Undoings).await;
}

#[tokio::test(start_paused = true)]
async fn makes_room_for_recordings_with_steps_undone() {
    recordings::the_oldest_recordings_of_a_tenant_are_removed(&Undoings).await;
    recordings::the_tenant_with_the_most_recorded_bytes_makes_room_for_all(&Undoings).await;
    recordings::bytes_of_recordings_survive_a_restart_and_are_freed(&Undoings).await;
}

#[async_trait]
impl Locations for Undoings {
    async fn fresh(&self) -> Box<dyn Location> {
        Box::new(Undoing(Directory { directory: tempfile::tempdir().unwrap(), durability: Durability::Normal }))
    }
}

#[async_trait]
impl Location for Undoing {
    async fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(UndoingStore(Arc::new(self.0.store())))
    }

    async fn left_over(&mut self) -> Vec<String> {
        self.0.left_over().await
    }
}

/// Whether a step was refused because the disk is full.
trait IsFull {
    fn is_full(&self) -> bool;
}

impl IsFull for StoreError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl IsFull for AddError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }
}

impl IsFull for KvError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }
}

impl IsFull for ChangeError {
    fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }
}

/// Runs a step in a batch that is rolled back, and then again. A step that waits for room retries by itself.
async fn twice<T, E: IsFull, F: Future<Output = Result<T, E>> + Send>(
    store: &SqliteStore,
    step: impl Fn() -> F,
) -> Result<T, E> {
    match undone(store, step()).await.await {
        Err(error) if error.is_full() => step().await,
        answer => answer,
    }
}

#[async_trait]
impl KvStore for UndoingStore {
    async fn kv(
        &self,
        tenant: &Arc<str>,
        operation: KvOperation,
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError> {
        if operation.is_read() {
            return self.0.kv(tenant, operation, limits, now).await;
        }
        twice(&self.0, || self.0.kv(tenant, operation.clone(), limits, now)).await
    }

    async fn kv_usage(&self, tenant: &Arc<str>) -> Result<KvUsage, StoreError> {
        self.0.kv_usage(tenant).await
    }

    async fn remove_expired(&self, tenant: &Arc<str>, most: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.0.remove_expired(tenant, most, now).await
    }
}

#[async_trait]
impl Store for UndoingStore {
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError> {
        let task = twice(&self.0, || self.0.open(task, rules, now, Arc::clone(&observer))).await?;
        Ok(Arc::new(UndoingTask { store: Arc::clone(&self.0), task }))
    }

    fn outlives_process(&self) -> bool {
        self.0.outlives_process()
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        self.0.tasks().await
    }

    async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError> {
        twice(&self.0, || self.0.remove_tenant(tenant)).await
    }

    async fn free_removed(&self, most: usize) -> Result<bool, StoreError> {
        twice(&self.0, || self.0.free_removed(most)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.0.list(query).await
    }

    async fn count(&self, query: &ListQuery) -> Result<CountedJobs, StoreError> {
        self.0.count(query).await
    }

    fn set_keep_bytes(&self, most: u64) {
        self.0.set_keep_bytes(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.0.kept_bytes()
    }

    fn tenant_levels(&self, tenant: &str) -> TenantLevels {
        self.0.tenant_levels(tenant)
    }

    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        twice(&self.0, || self.0.append_audit(entries.clone())).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.0.audit(query).await
    }

    async fn remove_audit(&self, tenant: &str, most: usize) -> Result<bool, StoreError> {
        twice(&self.0, || self.0.remove_audit(tenant, most)).await
    }

    fn set_audit_limits(&self, limits: AuditLimits) {
        self.0.set_audit_limits(limits);
    }

    fn set_recording_limits(&self, limits: RecordingLimits) {
        self.0.set_recording_limits(limits);
    }

    fn deployments(&self) -> Arc<dyn DeploymentStore> {
        self.0.deployments()
    }
}

#[async_trait]
impl TaskStore for UndoingTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError> {
        twice(&self.store, || self.task.add(jobs.clone(), rules, now)).await
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        twice(&self.store, || self.task.claim(most, now)).await
    }

    fn may_claim(&self) -> bool {
        self.task.may_claim()
    }

    fn may_have_callbacks(&self) -> bool {
        self.task.may_have_callbacks()
    }

    fn may_prune(&self) -> bool {
        self.task.may_prune()
    }

    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp) {
        self.task.release(id, run, rules, now);
    }

    async fn finish(
        &self,
        finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        if claim_next {
            // A retried finish claims no job, unlike the oracle's.
            return self.task.finish(finish, true, rules, now).await;
        }
        twice(&self.store, || self.task.finish(finish.clone(), false, rules, now)).await
    }

    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError> {
        twice(&self.store, || self.task.change(id, change, rules, now)).await
    }

    async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        twice(&self.store, || self.task.set_paused(paused)).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.task.get(id).await
    }

    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        self.task.peek(id, most).await
    }

    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        self.task.history(id).await
    }

    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError> {
        twice(&self.store, || self.task.claim_callbacks(lane, most, now)).await
    }

    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        twice(&self.store, || self.task.settle_callback(number, delivery.clone(), now)).await
    }

    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError> {
        twice(&self.store, || self.task.settle_unwanted(lane, after, most, rules, now)).await
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        twice(&self.store, || self.task.append_log(id, lines.clone())).await
    }

    async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError> {
        twice(&self.store, || self.task.keep_recording(id, run, Arc::clone(&bytes))).await
    }

    async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError> {
        self.task.recording(id, run).await
    }

    async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError> {
        self.task.recordings(before, most).await
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError> {
        twice(&self.store, || self.task.prune(most, rules, now)).await
    }

    fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        self.task.has_room_for(more, rules)
    }

    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError> {
        twice(&self.store, || self.task.make_room(more, most, rules)).await
    }

    fn counts(&self) -> Counts {
        self.task.counts()
    }
}
