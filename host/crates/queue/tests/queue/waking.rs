//! Who is woken when: no wake-up is lost, whoever is dropped or gets busy.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures_util::poll;
use saggar_job::{ManualClock, TaskKey, Timestamp};
use saggar_queue::{MemoryStore, NewJob, Queue, Rules};
use tokio::time::{Duration, Instant};

use crate::{Bench, retries, retry, success};

#[tokio::test]
async fn a_claimer_waits_until_a_job_is_added() {
    let bench = Bench::new(Rules::default()).await;
    let mut claim = pin!(bench.task.claim());
    assert!(poll!(&mut claim).is_pending());
    let id = bench.add().await;
    let claim = claim.await.unwrap();
    assert_eq!(claim.id(), id);
    bench.finish(claim, success()).await;
}

#[tokio::test]
async fn a_claimer_that_was_woken_and_dropped_passes_the_call_on() {
    let bench = Bench::new(Rules::default()).await;
    let mut second = pin!(bench.task.claim());
    {
        let mut first = pin!(bench.task.claim());
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        bench.add().await;
    }
    bench.finish(second.await.unwrap(), success()).await;
}

#[tokio::test]
async fn a_batch_wakes_as_many_as_it_needs() {
    let bench = Bench::new(Rules::default()).await;
    let (mut first, mut second) = (pin!(bench.task.claim()), pin!(bench.task.claim()));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    bench.task.add_many(vec![NewJob::new("[]"); 2]).await.unwrap();
    let (first, second) = tokio::join!(first, second);
    assert_ne!(first.unwrap().id(), second.unwrap().id());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_job_wakes_a_claimer_in_time() {
    let bench = Bench::new(Rules::default()).await;
    let start = Instant::now();
    let id = bench.add_delayed(90_000).await;
    let claim = bench.claim().await;
    assert_eq!((claim.id(), start.elapsed()), (id, Duration::from_millis(90_000)));
    bench.finish(claim, success()).await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_job_is_not_slept_over() {
    let bench = Bench::new(Rules::default()).await;
    let start = Instant::now();
    let (mut first, mut second) = (pin!(bench.task.claim()), pin!(bench.task.claim()));
    let late = bench.add_delayed(20_000).await;
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    let early = bench.add_delayed(100).await;
    let one = tokio::select! { one = &mut first => one, one = &mut second => one }.unwrap();
    assert_eq!((one.id(), start.elapsed()), (early, Duration::from_millis(100)));
    bench.finish(one, success()).await;
    let other = bench.claim().await;
    assert_eq!((other.id(), start.elapsed()), (late, Duration::from_millis(20_000)));
    bench.finish(other, success()).await;
}

#[tokio::test(start_paused = true)]
async fn the_alarm_of_a_dropped_claimer_goes_to_another() {
    let bench = Bench::new(Rules::default()).await;
    bench.add_delayed(5_000).await;
    let mut second = pin!(bench.task.claim());
    {
        let mut first = pin!(bench.task.claim());
        assert!(poll!(&mut first).is_pending(), "holds the alarm");
        assert!(poll!(&mut second).is_pending());
    }
    let start = Instant::now();
    let claim = second.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(5_000));
    bench.finish(claim, success()).await;
}

#[tokio::test(start_paused = true)]
async fn the_alarm_of_a_claimer_that_got_busy_goes_to_another() {
    let bench = Bench::new(Rules::default()).await;
    let later = bench.add_delayed(5_000).await;
    let (mut first, mut second) = (pin!(bench.task.claim()), pin!(bench.task.claim()));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    bench.add().await;
    let busy = first.await.unwrap();
    let start = Instant::now();
    let claim = second.await.unwrap();
    assert_eq!((claim.id(), start.elapsed()), (later, Duration::from_millis(5_000)));
    bench.finish(busy, success()).await;
    bench.finish(claim, success()).await;
}

/// How often somebody was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_the_alarm_is_left_asleep_by_those_who_come_later() {
    let bench = Bench::new(Rules::default()).await;
    bench.add_delayed(5_000).await;
    let woken = Arc::new(Woken::default());
    let mut claims: Vec<_> = (0..3).map(|_| Box::pin(bench.task.claim())).collect();
    for claim in &mut claims {
        let waker = Waker::from(Arc::clone(&woken));
        assert!(claim.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_never_due_keeps_nobody_awake() {
    let bench = Bench::new(Rules::default()).await;
    let never = bench.add_delayed(u64::MAX).await;
    let mut claim = pin!(bench.task.claim());
    assert!(poll!(&mut claim).is_pending());
    let id = bench.add().await;
    let claim = claim.await.unwrap();
    assert_eq!(claim.id(), id);
    bench.finish(claim, success()).await;
    bench.task.delete(never).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_wakes_an_idle_claimer_when_its_slot_got_busy() {
    let bench = Bench::new(retries(1, 3_000)).await;
    let (failing, _) = (bench.add().await, bench.add().await);
    let claim = bench.claim().await;
    // The second slot is idle, for the first one takes the other job at once.
    let other = bench.claim().await;
    let mut idle = pin!(bench.task.claim());
    assert!(poll!(&mut idle).is_pending());
    let start = Instant::now();
    bench.finish(claim, retry()).await;
    let again = idle.await.unwrap();
    assert_eq!((again.id(), again.attempt(), start.elapsed()), (failing, 2, Duration::from_millis(3_000)));
    bench.finish(again, success()).await;
    bench.finish(other, success()).await;
}

#[tokio::test]
async fn a_hundred_claimers_all_get_their_job() {
    let bench = Bench::new(Rules::default()).await;
    let mut claims: Vec<_> = (0..100).map(|_| Box::pin(bench.task.claim())).collect();
    for claim in &mut claims {
        assert!(poll!(claim).is_pending());
    }
    for _ in 0..100 {
        bench.add().await;
    }
    for claim in claims {
        bench.finish(claim.await.unwrap(), success()).await;
    }
    assert_eq!(bench.task.counts().success, 100);
}

#[tokio::test]
async fn a_clock_that_was_set_is_looked_at_again() {
    let clock = Arc::new(ManualClock::new(Timestamp(5_000)));
    let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::clone(&clock) as _);
    let task = queue.open(TaskKey::new("default", "bench"), Rules::default()).await.unwrap();
    let id = task.add(NewJob::new("[]").with_delay_ms(3_600_000)).await.unwrap();
    let mut claim = pin!(task.claim());
    assert!(poll!(&mut claim).is_pending());
    clock.advance_ms(3_600_000);
    queue.clock_changed();
    let claim = claim.await.unwrap();
    assert_eq!(claim.id(), id);
    task.finish(claim, success()).await.unwrap();
}

#[tokio::test]
async fn a_job_whose_slot_left_before_it_claimed_goes_to_another() {
    let bench = Bench::new(Rules::default()).await;
    let mut second = pin!(bench.task.claim());
    let id = {
        let mut first = pin!(bench.task.claim());
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        bench.add().await
    };
    let claim = second.await.unwrap();
    assert_eq!((claim.id(), claim.attempt()), (id, 1), "no attempt had begun");
    bench.finish(claim, success()).await;
}

#[tokio::test]
async fn a_job_whose_only_slot_left_waits() {
    let bench = Bench::new(Rules::default()).await;
    let id = {
        let mut only = pin!(bench.task.claim());
        assert!(poll!(&mut only).is_pending());
        bench.add().await
    };
    assert_eq!((bench.task.counts().waiting, bench.task.counts().running), (1, 0));
    let claim = bench.claim().await;
    assert_eq!((claim.id(), claim.attempt()), (id, 1));
    bench.finish(claim, success()).await;
}

#[tokio::test]
async fn a_slot_that_waits_gets_the_first_of_the_line() {
    let bench = Bench::new(Rules::default()).await;
    bench.task.pause().await.unwrap();
    let first = bench.add().await;
    let mut claim = pin!(bench.task.claim());
    assert!(poll!(&mut claim).is_pending());
    bench.add().await;
    assert!(poll!(&mut claim).is_pending(), "nothing is claimed while the task is paused");
    bench.task.resume().await.unwrap();
    let claim = claim.await.unwrap();
    assert_eq!(claim.id(), first);
    bench.finish(claim, success()).await;
    assert_eq!(bench.task.counts().waiting, 1);
}
