//! Following retained events: resuming after a disconnection, gaps, filters, and slow followers.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use saggar_job::{JobId, JobKey, ManualClock, TaskKey, Timestamp};
use saggar_queue::{
    EventFilter, EventId, Followed, Gap, JobEventKind, KeptEvent, MemoryStore, NewJob, Queue, Rules, TaskQueue,
};
use tokio::task::JoinSet;

use crate::success;

const ADDERS: usize = 4;
const JOBS_OF_EACH: usize = 1_000;
/// Added, started and succeeded.
const EVENTS_OF_A_JOB: usize = 3;

fn queue(kept: usize) -> Queue {
    let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(ManualClock::new(Timestamp(9))));
    queue.keep_events(kept);
    queue
}

async fn open(queue: &Queue, tenant: &str, task: &str) -> Arc<TaskQueue> {
    let rules = Rules { size: usize::MAX, ..Rules::default() };
    queue.open(TaskKey::new(tenant, task), rules).await.unwrap()
}

async fn add(task: &Arc<TaskQueue>, jobs: usize) -> Vec<JobId> {
    let added = task.add_many(vec![NewJob::new("[]"); jobs]).await.unwrap();
    added.into_iter().map(|added| added.id).collect()
}

async fn work_off(task: &Arc<TaskQueue>, jobs: usize) {
    for _ in 0..jobs {
        let claim = task.claim().await.unwrap();
        task.finish(claim, success()).await.unwrap();
    }
}

fn all(tenant: &str) -> EventFilter {
    EventFilter::Tenant(tenant.into())
}

fn ids(events: &[KeptEvent]) -> Vec<u64> {
    events.iter().map(|event| event.event.key.id.0).collect()
}

async fn next(followed: &mut Followed) -> Vec<KeptEvent> {
    followed.next_batch(100).await.unwrap()
}

