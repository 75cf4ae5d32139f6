//! Attempts that begin before the adding of their jobs has lasted: they run, nobody hears of them, and one sync may serve both
//! the adding and the end.

use std::sync::mpsc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, poll};
use saggar_job::SystemClock;

use super::super::writer::Writer;
use super::disks::{Pace, slow_store};
use super::undone::{Gate, no_room};
use super::*;
use crate::{AddError, AddingLasted, Claim, Claimed, Events, JobEvent, JobEventKind, Progress, Queue, TaskQueue};

const NOW: Timestamp = Timestamp(1);

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

/// A queue on a disk that is slow from now on.
async fn slow_queue(directory: &TempDir) -> (Queue, Arc<TaskQueue>, Pace) {
    let (store, pace) = slow_store(directory);
    let queue = Queue::new(Arc::new(store), Arc::new(SystemClock));
    let task = queue.open(key(), Rules::default()).await.unwrap();
    pace.slow_down();
    (queue, task, pace)
}

/// A job whose adding is being synced, and its attempt, which runs.
struct Unsynced {
    queue: Queue,
    task: Arc<TaskQueue>,
    pace: Pace,
    events: Events,
    adding: BoxFuture<'static, Result<JobId, AddError>>,
    claim: Claim,
}

impl Unsynced {
    async fn new(directory: &TempDir) -> Self {
        let (queue, task, pace) = slow_queue(directory).await;
        let events = queue.subscribe("default");
        let mut claim = Box::pin(task.claim());
        assert!(poll!(&mut claim).is_pending());
        let adder = Arc::clone(&task);
        let mut adding = async move { adder.add(NewJob::new("[]")).await }.boxed();
        assert!(poll!(&mut adding).is_pending());
        pace.sync_begun();
        // The store has answered by now, and the adder hands the claim over.
        assert!(poll!(&mut adding).is_pending(), "it has not lasted");
        let claim = claim.await.unwrap();
        Self { queue, task, pace, events, adding, claim }
    }
}

/// What is heard next of the first job of all.
fn kind(event: JobEvent) -> JobEventKind {
    assert_eq!(event.key.id, JobId(1));
    event.kind
}

#[tokio::test]
async fn an_attempt_begins_before_its_job_has_lasted_and_nobody_hears_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let Unsynced { queue, task, pace, mut events, adding, claim } = Unsynced::new(&directory).await;
    claim.running().report(1, 2, "half");
    claim.running().report(2, 2, "done");
    let mut look = Box::pin(task.get(claim.id()));
    let list = ListQuery::of_task(&key());
    let mut list = Box::pin(queue.list(&list));
    assert!(poll!(&mut look).is_pending() && poll!(&mut list).is_pending(), "nobody sees it");
    assert!(events.next().now_or_never().is_none(), "nobody hears of it");
    let mut finishing = Box::pin(task.finish(claim, Outcome::Success("1".into())));
    assert!(poll!(&mut finishing).is_pending());
    assert!(events.next().now_or_never().is_none(), "nor of its end");
    pace.speed_up();
    assert_eq!((adding.await.unwrap(), finishing.await.unwrap()), (JobId(1), Status::Success));
    let progress = Progress { current: 2, total: 2, message: "done".into() };
    let (started, progress) = (JobEventKind::Started { attempt: 1 }, JobEventKind::Progress(progress));
    for heard in [JobEventKind::Added, started, progress, JobEventKind::Succeeded] {
        assert_eq!(kind(events.next().await.unwrap()), heard);
    }
    assert!(look.await.unwrap().is_some() && list.await.unwrap().jobs.len() == 1);
}

