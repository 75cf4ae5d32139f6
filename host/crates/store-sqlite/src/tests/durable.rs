//! What waits for the disk and what does not: no job can be claimed or observed that a power cut could undo, and an end
//! is answered before it is durable.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, poll};
use saggar_job::SystemClock;

use super::disks::{Pace, slow_store};
use super::*;
use saggar_queue::{Claim, Events, JobEvent, JobEventKind, Queue, TaskQueue};
use saggar_store::{AddError, KvChange, KvError, KvLimits, KvOperation, KvStore};

/// A queue on a disk that is slow from the start.
struct Slow {
    queue: Queue,
    task: Arc<TaskQueue>,
    pace: Pace,
    events: Events,
}

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

impl Slow {
    async fn new(directory: &TempDir) -> Self {
        let (store, pace) = slow_store(directory);
        let queue = Queue::new(Arc::new(store), Arc::new(SystemClock));
        let task = queue.open(key(), Rules::default()).await.unwrap();
        pace.slow_down();
        let events = queue.subscribe("default");
        Self { queue, task, pace, events }
    }

    /// Starts to add a job, and waits until its sync has begun.
    async fn begin_to_add(&self) -> BoxFuture<'static, Result<JobId, AddError>> {
        let task = Arc::clone(&self.task);
        let mut adding = async move { task.add(NewJob::new("[]")).await }.boxed();
        assert!(poll!(&mut adding).is_pending());
        self.pace.sync_begun();
        adding
    }

    /// Returns the claim of a running job.
    async fn running(&mut self) -> Claim {
        let adding = self.begin_to_add().await;
        self.pace.end_sync();
        adding.await.unwrap();
        let claim = self.task.claim().await.unwrap();
        for expected in [JobEventKind::Added, JobEventKind::Started { attempt: 1 }] {
            assert_eq!(self.next_event().await, expected);
        }
        claim
    }

    async fn next_event(&mut self) -> JobEventKind {
        let JobEvent { key, kind } = self.events.next().await.unwrap();
        assert_eq!(key.id, JobId(1));
        kind
    }

    fn has_no_event(&mut self) -> bool {
        self.events.next().now_or_never().is_none()
    }
}

fn success() -> Outcome {
    Outcome::Success("1".into())
}

#[tokio::test]
async fn a_job_is_not_claimed_read_or_observed_before_its_add_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let mut slow = Slow::new(&directory).await;
    let adding = slow.begin_to_add().await;
    let task = Arc::clone(&slow.task);
    let (list, queue) = (ListQuery::of_task(&key()), slow.queue.clone());
    let mut claim = Box::pin(task.claim());
    let mut lookup = Box::pin(task.get(JobId(1)));
    let mut list = Box::pin(queue.list(&list));
    assert!(poll!(&mut claim).is_pending() && poll!(&mut lookup).is_pending() && poll!(&mut list).is_pending());
    assert!(slow.has_no_event());
    slow.pace.speed_up();
    assert_eq!(adding.await.unwrap(), JobId(1));
    assert_eq!(claim.await.unwrap().running().id(), JobId(1));
    for expected in [JobEventKind::Added, JobEventKind::Started { attempt: 1 }] {
        assert_eq!(slow.next_event().await, expected);
    }
    assert!(lookup.await.unwrap().is_some() && list.await.unwrap().jobs.len() == 1);
}

#[tokio::test]
async fn an_end_is_answered_when_committed_and_observed_when_durable() {
    let directory = tempfile::tempdir().unwrap();
    let mut slow = Slow::new(&directory).await;
    let claim = slow.running().await;
    let task = Arc::clone(&slow.task);
    let mut waiting = Box::pin(task.wait(JobId(1)));
    assert!(poll!(&mut waiting).is_pending());
    assert_eq!(slow.task.finish(claim, success()).await.unwrap(), Status::Success);
    slow.pace.sync_begun();
    let mut lookup = Box::pin(task.get(JobId(1)));
    assert!(poll!(&mut waiting).is_pending() && poll!(&mut lookup).is_pending() && slow.has_no_event());
    slow.pace.speed_up();
    assert_eq!(slow.next_event().await, JobEventKind::Succeeded);
    assert_eq!(waiting.await.unwrap().status(), Status::Success);
    assert_eq!(lookup.await.unwrap().map(|job| job.status()), Some(Status::Success));
}