async fn is_quiet(followed: &mut Followed) -> bool {
    let mut batch = pin!(followed.next_batch(1));
    // Longer than its pace, on a clock that advances by itself when all tasks sleep.
    tokio::time::timeout(std::time::Duration::from_secs(1), &mut batch).await.is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_that_resumes_repeatedly_gets_every_event_once() {
    let events = ADDERS * JOBS_OF_EACH * EVENTS_OF_A_JOB;
    let queue = queue(events);
    let (task, start) = (open(&queue, "a", "busy").await, queue.follow(all("a"), None).reached().unwrap());
    let mut load = JoinSet::new();
    for _ in 0..ADDERS {
        let task = Arc::clone(&task);
        load.spawn(async move {
            for _ in 0..JOBS_OF_EACH {
                add(&task, 1).await;
                work_off(&task, 1).await;
                tokio::task::yield_now().await;
            }
        });
    }
    let mut followers = JoinSet::new();
    for seed in 0..4 {
        followers.spawn(read_across_resumes(queue.clone(), start, events, fastrand::Rng::with_seed(seed)));
    }
    load.join_all().await;
    for received in followers.join_all().await {
        let numbers: Vec<u64> = received.iter().map(|event| event.id.number).collect();
        assert_eq!(numbers, (1..=events as u64).collect::<Vec<_>>());
        let mut of_jobs: HashMap<u64, Vec<&JobEventKind>> = HashMap::new();
        for event in &received {
            of_jobs.entry(event.event.key.id.0).or_default().push(&event.event.kind);
        }
        for (id, kinds) in of_jobs {
            let attempt: Vec<_> = kinds.into_iter().filter(|kind| **kind != JobEventKind::Added).collect();
            assert_eq!(attempt, [&JobEventKind::Started { attempt: 1 }, &JobEventKind::Succeeded], "job {id}");
        }
    }
}

/// Reads the first `events` events with followers that resume each other: each is dropped after a few events, or while
/// it waits.
async fn read_across_resumes(queue: Queue, start: EventId, events: usize, mut chance: fastrand::Rng) -> Vec<KeptEvent> {
    let mut received: Vec<KeptEvent> = Vec::new();
    let mut resumes = 0;
    while received.len() < events {
        let mut followed = queue.follow(all("a"), Some(received.last().map_or(start, |event| event.id)));
        for _ in 0..chance.u8(1..5) {
            tokio::select! {
                biased;
                batch = followed.next_batch(chance.usize(1..64)) => received.extend(batch.unwrap()),
                () = tokio::task::yield_now(), if chance.bool() => {}
            }
            if received.len() == events {
                break;
            }
        }
        resumes += 1;
    }
    assert!(resumes > 50, "{resumes} resumes");
    received
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_returned_once_and_then_the_retained_events() {
    let queue = queue(4);
    let task = open(&queue, "a", "t").await;
    let mut followed = queue.follow(all("a"), None);
    add(&task, 1).await;
    let first = next(&mut followed).await.pop().unwrap();
    assert_eq!((first.at, ids(std::slice::from_ref(&first))), (Timestamp(9), vec![1]));
    add(&task, 6).await;
    for mut late in [followed, queue.follow(all("a"), Some(first.id))] {
        assert_eq!(late.next_batch(9).await, Err(Gap { events: Some(2) }));
        assert_eq!(ids(&next(&mut late).await), [4, 5, 6, 7]);
        assert!(is_quiet(&mut late).await);
    }
    let third = EventId { number: 3, ..first.id };
    assert_eq!(ids(&next(&mut queue.follow(all("a"), Some(third))).await), [4, 5, 6, 7], "just in time");
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_process_or_tenant_is_unknown() {
    let queue = queue(10);
    let (task, other) = (open(&queue, "a", "t").await, open(&queue, "b", "t").await);
    add(&task, 3).await;
    add(&other, 3).await;
    let known = queue.follow(all("a"), None).reached().unwrap();
    let unknown = [
        EventId { epoch: !known.epoch, number: 1 },
        queue.follow(all("b"), None).reached().unwrap(),
        EventId { number: known.number + 1, ..known },
    ];
    for id in unknown {
        let mut followed = queue.follow(all("a"), Some(id));
        assert_eq!(followed.reached(), None);
        assert_eq!(followed.next_batch(9).await, Err(Gap { events: None }));
        assert_eq!(ids(&next(&mut followed).await), [1, 2, 3]);
        assert!(is_quiet(&mut followed).await);
        assert_eq!(followed.reached(), Some(known));
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_gets_only_the_events_that_it_follows() {
    let queue = queue(100);
    let (task, other) = (open(&queue, "a", "t").await, open(&queue, "a", "other").await);
    let of_task = EventFilter::Task(task.key().clone());
    let of_job = EventFilter::Job(JobKey { task: task.key().clone(), id: JobId(2) });
    let start = queue.follow(all("a"), None).reached();
    let mut live = [queue.follow(of_task.clone(), None), queue.follow(of_job.clone(), None)];
    let others = open(&queue, "b", "t").await;
    add(&others, 5).await;
    add(&other, 5).await;
    add(&task, 3).await;
    work_off(&task, 3).await;
    let late = [queue.follow(of_task, start), queue.follow(of_job, start)];
    for [of_task, of_job] in [&mut live, &mut { late }] {
        let received = next(of_task).await;
        assert_eq!(ids(&received), [1, 2, 3, 1, 1, 2, 2, 3, 3]);
        assert!(received.iter().all(|event| event.event.key.task == *task.key()));
        let kinds: Vec<_> = next(of_job).await.into_iter().map(|event| event.event.kind.clone()).collect();
        assert_eq!(kinds, [JobEventKind::Added, JobEventKind::Started { attempt: 1 }, JobEventKind::Succeeded]);
        assert!(is_quiet(of_task).await && is_quiet(of_job).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_of_a_quiet_job_misses_nothing_because_of_other_jobs() {
    let queue = queue(10);
    let (task, busy) = (open(&queue, "a", "t").await, open(&queue, "a", "busy").await);
    let quiet = EventFilter::Job(JobKey { task: task.key().clone(), id: JobId(1) });
    let mut followed = queue.follow(quiet.clone(), None);
    add(&task, 1).await;
    let added = next(&mut followed).await.pop().unwrap();
    add(&busy, 1_000).await;
    work_off(&task, 1).await;
    assert_eq!(next(&mut followed).await.len(), 2);
    // A follower that resumes with an old id cannot know that it missed nothing; with the reached id it can.
    assert!(queue.follow(quiet.clone(), Some(added.id)).next_batch(1).await.is_err());
    add(&busy, 1_000).await;
    let reached = followed.reached();
    drop(followed);
    let mut again = queue.follow(quiet, reached);
    assert!(is_quiet(&mut again).await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_follower_is_overtaken_and_retains_no_event() {
    let queue = queue(8);
    let task = open(&queue, "a", "t").await;
    let mut slow = queue.follow(all("a"), None);
    add(&task, 1).await;
    let first = Arc::downgrade(&next(&mut slow).await[0].event);
    add(&task, 3).await;
    assert_eq!(ids(&slow.next_batch(2).await.unwrap()), [2, 3], "one event is left to read");
    add(&task, 10_000).await;
    assert_eq!(first.strong_count(), 0);
    assert_eq!(slow.next_batch(2).await, Err(Gap { events: Some(10_004 - 8 - 3) }));
    assert_eq!(ids(&slow.next_batch(2).await.unwrap()), [9_997, 9_998]);
    assert_eq!(next(&mut slow).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_waiting_future_loses_no_event() {
    let queue = queue(8);
    let task = open(&queue, "a", "t").await;
    let mut followed = queue.follow(all("a"), None);
    for id in 1..4 {
        {
            let mut batch = pin!(followed.next_batch(1));
            assert!(poll!(&mut batch).is_pending());
            add(&task, 1).await;
        }
        assert_eq!(ids(&next(&mut followed).await), [id]);
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_not_retained_unless_configured() {
    let queue = queue(0);
    let task = open(&queue, "a", "t").await;
    add(&task, 1).await;
    let mut first = queue.follow(all("a"), None);
    add(&task, 1).await;
    let last = next(&mut first).await.pop().unwrap();
    assert_eq!(
        (last.id.number, ids(std::slice::from_ref(&last))),
        (1, vec![2]),
        "events without followers are not even created"
    );
    drop(first);
    let mut again = queue.follow(all("a"), Some(last.id));
    assert_eq!(again.next_batch(1).await, Err(Gap { events: None }), "some events may have been missed");
    assert!(is_quiet(&mut again).await);
    add(&task, 1).await;
    assert_eq!(ids(&next(&mut again).await), [3]);
    drop(again);
    queue.keep_events(5);
    let start = queue.follow(all("a"), None).reached();
    add(&task, 2).await;
    assert_eq!(ids(&next(&mut queue.follow(all("a"), start)).await), [4, 5], "retained without followers");
}

#[tokio::test(start_paused = true)]
async fn retained_events_can_be_read_without_waiting() {
    let queue = queue(100);
    let task = open(&queue, "a", "t").await;
    let mut followed = queue.follow(all("a"), None);
    assert_eq!(followed.read_kept(9), Ok(Vec::new()));
    add(&task, 3).await;
    // At once, although it has just read.
    assert_eq!(ids(&followed.read_kept(2).unwrap()), [1, 2]);
    assert_eq!(ids(&followed.read_kept(9).unwrap()), [3]);
    assert_eq!(followed.read_kept(9), Ok(Vec::new()));
    let unknown = EventId { epoch: followed.reached().unwrap().epoch.wrapping_add(1), number: 1 };
    let mut followed = queue.follow(all("a"), Some(unknown));
    assert_eq!(followed.read_kept(9), Err(Gap { events: None }));
    assert_eq!(ids(&followed.read_kept(9).unwrap()), [1, 2, 3]);
}
