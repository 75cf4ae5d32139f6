//! Steps whose answer promises that what they did is durable, each on a disk that fails the sync of its commit. A step that
//! did not wait for this sync would be answered with success.

use super::*;
use saggar_store::{
    AuditEntry, CallbackNumber, CallbackPosition, ChangeError, Delivery, Deployment, DeploymentCause, KvChange,
    KvError, KvLimits, KvOperation, KvStore, Lane, LogLine, Version,
};

/// A step that is answered when it is durable.
#[derive(Debug, Clone, Copy)]
enum DurableStep {
    Open,
    Add,
    Change,
    Pause,
    Prune,
    Evict,
    AppendLog,
    ClaimCallbacks,
    SettleCallback,
    SettleUnwanted,
    RemoveTenant,
    /// Frees jobs, with which entries are removed as well.
    FreeRemoved,
    /// Frees entries, after all jobs are freed.
    FreeEntries,
    AppendAudit,
    RemoveAudit,
    SetEntry,
    /// Finds another version than it expects, and changes nothing.
    FindOtherVersion,
    RemoveExpired,
    KeepRecording,
    AppendDeployment,
    KeepVersion,
    TouchVersion,
    EvictVersion,
    RemoveDeployments,
}

const STEPS: [DurableStep; 24] = [
    DurableStep::Open,
    DurableStep::Add,
    DurableStep::Change,
    DurableStep::Pause,
    DurableStep::Prune,
    DurableStep::Evict,
    DurableStep::AppendLog,
    DurableStep::ClaimCallbacks,
    DurableStep::SettleCallback,
    DurableStep::SettleUnwanted,
    DurableStep::RemoveTenant,
    DurableStep::FreeRemoved,
    DurableStep::FreeEntries,
    DurableStep::AppendAudit,
    DurableStep::RemoveAudit,
    DurableStep::SetEntry,
    DurableStep::FindOtherVersion,
    DurableStep::RemoveExpired,
    DurableStep::KeepRecording,
    DurableStep::AppendDeployment,
    DurableStep::KeepVersion,
    DurableStep::TouchVersion,
    DurableStep::EvictVersion,
    DurableStep::RemoveDeployments,
];

impl DurableStep {
    /// Returns for how many syncs it waits, one after the other.
    fn syncs(self) -> u32 {
        match self {
            // It finds no such version, nor parts of one, writes the only part, and marks the version as complete.
            Self::KeepVersion => 4,
            _ => 1,
        }
    }
}

/// Milliseconds after which the entry of a prepared store has expired.
const TTL_MS: u64 = 5;

/// A store in which every step has something to do.
struct Prepared {
    store: SqliteStore,
    task: Arc<dyn TaskStore>,
    ended: JobId,
    /// A claimed callback; another one is pending.
    claimed: CallbackNumber,
}

impl Prepared {
    async fn on(machine: &Machine, step: DurableStep) -> Self {
        let store = machine.start(Plan::default()).unwrap();
        let plain = Arc::new(Rules::default());
        let gone = store.open(&TaskKey::new("gone", "it"), &plain, NOW, Arc::new(())).await.unwrap();
        gone.add(vec![NewJob::new("[]")], &plain, NOW).await.unwrap();
        change_entry(&store, "gone", set(None)).await.unwrap();
        assert_eq!(store.remove_tenant("gone").await.unwrap(), 1);
        if matches!(step, DurableStep::FreeEntries) {
            assert!(store.free_removed(9).await.unwrap(), "the entry is left");
        }
        let task = store.open(&key(), &plain, NOW, Arc::new(())).await.unwrap();
        let ended = task.add(vec![NewJob::new("[]")], &plain, NOW).await.unwrap()[0].id;
        let run = task.claim(1, NOW).await.unwrap().jobs[0].run;
        finish(&*task, ended, run, "1").await;
        let with_handler = Arc::new(Rules { add_handler: true, ..Rules::default() });
        task.add(vec![NewJob::new("[]"); 2], &with_handler, NOW).await.unwrap();
        let claimed = task.claim_callbacks(Lane::Adds, 1, NOW).await.unwrap().callbacks[0].number;
        change_entry(&store, "default", set(Some(TTL_MS))).await.unwrap();
        store.deployments().append("default", deployment()).await.unwrap();
        store.deployments().keep("default", version("kept")).await.unwrap();
        // The last one is answered when it is durable, so that no sync of an earlier step is left.
        store.append_audit(vec![audit_entry()]).await.unwrap();
        Self { store, task, ended, claimed }
    }