#[tokio::test]
async fn what_is_reported_later_is_heard_of_as_ever() {
    let directory = tempfile::tempdir().unwrap();
    let (queue, task, pace) = slow_queue(&directory).await;
    let mut events = queue.subscribe("default");
    let mut claim = Box::pin(task.claim());
    assert!(poll!(&mut claim).is_pending());
    let adding = Box::pin(task.add(NewJob::new("[]")));
    pace.end_sync();
    adding.await.unwrap();
    let claim = claim.await.unwrap();
    claim.running().report(1, 1, "");
    for heard in [JobEventKind::Added, JobEventKind::Started { attempt: 1 }] {
        assert_eq!(kind(events.next().await.unwrap()), heard);
    }
    let heard = kind(events.next().await.unwrap());
    assert_eq!(heard, JobEventKind::Progress(Progress { current: 1, total: 1, message: String::new() }));
    pace.end_sync();
    task.finish(claim, Outcome::Success("1".into())).await.unwrap();
}

#[tokio::test]
async fn an_attempt_that_is_put_back_before_its_job_has_lasted_is_heard_of_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let Unsynced { task, pace, mut events, adding, claim, .. } = Unsynced::new(&directory).await;
    let mut undoing = Box::pin(task.requeue(claim));
    assert!(poll!(&mut undoing).is_pending());
    pace.speed_up();
    assert_eq!((adding.await.unwrap(), undoing.await.unwrap()), (JobId(1), Status::Waiting));
    for heard in [JobEventKind::Added, JobEventKind::Started { attempt: 1 }, JobEventKind::Requeued] {
        assert_eq!(kind(events.next().await.unwrap()), heard);
    }
}

#[tokio::test]
async fn a_job_whose_adder_has_gone_is_heard_of_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let Unsynced { task, pace, mut events, adding, claim, .. } = Unsynced::new(&directory).await;
    drop(adding);
    pace.end_sync();
    for heard in [JobEventKind::Added, JobEventKind::Started { attempt: 1 }] {
        assert_eq!(kind(events.next().await.unwrap()), heard);
    }
    pace.end_sync();
    assert_eq!(task.finish(claim, Outcome::Success("1".into())).await.unwrap(), Status::Success);
}

#[tokio::test]
async fn whoever_adds_hears_of_a_sync_that_fails_while_the_job_runs() {
    let directory = tempfile::tempdir().unwrap();
    let Unsynced { task, pace, mut events, adding, claim, .. } = Unsynced::new(&directory).await;
    pace.fail_sync();
    let error = adding.await.unwrap_err();
    assert!(matches!(&error, AddError::Store(StoreError::Failed(_))), "{error:?}");
    let error = task.finish(claim, Outcome::Success("1".into())).await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed(_)), "{error:?}");
    assert!(events.next().now_or_never().is_none(), "nobody hears of a job that may be gone");
}

/// A task on a disk whose syncs are counted, and what is said to have lasted.
struct Lone {
    store: SqliteStore,
    task: Arc<dyn TaskStore>,
    rules: Arc<Rules>,
    pace: Pace,
    /// Syncs before anything was asked for.
    before: usize,
    say: mpsc::Sender<&'static str>,
    said: mpsc::Receiver<&'static str>,
}

impl Lone {
    async fn new(directory: &TempDir) -> Self {
        let (store, pace) = slow_store(directory);
        let rules = Arc::default();
        let task = store.open(&key(), &rules, NOW).await.unwrap();
        let (before, (say, said)) = (pace.syncs(), mpsc::channel());
        Self { store, task, rules, pace, before, say, said }
    }

    fn writer(&self) -> &Writer {
        self.store.inner.writer().unwrap()
    }

    fn add(&self) -> BoxFuture<'_, Result<Claimed, AddError>> {
        let say = self.say.clone();
        let lasted: AddingLasted = Box::new(move |_| say.send("added").unwrap());
        self.task.add_and_claim(vec![NewJob::new("[]")], 1, &self.rules, NOW, lasted)
    }

    /// Adds a job and begins its attempt in a batch that is not committed before the gate is opened.
    async fn add_before_gate(&self) -> (BoxFuture<'_, Result<Claimed, AddError>>, Gate<'_>) {
        let first = Gate::close(self.writer()).await;
        let mut adding = self.add();
        assert!(poll!(&mut adding).is_pending());
        let gate = Gate::behind_others(self.writer()).await;
        first.open().await;
        gate.reached();
        (adding, gate)
    }

    fn syncs(&self) -> usize {
        self.pace.syncs() - self.before
    }
}

