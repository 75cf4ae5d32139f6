//! Which claimers are woken when: no wake-up is lost when a claimer is dropped or becomes busy.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use futures_util::poll;
use saggar_job::{ManualClock, TaskKey, Timestamp};
use saggar_queue::{MemoryStore, NewJob, Queue, Rules};
use tokio::time::{Duration, Instant};

use crate::{Fixture, retries, retry, success};

#[tokio::test]
async fn a_claimer_waits_until_a_job_is_added() {
    let fixture = Fixture::new(Rules::default()).await;
    let mut claim = pin!(fixture.task.claim());
    assert!(poll!(&mut claim).is_pending());
    let id = fixture.add().await;
    let claim = claim.await.unwrap();
    assert_eq!(claim.running().id(), id);
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn a_claimer_that_is_dropped_after_its_wake_up_passes_it_on() {
    let fixture = Fixture::new(Rules::default()).await;
    let mut second = pin!(fixture.task.claim());
    {
        let mut first = pin!(fixture.task.claim());
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        fixture.add().await;
    }
    fixture.finish(second.await.unwrap(), success()).await;
}

#[tokio::test]
async fn a_batch_wakes_as_many_claimers_as_it_has_jobs() {
    let fixture = Fixture::new(Rules::default()).await;
    let (mut first, mut second) = (pin!(fixture.task.claim()), pin!(fixture.task.claim()));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    fixture.task.add_many(vec![NewJob::new("[]"); 2]).await.unwrap();
    let (first, second) = tokio::join!(first, second);
    assert_ne!(first.unwrap().running().id(), second.unwrap().running().id());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_job_wakes_a_claimer_in_time() {
    let fixture = Fixture::new(Rules::default()).await;
    let start = Instant::now();
    let id = fixture.add_delayed(90_000).await;
    let claim = fixture.claim().await;
    assert_eq!((claim.running().id(), start.elapsed()), (id, Duration::from_millis(90_000)));
    fixture.finish(claim, success()).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_due_earlier_moves_the_alarm() {
    let fixture = Fixture::new(Rules::default()).await;
    let start = Instant::now();
    let (mut first, mut second) = (pin!(fixture.task.claim()), pin!(fixture.task.claim()));
    let late = fixture.add_delayed(20_000).await;
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    let early = fixture.add_delayed(100).await;
    let one = tokio::select! { one = &mut first => one, one = &mut second => one }.unwrap();
    assert_eq!((one.running().id(), start.elapsed()), (early, Duration::from_millis(100)));
    fixture.finish(one, success()).await;
    let other = fixture.claim().await;
    assert_eq!((other.running().id(), start.elapsed()), (late, Duration::from_millis(20_000)));
    fixture.finish(other, success()).await;
}

#[tokio::test(start_paused = true)]
async fn the_alarm_of_a_dropped_claimer_goes_to_another() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.add_delayed(5_000).await;
    let mut second = pin!(fixture.task.claim());
    {
        let mut first = pin!(fixture.task.claim());
        assert!(poll!(&mut first).is_pending(), "has set the alarm");
        assert!(poll!(&mut second).is_pending());
    }
    let start = Instant::now();
    let claim = second.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(5_000));
    fixture.finish(claim, success()).await;
}

#[tokio::test(start_paused = true)]
async fn the_alarm_of_a_claimer_that_got_busy_goes_to_another() {
    let fixture = Fixture::new(Rules::default()).await;
    let later = fixture.add_delayed(5_000).await;
    let (mut first, mut second) = (pin!(fixture.task.claim()), pin!(fixture.task.claim()));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    fixture.add().await;
    let busy = first.await.unwrap();
    let start = Instant::now();
    let claim = second.await.unwrap();
    assert_eq!((claim.running().id(), start.elapsed()), (later, Duration::from_millis(5_000)));
    fixture.finish(busy, success()).await;
    fixture.finish(claim, success()).await;
}

/// Counts wake-ups.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn later_claimers_do_not_wake_the_one_with_the_alarm() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.add_delayed(5_000).await;
    let woken = Arc::new(Woken::default());
    let mut claims: Vec<_> = (0..3).map(|_| Box::pin(fixture.task.claim())).collect();
    for claim in &mut claims {
        let waker = Waker::from(Arc::clone(&woken));
        assert!(claim.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_never_due_does_not_wake_claimers() {
    let fixture = Fixture::new(Rules::default()).await;
    let never = fixture.add_delayed(u64::MAX).await;
    let mut claim = pin!(fixture.task.claim());
    assert!(poll!(&mut claim).is_pending());
    let id = fixture.add().await;
    let claim = claim.await.unwrap();
    assert_eq!(claim.running().id(), id);
    fixture.finish(claim, success()).await;
    fixture.task.delete(never).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_wakes_an_idle_claimer_when_its_slot_got_busy() {
    let fixture = Fixture::new(retries(1, 3_000)).await;
    let (failing, _) = (fixture.add().await, fixture.add().await);
    let claim = fixture.claim().await;
    // The second slot is idle, because the first one takes the other job at once.
    let other = fixture.claim().await;
    let mut idle = pin!(fixture.task.claim());
    assert!(poll!(&mut idle).is_pending());
    let start = Instant::now();
    fixture.finish(claim, retry()).await;
    let again = idle.await.unwrap();
    assert_eq!(
        (again.running().id(), again.running().attempt(), start.elapsed()),
        (failing, 2, Duration::from_millis(3_000))
    );
    fixture.finish(again, success()).await;
    fixture.finish(other, success()).await;
}

#[tokio::test]
async fn a_hundred_claimers_all_get_their_job() {
    let fixture = Fixture::new(Rules::default()).await;
    let mut claims: Vec<_> = (0..100).map(|_| Box::pin(fixture.task.claim())).collect();
    for claim in &mut claims {
        assert!(poll!(claim).is_pending());
    }
    for _ in 0..100 {
        fixture.add().await;
    }
    for claim in claims {
        fixture.finish(claim.await.unwrap(), success()).await;
    }
    assert_eq!(fixture.task.counts().success, 100);
}

#[tokio::test]
async fn claimers_check_a_clock_that_was_set_again() {
    let clock = Arc::new(ManualClock::new(Timestamp(5_000)));
    let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::clone(&clock) as _);
    let task = queue.open(TaskKey::new("default", "bench"), Rules::default()).await.unwrap();
    let id = task.add(NewJob::new("[]").with_delay_ms(3_600_000)).await.unwrap();
    let mut claim = pin!(task.claim());
    assert!(poll!(&mut claim).is_pending());
    clock.advance_ms(3_600_000);
    queue.clock_changed();
    let claim = claim.await.unwrap();
    assert_eq!(claim.running().id(), id);
    task.finish(claim, success()).await.unwrap();
}

#[tokio::test]
async fn a_job_whose_claimer_was_dropped_goes_to_another() {
    let fixture = Fixture::new(Rules::default()).await;
    let mut second = pin!(fixture.task.claim());
    let id = {
        let mut first = pin!(fixture.task.claim());
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        fixture.add().await
    };
    let claim = second.await.unwrap();
    assert_eq!((claim.running().id(), claim.running().attempt()), (id, 1), "no attempt had started");
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn a_job_whose_only_claimer_was_dropped_waits() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = {
        let mut only = pin!(fixture.task.claim());
        assert!(poll!(&mut only).is_pending());
        fixture.add().await
    };
    assert_eq!((fixture.task.counts().waiting, fixture.task.counts().running), (1, 0));
    let claim = fixture.claim().await;
    assert_eq!((claim.running().id(), claim.running().attempt()), (id, 1));
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn a_waiting_slot_claims_the_first_job_of_the_ready_queue() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.task.pause().await.unwrap();
    let first = fixture.add().await;
    let mut claim = pin!(fixture.task.claim());
    assert!(poll!(&mut claim).is_pending());
    fixture.add().await;
    assert!(poll!(&mut claim).is_pending(), "nothing is claimed while the task is paused");
    fixture.task.resume().await.unwrap();
    let claim = claim.await.unwrap();
    assert_eq!(claim.running().id(), first);
    fixture.finish(claim, success()).await;
    assert_eq!(fixture.task.counts().waiting, 1);
}