    async fn take(&self, step: DurableStep) -> Result<(), StoreError> {
        let (store, task, plain) = (&self.store, &self.task, Arc::new(Rules::default()));
        match step {
            DurableStep::Open => {
                let other = TaskKey::new("default", "other");
                store.open(&other, &plain, NOW, Arc::new(())).await.map(drop)
            }
            DurableStep::Add => {
                let added = task.add(vec![NewJob::new("[]")], &plain, NOW).await;
                added.map(drop).map_err(|error| match error {
                    AddError::Store(error) => error,
                    other => panic!("{other}"),
                })
            }
            DurableStep::Change => {
                let changed = task.change(self.ended, Change::Delete, &plain, NOW).await;
                changed.map_err(|error| match error {
                    ChangeError::Store(error) => error,
                    other => panic!("{other}"),
                })
            }
            DurableStep::Pause => task.set_paused(true).await,
            DurableStep::Prune => {
                let later = NOW.plus_ms(plain.retention.success_ms);
                task.prune(9, &plain, later).await.map(|pruned| assert_eq!(pruned.jobs, 1))
            }
            DurableStep::Evict => {
                let narrow = Arc::new(Rules { keep_bytes: 1, ..Rules::default() });
                task.make_room(1, 9, &narrow).await.map(|pruned| assert_eq!(pruned.jobs, 1))
            }
            DurableStep::AppendLog => task.append_log(self.ended, vec![LogLine::host(NOW, "a line")]).await,
            DurableStep::ClaimCallbacks => task.claim_callbacks(Lane::Adds, 1, NOW).await.map(drop),
            DurableStep::SettleCallback => task.settle_callback(self.claimed, Delivery::Done, NOW).await,
            DurableStep::SettleUnwanted => {
                task.settle_unwanted(Lane::Adds, CallbackPosition::START, 9, &plain, NOW).await.map(drop)
            }
            DurableStep::RemoveTenant => store.remove_tenant("default").await.map(drop),
            DurableStep::FreeRemoved | DurableStep::FreeEntries => store.free_removed(9).await.map(drop),
            DurableStep::AppendAudit => store.append_audit(vec![audit_entry()]).await,
            DurableStep::RemoveAudit => store.remove_audit("default", 9).await.map(drop),
            DurableStep::SetEntry => change_entry(store, "default", set(None)).await,
            DurableStep::FindOtherVersion => {
                change_entry(store, "default", KvChange::Delete { expected: Some(99) }).await
            }
            DurableStep::RemoveExpired => {
                store.remove_expired(&"default".into(), 9, NOW.plus_ms(TTL_MS)).await.map(drop)
            }
            DurableStep::KeepRecording => task.keep_recording(self.ended, Run(1), vec![7_u8; 9].into()).await,
            DurableStep::AppendDeployment => store.deployments().append("default", deployment()).await.map(drop),
            DurableStep::KeepVersion => store.deployments().keep("default", version("new")).await,
            DurableStep::TouchVersion => {
                store.deployments().touch("default", "kept").await.map(|is_kept| assert!(is_kept))
            }
            DurableStep::EvictVersion => {
                store.deployments().evict("default", 0).await.map(|is_evicted| assert!(is_evicted))
            }
            DurableStep::RemoveDeployments => store.deployments().remove("default").await.map(drop),
        }
    }
}

fn set(ttl_ms: Option<u64>) -> KvChange {
    KvChange::Set { value: b"1".to_vec(), ttl_ms }
}

/// Changes the one entry of a tenant.
async fn change_entry(store: &SqliteStore, tenant: &str, change: KvChange) -> Result<(), StoreError> {
    let operation = KvOperation::Change { key: "k".to_owned(), change };
    let changed = store.kv(&tenant.into(), operation, KvLimits { keys: 1, bytes: 1_000 }, NOW).await;
    changed.map(drop).map_err(|error| match error {
        KvError::Store(error) => error,
        KvError::Refused(refusal) => panic!("{refusal}"),
    })
}

fn version(digest: &str) -> Version {
    Version { digest: digest.into(), bytes: vec![7_u8; 9].into() }
}

fn deployment() -> Deployment {
    Deployment { number: 0, at: NOW, cause: DeploymentCause::Reload, by: "ci".into(), code: Vec::new() }
}

fn audit_entry() -> AuditEntry {
    AuditEntry {
        at: NOW,
        until: NOW,
        tenant: Some("default".into()),
        token: None,
        role: None,
        from: None,
        action: "jobs.add".into(),
        task: None,
        jobs: Vec::new(),
        requests: 1,
        count: 1,
        status: None,
        code: None,
        detail: None,
    }
}

#[tokio::test]
async fn each_step_that_promises_durability_waits_for_its_sync() {
    let syncs = STEPS.into_iter().flat_map(|step| (0..step.syncs()).map(move |sync| (step, sync)));
    for (step, sync) in syncs {
        let mut machine = Machine::new(1);
        // A checkpoint would sync the WAL, too.
        machine.checkpoint_pages = i32::MAX;
        let prepared = Prepared::on(&machine, step).await;
        machine.disk.plan(Plan { sync: Some(("-wal", sync)), ..Plan::default() });
        let answer = prepared.take(step).await;
        assert!(
            matches!(answer, Err(StoreError::Failed(_))),
            "{step:?} was answered before it was durable (sync {sync}): {answer:?}"
        );
    }
}

/// So it is the fault alone that makes them fail above.
#[tokio::test]
async fn each_step_that_promises_durability_succeeds_on_a_disk_without_faults() {
    for step in STEPS {
        let machine = Machine::new(1);
        Prepared::on(&machine, step).await.take(step).await.unwrap();
    }
}
