//! A start after the definitions lost their handlers, with many callbacks pending: they are settled in small
//! transactions, between which others can write, and not held in memory.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not their helpers")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use saggar_job::{JobId, Outcome, SystemClock, TaskKey, Timestamp};
use saggar_queue::{End, Finish, NewJob, Queue, Rules, SettledCallbacks, Store, TaskQueue, TaskStore};
use saggar_store_sqlite::{Durability, SqliteOptions, SqliteStore};

const NOW: Timestamp = Timestamp(1_000_000);

/// Jobs that the test adds or ends at once.
const AT_ONCE: usize = 1_000;

/// The memory that a store of any size may take: the page caches of its connections, and buffers.
const MOST_MIB: u64 = 40;

/// The transactions that must be seen, at least: those of 200 callbacks each would be a hundred times as many.
const LEAST_TRANSACTIONS: usize = 20;

fn rules() -> Rules {
    Rules { size: usize::MAX, keep_bytes: u64::MAX, ..Rules::default() }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(path).with_durability(Durability::Normal)).unwrap()
}

fn key(task: &str) -> TaskKey {
    TaskKey::new("default", task)
}

/// Stores `count` jobs on hold for an add handler, and as many ended ones whose success handler was not called.
async fn store_pending(path: &Path, count: usize) {
    let store = open(path);
    for (name, rules) in
        [("on-hold", Rules { add_handler: true, ..rules() }), ("ended", Rules { success_handler: true, ..rules() })]
    {
        let rules = Arc::new(rules);
        let task = store.open(&key(name), &rules, NOW, Arc::new(())).await.unwrap();
        for _ in 0..count / AT_ONCE {
            task.add(vec![NewJob::new("[]"); AT_ONCE], &rules, NOW).await.unwrap();
            end_all(&*task, &rules).await;
        }
        assert_eq!(task.counts().callbacks, count);
    }
}

/// Ends all jobs that are ready.
async fn end_all(task: &dyn TaskStore, rules: &Arc<Rules>) {
    loop {
        let jobs = task.claim(AT_ONCE, NOW).await.unwrap().jobs;
        if jobs.is_empty() {
            return;
        }
        let finish = jobs.into_iter().map(|job| {
            let end = End::Outcome(Outcome::Success("1".into()));
            let (id, run) = (job.id, job.run);
            let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
            task.finish(finish, false, rules, NOW)
        });
        futures_util::future::try_join_all(finish).await.unwrap();
    }
}

/// Returns a field of the kernel's report on this process, in MiB.
fn memory_mib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}

/// Starts on a store with so many callbacks of each kind, without handlers for them.
async fn start_without_handlers(count: usize) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("saggar.db");
    store_pending(&path, count).await;
    // Writing 5 resets the peak.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before_mib = memory_mib("VmRSS:");

    let queue = Queue::new(Arc::new(open(&path)), Arc::new(SystemClock));
    let task = async |name| queue.open(key(name), rules()).await.unwrap();
    let (on_hold, ended, other) = (task("on-hold").await, task("ended").await, task("other").await);
    assert!(on_hold.may_have_unwanted() && ended.may_have_unwanted());
    let mut seen = BTreeSet::new();
    let settled = tokio::select! {
        biased;
        settled = async { (on_hold.settle_unwanted().await.unwrap(), ended.settle_unwanted().await.unwrap()) } => settled,
        () = add_meanwhile(&other, || {
            seen.insert((on_hold.counts().callbacks, ended.counts().callbacks));
        }) => unreachable!("it adds until it is stopped"),
    };
    assert_eq!(settled.0, SettledCallbacks { added: count, ended: 0 });
    assert_eq!(settled.1, SettledCallbacks { added: 0, ended: count });
    assert!(seen.len() >= LEAST_TRANSACTIONS, "others could write only between {} transactions", seen.len());
    let grown_mib = memory_mib("VmHWM:").saturating_sub(before_mib);
    assert!(grown_mib <= MOST_MIB, "the start took {grown_mib} MiB of memory");

    assert_eq!((on_hold.counts().on_hold, on_hold.counts().callbacks, ended.counts().callbacks), (0, 0, 0));
    assert_eq!(
        on_hold.claim().await.unwrap().running().id(),
        JobId(1),
        "they are ready in the order of their addition"
    );
    ended.retry(JobId(count as u64)).await.expect("no callback is pending");
}

/// Adds jobs one by one, and calls `added` after each.
async fn add_meanwhile(task: &TaskQueue, mut added: impl FnMut()) {
    loop {
        task.add(NewJob::new("[]")).await.unwrap();
        added();
    }
}

#[tokio::test]
async fn callbacks_without_a_handler_are_settled_in_small_transactions() {
    start_without_handlers(25_000).await;
}

#[tokio::test]
#[ignore = "takes minutes; run after changes of the store: cargo test --release -- --ignored a_million"]
async fn a_million_callbacks_without_a_handler_are_settled_in_small_transactions() {
    start_without_handlers(500_000).await;
}