#[tokio::test]
async fn one_sync_serves_a_job_that_comes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let lone = Lone::new(&directory).await;
    let (adding, gate) = lone.add_before_gate().await;
    let say = lone.say.clone();
    let ended = Arc::new(move |_| say.send("ended").unwrap());
    let end = End::Outcome(Outcome::Success("1".into()));
    let finish = Finish { id: JobId(1), run: Run(1), end, progress: None, cost: None, shows: false, chance: 0.5 };
    let mut finishing = lone.task.finish(finish, false, &lone.rules, NOW, ended);
    assert!(poll!(&mut finishing).is_pending());
    gate.open().await;
    assert_eq!(adding.await.unwrap().jobs[0].id, JobId(1));
    assert_eq!(finishing.await.unwrap().ended.status, Status::Success);
    assert_eq!(lone.said.try_iter().collect::<Vec<_>>(), ["added", "ended"]);
    assert_eq!(lone.syncs(), 1);
}

#[tokio::test]
async fn what_was_held_back_is_answered_when_nothing_follows() {
    let directory = tempfile::tempdir().unwrap();
    let lone = Lone::new(&directory).await;
    lone.add().await.unwrap();
    assert_eq!(lone.said.recv().unwrap(), "added");
    assert_eq!(lone.syncs(), 1);
}

#[tokio::test]
async fn what_was_held_back_is_answered_when_what_follows_is_undone() {
    let directory = tempfile::tempdir().unwrap();
    let lone = Lone::new(&directory).await;
    let (adding, gate) = lone.add_before_gate().await;
    let mut doomed = Box::pin(lone.writer().ask(|_| Err::<Result<(), StoreError>, _>(no_room())));
    assert!(poll!(&mut doomed).is_pending());
    gate.open().await;
    assert!(matches!(doomed.await, Err(StoreError::Full(_))));
    assert_eq!(adding.await.unwrap().jobs.len(), 1);
    assert_eq!(lone.said.recv().unwrap(), "added");
    assert_eq!(lone.syncs(), 1);
}

#[tokio::test]
async fn a_job_that_was_shown_as_it_ended_is_seen_as_it_is_now() {
    let files = Directory::fresh();
    let rules = Arc::default();
    let store = files.store();
    let task = store.open(&key(), &rules, NOW).await.unwrap();
    let show = async |id: JobId| {
        let run = task.claim(1, NOW).await.unwrap().jobs[0].run;
        let end = End::Outcome(Outcome::Success("1".into()));
        let finish = Finish { id, run, end, progress: None, cost: None, shows: true, chance: 0.5 };
        let finished = task.finish(finish, false, &rules, NOW, Arc::new(|_| ())).await.unwrap();
        let seen = task.get(id).await.unwrap();
        assert_eq!(seen.as_ref(), finished.ended.job.as_deref());
        // As those see it who read the file.
        let listed = store.list(&ListQuery::of_task(&key())).await.unwrap().jobs;
        assert!(listed.iter().any(|job| job.id == id && job.status == Status::Success));
    };
    let ids: Vec<_> = task.add(vec![NewJob::new("[]"); 2], &rules, NOW).await.unwrap();
    show(ids[0].id).await;
    show(ids[1].id).await;
    let status = async |id: JobId| task.get(id).await.unwrap().map(|job| job.status());
    assert_eq!(status(ids[0].id).await, Some(Status::Success), "the file has it");
    task.change(ids[1].id, Change::Retry, &rules, NOW).await.unwrap();
    assert_eq!(status(ids[1].id).await, Some(Status::Waiting));
    show(ids[1].id).await;
    task.change(ids[1].id, Change::Delete, &rules, NOW).await.unwrap();
    assert_eq!(status(ids[1].id).await, None);
    task.add(vec![NewJob::new("[]").with_id(ids[1].id)], &rules, NOW).await.unwrap();
    show(ids[1].id).await;
    let later = NOW.plus_ms(Rules::default().retention.success_ms);
    assert_eq!(task.prune(9, &rules, later).await.unwrap().jobs, 2);
    assert_eq!(status(ids[1].id).await, None);
}
