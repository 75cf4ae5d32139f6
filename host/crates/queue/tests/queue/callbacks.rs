//! Callbacks: which ones are delivered, and when a job on hold is released.

use std::pin::pin;

use futures_util::poll;
use saggar_job::{FailureKind, Problem, Status, TaskKey};
use saggar_queue::{CallbackBackoff, CallbackKind, Lane, NewJob, Rules};
use tokio::time::{Duration, Instant};

use crate::{Fixture, retries, success};

fn with_handlers() -> Rules {
    Rules { add_handler: true, success_handler: true, error_handler: true, ..Rules::default() }
}

#[tokio::test]
async fn a_job_is_on_hold_until_its_add_callback_is_done() {
    let fixture = Fixture::new(with_handlers()).await;
    let (mut claim, mut callback) = (pin!(fixture.task.claim()), pin!(fixture.task.next_callback(Lane::Adds)));
    assert!(poll!(&mut claim).is_pending() && poll!(&mut callback).is_pending());
    let id = fixture.add().await;
    let callback = callback.await.unwrap();
    assert_eq!((callback.id(), callback.kind(), callback.attempt()), (id, &CallbackKind::Added, 0));
    assert!(poll!(&mut claim).is_pending());
    fixture.task.callback_done(callback).await.unwrap();
    fixture.finish(claim.await.unwrap(), success()).await;
    let callback = fixture.task.next_callback(Lane::Ends).await.unwrap();
    assert_eq!(callback.kind(), &CallbackKind::Succeeded { response: "7".into() });
    assert_eq!((callback.attempt(), callback.max_attempts(), callback.tries()), (1, 1, 0));
    fixture.task.callback_done(callback).await.unwrap();
    fixture.queue.idle().await;
}

#[tokio::test]
async fn a_dropped_callback_is_delivered_again() {
    let fixture = Fixture::new(with_handlers()).await;
    let id = fixture.add().await;
    let callback = fixture.task.next_callback(Lane::Adds).await.unwrap();
    let mut again = pin!(fixture.task.next_callback(Lane::Adds));
    assert!(poll!(&mut again).is_pending());
    drop(callback);
    let again = again.await.unwrap();
    assert_eq!((again.id(), again.tries()), (id, 1));
    fixture.task.callback_done(again).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_callback_is_delivered_again_after_its_backoff() {
    let fixture = Fixture::new(with_handlers()).await;
    fixture.add().await;
    let callback = fixture.task.next_callback(Lane::Adds).await.unwrap();
    let start = Instant::now();
    let delay_ms = callback.backoff();
    fixture.task.callback_failed(callback, problem(), delay_ms).await.unwrap();
    let again = fixture.task.next_callback(Lane::Adds).await.unwrap();
    assert_eq!((again.tries(), start.elapsed()), (1, Duration::from_millis(200)));
    fixture.task.callback_done(again).await.unwrap();
}

#[tokio::test]
async fn callbacks_of_a_job_that_is_cancelled_on_hold_are_delivered_in_order() {
    let fixture = Fixture::new(with_handlers()).await;
    let id = fixture.add().await;
    let added = fixture.task.next_callback(Lane::Adds).await.unwrap();
    fixture.task.cancel(id).await.unwrap();
    let mut end = pin!(fixture.task.next_callback(Lane::Ends));
    assert!(poll!(&mut end).is_pending());
    fixture.task.callback_done(added).await.unwrap();
    let end = end.await.unwrap();
    assert!(matches!(end.kind(), CallbackKind::Failed { reason: FailureKind::Cancelled, .. }));
    fixture.task.callback_done(end).await.unwrap();
    fixture.queue.idle().await;
}

#[tokio::test]
async fn the_queue_is_idle_when_nothing_is_left_to_do_in_any_task() {
    let fixture = Fixture::new(Rules { success_handler: true, ..retries(0, 0) }).await;
    fixture.queue.idle().await;
    let other = fixture.queue.open(TaskKey::new("default", "other"), Rules::default()).await.unwrap();
    fixture.add().await;
    let mut idle = pin!(fixture.queue.idle());
    assert!(poll!(&mut idle).is_pending(), "a job waits");
    let claim = fixture.claim().await;
    assert!(poll!(&mut idle).is_pending(), "a job runs");
    let id = other.add(NewJob::new("[]").with_delay_ms(60_000)).await.unwrap();
    fixture.finish(claim, success()).await;
    assert!(poll!(&mut idle).is_pending(), "a callback is pending");
    fixture.task.callback_done(fixture.task.next_callback(Lane::Ends).await.unwrap()).await.unwrap();
    assert!(poll!(&mut idle).is_pending(), "another task's job waits");
    other.cancel(id).await.unwrap();
    idle.await;
}

fn problem() -> Problem {
    Problem::new("no-answer", "the other side did not answer")
}

#[tokio::test(start_paused = true)]
async fn neither_idle_nor_retry_waits_for_a_handler_that_keeps_failing() {
    let fixture = Fixture::new(Rules { success_handler: true, ..retries(0, 0) }).await;
    let id = fixture.add().await;
    fixture.finish(fixture.claim().await, success()).await;
    let mut idle = pin!(fixture.queue.idle());
    for _ in 1..=CallbackBackoff::QUICK_TRIES {
        assert!(poll!(&mut idle).is_pending());
        assert!(fixture.task.retry(id).await.is_err());
        let callback = fixture.task.next_callback(Lane::Ends).await.unwrap();
        let delay_ms = callback.backoff();
        fixture.task.callback_failed(callback, problem(), delay_ms).await.unwrap();
    }
    idle.await;
    fixture.task.retry(id).await.unwrap();
    assert_eq!(fixture.task.get(id).await.unwrap().unwrap().callbacks, []);
}

#[tokio::test(start_paused = true)]
async fn an_end_callback_is_tried_for_hours_and_redelivered_on_request() {
    let fixture = Fixture::new(Rules { success_handler: true, ..retries(0, 0) }).await;
    let id = fixture.add().await;
    fixture.finish(fixture.claim().await, success()).await;
    let start = Instant::now();
    for _ in 1..=CallbackBackoff::MOST_TRIES {
        let callback = fixture.task.next_callback(Lane::Ends).await.unwrap();
        let delay_ms = callback.backoff();
        fixture.task.callback_failed(callback, problem(), delay_ms).await.unwrap();
    }
    let hours = start.elapsed().as_secs_f64() / 3600.0;
    assert!((3.0..8.0).contains(&hours), "given up after {hours} hours");
    let callbacks = fixture.task.get(id).await.unwrap().unwrap().callbacks;
    assert_eq!((callbacks.len(), callbacks[0].given_up, callbacks[0].tries), (1, true, CallbackBackoff::MOST_TRIES));
    assert_eq!(callbacks[0].problem, Some(problem()));
    let mut callback = pin!(fixture.task.next_callback(Lane::Ends));
    assert!(poll!(&mut callback).is_pending());
    fixture.task.redeliver(id).await.unwrap();
    let callback = callback.await.unwrap();
    assert_eq!((callback.id(), callback.tries()), (id, 0));
    fixture.task.callback_done(callback).await.unwrap();
    let job = fixture.task.get(id).await.unwrap().unwrap();
    assert_eq!((job.status(), job.callbacks), (Status::Success, vec![]));
    assert_eq!(fixture.task.redeliver(id).await.unwrap_err().code(), "not-given-up");
}
