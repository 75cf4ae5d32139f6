//! Notices: what handlers are told, and when a held job goes on.

use std::pin::pin;

use futures_util::poll;
use saggar_job::{Reason, TaskKey};
use saggar_queue::{Happened, NewJob, Rules};
use tokio::time::{Duration, Instant};

use crate::{Bench, retries, success};

fn with_handlers() -> Rules {
    Rules { add_handler: true, success_handler: true, error_handler: true, ..Rules::default() }
}

#[tokio::test]
async fn a_job_is_held_until_its_adding_was_told() {
    let bench = Bench::new(with_handlers()).await;
    let (mut claim, mut notice) = (pin!(bench.task.claim()), pin!(bench.task.notice()));
    assert!(poll!(&mut claim).is_pending() && poll!(&mut notice).is_pending());
    let id = bench.add().await;
    let notice = notice.await.unwrap();
    assert_eq!((notice.id(), notice.happened(), notice.attempt()), (id, &Happened::Added, 0));
    assert!(poll!(&mut claim).is_pending());
    bench.task.notice_done(notice).await.unwrap();
    bench.finish(claim.await.unwrap(), success()).await;
    let notice = bench.task.notice().await.unwrap();
    assert_eq!(notice.happened(), &Happened::Succeeded { response: "7".into() });
    assert_eq!((notice.attempt(), notice.max_attempts(), notice.tries()), (1, 1, 0));
    bench.task.notice_done(notice).await.unwrap();
    bench.queue.idle().await;
}

#[tokio::test]
async fn a_dropped_notice_is_told_again() {
    let bench = Bench::new(with_handlers()).await;
    let id = bench.add().await;
    let notice = bench.task.notice().await.unwrap();
    let mut again = pin!(bench.task.notice());
    assert!(poll!(&mut again).is_pending());
    drop(notice);
    let again = again.await.unwrap();
    assert_eq!((again.id(), again.tries()), (id, 1));
    bench.task.notice_done(again).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_is_put_off_comes_again_in_time() {
    let bench = Bench::new(with_handlers()).await;
    bench.add().await;
    let notice = bench.task.notice().await.unwrap();
    let start = Instant::now();
    bench.task.notice_put_off(notice, 400).await.unwrap();
    let again = bench.task.notice().await.unwrap();
    assert_eq!((again.tries(), start.elapsed()), (1, Duration::from_millis(400)));
    bench.task.notice_done(again).await.unwrap();
}

#[tokio::test]
async fn a_held_job_that_is_cancelled_is_told_of_in_order() {
    let bench = Bench::new(with_handlers()).await;
    let id = bench.add().await;
    let added = bench.task.notice().await.unwrap();
    bench.task.cancel(id).await.unwrap();
    let mut end = pin!(bench.task.notice());
    assert!(poll!(&mut end).is_pending());
    bench.task.notice_done(added).await.unwrap();
    let end = end.await.unwrap();
    assert!(matches!(end.happened(), Happened::Failed { reason: Reason::Cancelled, .. }));
    bench.task.notice_done(end).await.unwrap();
    bench.queue.idle().await;
}

#[tokio::test]
async fn the_queue_is_idle_when_nothing_is_left_to_do_in_any_task() {
    let bench = Bench::new(Rules { success_handler: true, ..retries(0, 0) }).await;
    bench.queue.idle().await;
    let other = bench.queue.open(TaskKey::new("default", "other"), Rules::default()).await.unwrap();
    bench.add().await;
    let mut idle = pin!(bench.queue.idle());
    assert!(poll!(&mut idle).is_pending(), "a job waits");
    let claim = bench.claim().await;
    assert!(poll!(&mut idle).is_pending(), "a job runs");
    let id = other.add(NewJob::new("[]").with_delay_ms(60_000)).await.unwrap();
    bench.finish(claim, success()).await;
    assert!(poll!(&mut idle).is_pending(), "a notice is pending");
    bench.task.notice_done(bench.task.notice().await.unwrap()).await.unwrap();
    assert!(poll!(&mut idle).is_pending(), "another task's job waits");
    other.cancel(id).await.unwrap();
    idle.await;
}
