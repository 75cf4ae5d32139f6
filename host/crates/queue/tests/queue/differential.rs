//! The random histories that compare a store with the memory store, run on the memory store itself and on a store with
//! a defect: thousands of them can be run, and they find the defects.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use saggar_job::{JobId, Run, TaskKey, Timestamp};
use saggar_queue::{
    AddError, Added, AuditEntry, AuditLimits, AuditPage, AuditQuery, CallbackNumber, CallbackPosition, Change,
    ChangeError, Claimed, ClaimedCallbacks, CountedJobs, Counts, Delivery, DeploymentStore, Finish, Finished, History,
    Job, KvAnswer, KvError, KvLimits, KvOperation, KvStore, KvUsage, Lane, ListQuery, ListedRecording, LogLine,
    MemoryStore, NewJob, Observer, Page, Peek, Pruned, Recording, RecordingLimits, Rules, SettledUnwanted, Store,
    StoreError, TaskStore, TenantLevels,
};
use saggar_store::conformance::differential::{Plan, compare};
use saggar_store::conformance::{InMemory, Location, Locations};

#[tokio::test]
async fn the_memory_store_agrees_with_itself_in_a_thousand_histories() {
    compare(&InMemory, &Plan::histories(1_000)).await;
}

#[tokio::test]
async fn the_memory_store_agrees_with_itself_in_a_thousand_histories_with_deaths() {
    compare(&InMemory, &Plan::histories(1_000).with_deaths()).await;
}

fn many_histories() -> Plan {
    Plan { steps: 120, ..Plan::histories(4_000) }
}

#[tokio::test]
#[ignore = "takes minutes; run after store changes: cargo test --release -- --ignored many_random"]
async fn the_memory_store_agrees_with_itself_in_many_random_histories() {
    compare(&InMemory, &many_histories()).await;
}

#[tokio::test]
#[ignore = "takes minutes; run after store changes: cargo test --release -- --ignored many_random"]
async fn the_memory_store_agrees_with_itself_in_many_random_histories_with_deaths() {
    compare(&InMemory, &many_histories().with_deaths()).await;
}

