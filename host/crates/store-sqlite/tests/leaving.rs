//! The queue on the SQLite store with slots and callers that are dropped at any moment. Jobs and claims on their way to
//! them are found by the remaining slots, and only attempts that a slot has begun are counted.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not their helpers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::poll;
use saggar_job::{Outcome, Status, SystemClock, TaskKey};
use saggar_queue::{ListQuery, NewJob, Queue, Rules, TaskQueue};
use saggar_store_sqlite::{SqliteOptions, SqliteStore};
use tokio::task::JoinSet;

const ADDERS: usize = 4;
const JOBS: usize = 300;
const SLOTS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_callers_and_slots_are_dropped() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = SqliteStore::open(&SqliteOptions::new(directory.path().join("saggar.db"))).unwrap();
    let queue = Queue::new(Arc::new(store), Arc::new(SystemClock));
    let task = queue.open(TaskKey::new("default", "bench"), Rules { size: 10_000, ..Rules::default() }).await.unwrap();
    let begun = Arc::new(AtomicUsize::new(0));
    let mut slots = JoinSet::new();
    for seed in 0..SLOTS {
        slots.spawn(slot(Arc::clone(&task), Arc::clone(&begun), seed));
    }
    let mut adders = JoinSet::new();
    for seed in 0..ADDERS as u64 {
        adders.spawn(adder(Arc::clone(&task), seed));
    }
    adders.join_all().await;
    queue.idle().await;
    slots.shutdown().await;
    let counts = task.counts();
    assert_eq!((counts.waiting, counts.running), (0, 0));
    assert_eq!((counts.success as u64, begun.load(Ordering::SeqCst)), (counts.added, counts.success));
    assert!(counts.success >= ADDERS * JOBS, "{counts:?}");
    let mut query = ListQuery::of_task(task.key());
    loop {
        let page = queue.list(&query).await.unwrap();
        for job in page.jobs {
            assert_eq!((job.status, job.attempt), (Status::Success, 1), "{}", job.id);
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
}

/// Waits for jobs, and most of the time gives up after some polls.
async fn slot(task: Arc<TaskQueue>, begun: Arc<AtomicUsize>, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    loop {
        let polls = chance.usize(0..200);
        let Some(claim) = unless_dropped(task.claim(), polls).await else { continue };
        begun.fetch_add(1, Ordering::SeqCst);
        task.finish(claim.unwrap(), Outcome::Success("1".into())).await.unwrap();
    }
}

/// Adds jobs, and some more without waiting for the answer.
async fn adder(task: Arc<TaskQueue>, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(100 + seed);
    for _ in 0..JOBS {
        if chance.u8(0..4) == 0 {
            let polls = chance.usize(0..3);
            drop(unless_dropped(task.add(NewJob::new("[]")), polls).await);
        }
        task.add(NewJob::new("[]")).await.unwrap();
    }
}

/// Returns the future's output if it is ready within so many polls; `None` if it was dropped after them.
async fn unless_dropped<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(answer) = poll!(&mut future) {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}