#[tokio::test]
async fn a_job_whose_caller_was_dropped_is_still_claimed_and_observed() {
    let directory = tempfile::tempdir().unwrap();
    let mut slow = Slow::new(&directory).await;
    let task = Arc::clone(&slow.task);
    let mut claim = Box::pin(task.claim());
    assert!(poll!(&mut claim).is_pending());
    drop(slow.begin_to_add().await);
    slow.pace.speed_up();
    let claim = claim.await.unwrap();
    for expected in [JobEventKind::Added, JobEventKind::Started { attempt: 1 }] {
        assert_eq!(slow.next_event().await, expected);
    }
    assert_eq!(slow.task.finish(claim, success()).await.unwrap(), Status::Success);
}

#[tokio::test]
async fn a_job_whose_sync_failed_is_refused_and_not_observed() {
    let directory = tempfile::tempdir().unwrap();
    let mut slow = Slow::new(&directory).await;
    let adding = slow.begin_to_add().await;
    let task = Arc::clone(&slow.task);
    let mut claim = Box::pin(task.claim());
    assert!(poll!(&mut claim).is_pending());
    slow.pace.fail_sync();
    let error = adding.await.unwrap_err();
    assert!(matches!(&error, AddError::Store(StoreError::Failed(_))), "{error:?}");
    assert!(matches!(claim.await, Err(StoreError::Failed(_))));
    assert!(slow.has_no_event(), "the job may be lost");
}

#[tokio::test]
async fn an_end_whose_sync_failed_is_not_observed() {
    let directory = tempfile::tempdir().unwrap();
    let mut slow = Slow::new(&directory).await;
    let claim = slow.running().await;
    slow.task.finish(claim, success()).await.unwrap();
    slow.pace.sync_begun();
    slow.pace.fail_sync();
    assert!(matches!(slow.task.get(JobId(1)).await, Err(StoreError::Failed(_))));
    assert!(slow.has_no_event());
}

#[tokio::test]
async fn an_entry_whose_sync_failed_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let (store, pace) = slow_store(&directory);
    pace.slow_down();
    let tenant: Arc<str> = "default".into();
    let (limits, now) = (KvLimits { keys: 1, bytes: 1_000 }, Timestamp(1));
    let change = KvChange::Set { value: b"1".to_vec(), ttl_ms: None };
    let mut writing = store.kv(&tenant, KvOperation::Change { key: "k".to_owned(), change }, limits, now);
    assert!(poll!(&mut writing).is_pending());
    pace.sync_begun();
    let mut reading = store.kv(&tenant, KvOperation::Get { key: "k".to_owned() }, limits, now);
    assert!(poll!(&mut reading).is_pending());
    pace.fail_sync();
    assert!(matches!(writing.await, Err(KvError::Store(StoreError::Failed(_)))));
    assert!(matches!(reading.await, Err(KvError::Store(StoreError::Failed(_)))));
}

#[tokio::test]
async fn a_single_job_costs_two_syncs() {
    let directory = tempfile::tempdir().unwrap();
    let (store, pace) = slow_store(&directory);
    let task = Queue::new(Arc::new(store), Arc::new(SystemClock)).open(key(), Rules::default()).await.unwrap();
    let before = pace.syncs();
    let id = task.add(NewJob::new("[]")).await.unwrap();
    let claim = task.claim().await.unwrap();
    task.finish(claim, success()).await.unwrap();
    assert_eq!(task.wait(id).await.unwrap().status(), Status::Success);
    assert_eq!(pace.syncs() - before, 2, "one for the add and one for the end");
}
