//! Many callers at once on several threads: nothing is lost, no id is given twice, no job runs twice at the same time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use saggar_job::{Failure, Outcome, Status, SystemClock, TaskKey};
use saggar_queue::{ChangeError, Lane, MemoryStore, NewJob, Queue, Rules, TaskQueue};
use tokio::task::JoinSet;

use crate::{retries, retry, success};

const ADDERS: usize = 4;
const JOBS_OF_EACH: usize = 2_500;
const SLOTS: usize = 6;

/// What the jobs' guests would observe.
struct Observed {
    /// Running attempts of each job.
    running: Vec<AtomicU32>,
    attempts: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_and_nothing_runs_twice_at_once() {
    let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
    let rules =
        Rules { size: usize::MAX, add_handler: true, success_handler: true, error_handler: true, ..retries(2, 1) };
    let task = queue.open(TaskKey::new("default", "crowd"), rules).await.unwrap();
    let jobs = ADDERS * JOBS_OF_EACH;
    let observed =
        Arc::new(Observed { running: (0..=jobs).map(|_| AtomicU32::new(0)).collect(), attempts: AtomicU64::new(0) });
    let (mut adders, mut workers) = (JoinSet::new(), JoinSet::new());
    for seed in 0..SLOTS as u64 {
        workers.spawn(slot(Arc::clone(&task), Arc::clone(&observed), fastrand::Rng::with_seed(seed)));
    }
    for seed in 0..3 {
        for of in Lane::ALL {
            workers.spawn(lane(Arc::clone(&task), of, fastrand::Rng::with_seed(seed)));
        }
    }
    for seed in 0..ADDERS as u64 {
        adders.spawn(add(Arc::clone(&task), fastrand::Rng::with_seed(seed)));
    }
    let ids: Vec<u64> = adders.join_all().await.into_iter().flatten().collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), jobs, "no id twice");
    queue.idle().await;
    workers.shutdown().await;
    let counts = task.counts();
    assert_eq!((counts.success + counts.failure, counts.added), (jobs, jobs as u64));
    assert!(counts.is_idle());
    for id in ids {
        let job = task.get(saggar_job::JobId(id)).await.unwrap().unwrap();
        assert!(job.life.state.is_ended() && job.life.attempt <= 3, "{job:?}");
    }
    assert!(observed.attempts.load(Ordering::SeqCst) > 0);
}

async fn add(task: Arc<TaskQueue>, mut chance: fastrand::Rng) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.len() < JOBS_OF_EACH {
        let job = NewJob::new("[]").with_priority(chance.i16(-1..=1)).with_delay_ms(u64::from(chance.u8(0..2)));
        let id = task.add(job).await.unwrap();
        ids.push(id.0);
        match chance.u8(0..8) {
            0 => match task.cancel(id).await {
                Ok(()) | Err(ChangeError::Ended { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            1 => drop(task.get(id).await.unwrap().unwrap()),
            2 => drop(tokio::time::timeout(std::time::Duration::from_millis(1), task.wait(id)).await),
            _ => {}
        }
    }
    ids
}

async fn slot(task: Arc<TaskQueue>, observed: Arc<Observed>, mut chance: fastrand::Rng) {
    let mut next = None;
    loop {
        // Sometimes a claimer stops waiting.
        let claim = match next.take() {
            Some(claim) => claim,
            None => tokio::select! {
                biased;
                claim = task.claim() => claim.unwrap(),
                () = tokio::task::yield_now(), if chance.u8(0..4) == 0 => continue,
            },
        };
        let running = &observed.running[claim.running().id().0 as usize];
        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two attempts at once");
        observed.attempts.fetch_add(1, Ordering::SeqCst);
        claim.running().report(1, 2, "half");
        if chance.u8(0..4) == 0 {
            tokio::task::yield_now().await;
        }
        running.fetch_sub(1, Ordering::SeqCst);
        match chance.u8(0..10) {
            0 => drop(claim),
            1 => drop(task.requeue(claim).await.unwrap()),
            2 => drop(task.finish(claim, retry()).await.unwrap()),
            3 => drop(task.finish(claim, Outcome::Failure(Failure::cancelled())).await.unwrap()),
            _ => {
                let (status, claimed) = task.finish_and_claim(claim, success()).await.unwrap();
                assert_eq!(status, Status::Success);
                next = claimed;
            }
        }
    }
}

async fn lane(task: Arc<TaskQueue>, lane: Lane, mut chance: fastrand::Rng) {
    loop {
        let callback = task.next_callback(lane).await.unwrap();
        match chance.u8(0..10) {
            0 | 1 => drop(callback),
            _ => task.callback_done(callback).await.unwrap(),
        }
    }
}