#[tokio::test]
async fn every_defect_is_found() {
    for defect in [Defect::ForgetsProgress, Defect::SparesLost, Defect::ForgetsThePause, Defect::TakesOneTooMany] {
        let plan = Plan::histories(50).with_deaths();
        let found = AssertUnwindSafe(compare(&Broken(defect), &plan)).catch_unwind().await;
        let message = found.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("the store differs from the memory store"), "{defect:?}: {message}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Defect {
    ForgetsProgress,
    /// Attempts that ran when the process died keep running.
    SparesLost,
    ForgetsThePause,
    TakesOneTooMany,
}

#[derive(Clone)]
struct Broken(Defect);

struct BrokenStore(Arc<MemoryStore>, Defect);

struct BrokenTask(Arc<dyn TaskStore>, Defect);

#[async_trait]
impl Locations for Broken {
    async fn fresh(&self) -> Box<dyn Location> {
        Box::new(BrokenLocation(Arc::new(MemoryStore::new()), self.0))
    }
}

struct BrokenLocation(Arc<MemoryStore>, Defect);

#[async_trait]
impl Location for BrokenLocation {
    async fn open(&mut self) -> Arc<dyn Store> {
        if self.1 != Defect::SparesLost {
            self.0 = Arc::new(self.0.die());
        }
        Arc::new(BrokenStore(Arc::clone(&self.0), self.1))
    }
}

#[async_trait]
impl KvStore for BrokenStore {
    async fn kv(
        &self,
        tenant: &Arc<str>,
        operation: KvOperation,
        limits: KvLimits,
        now: Timestamp,
    ) -> Result<KvAnswer, KvError> {
        self.0.kv(tenant, operation, limits, now).await
    }

    async fn kv_usage(&self, tenant: &Arc<str>) -> Result<KvUsage, StoreError> {
        self.0.kv_usage(tenant).await
    }

    async fn remove_expired(&self, tenant: &Arc<str>, most: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.0.remove_expired(tenant, most, now).await
    }
}

#[async_trait]
impl Store for BrokenStore {
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError> {
        let task = self.0.open(task, rules, now, observer).await?;
        if self.1 == Defect::ForgetsThePause {
            task.set_paused(false).await?;
        }
        Ok(Arc::new(BrokenTask(task, self.1)))
    }

    fn outlives_process(&self) -> bool {
        self.0.outlives_process()
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        self.0.tasks().await
    }

    async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError> {
        self.0.remove_tenant(tenant).await
    }

    async fn free_removed(&self, most: usize) -> Result<bool, StoreError> {
        self.0.free_removed(most).await
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
        self.0.append_audit(entries).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.0.audit(query).await
    }

    async fn remove_audit(&self, tenant: &str, most: usize) -> Result<bool, StoreError> {
        self.0.remove_audit(tenant, most).await
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
impl TaskStore for BrokenTask {
    async fn add(&self, jobs: Vec<NewJob>, rules: &Arc<Rules>, now: Timestamp) -> Result<Vec<Added>, AddError> {
        let more = usize::from(self.1 == Defect::TakesOneTooMany);
        let rules = Arc::new(Rules { size: rules.size + more, ..(**rules).clone() });
        self.0.add(jobs, &rules, now).await
    }

    fn may_claim(&self) -> bool {
        self.0.may_claim()
    }

    fn may_have_callbacks(&self) -> bool {
        self.0.may_have_callbacks()
    }

    fn may_prune(&self) -> bool {
        self.0.may_prune()
    }

    fn release(&self, id: JobId, run: Run, rules: &Arc<Rules>, now: Timestamp) {
        self.0.release(id, run, rules, now);
    }

    async fn claim(&self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        self.0.claim(most, now).await
    }

    async fn finish(
        &self,
        mut finish: Finish,
        claim_next: bool,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        if self.1 == Defect::ForgetsProgress {
            finish.progress = None;
        }
        self.0.finish(finish, claim_next, rules, now).await
    }

    async fn change(&self, id: JobId, change: Change, rules: &Arc<Rules>, now: Timestamp) -> Result<(), ChangeError> {
        self.0.change(id, change, rules, now).await
    }

    async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        self.0.set_paused(paused).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.0.get(id).await
    }

    async fn peek(&self, id: JobId, most: u64) -> Result<Option<Peek>, StoreError> {
        self.0.peek(id, most).await
    }

    async fn history(&self, id: JobId) -> Result<Option<History>, StoreError> {
        self.0.history(id).await
    }

    async fn claim_callbacks(&self, lane: Lane, most: usize, now: Timestamp) -> Result<ClaimedCallbacks, StoreError> {
        self.0.claim_callbacks(lane, most, now).await
    }

    async fn settle_callback(
        &self,
        number: CallbackNumber,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.settle_callback(number, delivery, now).await
    }

    async fn settle_unwanted(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Arc<Rules>,
        now: Timestamp,
    ) -> Result<SettledUnwanted, StoreError> {
        self.0.settle_unwanted(lane, after, most, rules, now).await
    }

    async fn append_log(&self, id: JobId, lines: Vec<LogLine>) -> Result<(), StoreError> {
        self.0.append_log(id, lines).await
    }

    async fn keep_recording(&self, id: JobId, run: Run, bytes: Arc<[u8]>) -> Result<(), StoreError> {
        self.0.keep_recording(id, run, bytes).await
    }

    async fn recording(&self, id: JobId, run: Option<Run>) -> Result<Option<Recording>, StoreError> {
        self.0.recording(id, run).await
    }

    async fn recordings(&self, before: Option<u64>, most: usize) -> Result<Vec<ListedRecording>, StoreError> {
        self.0.recordings(before, most).await
    }

    async fn prune(&self, most: usize, rules: &Arc<Rules>, now: Timestamp) -> Result<Pruned, StoreError> {
        self.0.prune(most, rules, now).await
    }

    fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        self.0.has_room_for(more, rules)
    }

    async fn make_room(&self, more: u64, most: usize, rules: &Arc<Rules>) -> Result<Pruned, StoreError> {
        self.0.make_room(more, most, rules).await
    }

    fn counts(&self) -> Counts {
        self.0.counts()
    }
}
