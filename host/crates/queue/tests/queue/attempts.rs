//! Claims: finishing, requeueing, dropping and cancelling them.

use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use saggar_job::{Ending, Failure, FailureKind, JobId, JobKey, Outcome, RetryPolicy, Status, TaskKey};
use saggar_queue::{AddError, ChangeError, NewJob, Rules, StoreError};

use crate::{Fixture, retries, retry, success};

#[tokio::test]
async fn a_claim_has_what_its_slot_needs() {
    let fixture = Fixture::new(retries(3, 0)).await;
    let parent = JobKey { task: TaskKey::new("default", "other"), id: JobId(4) };
    let mut job = NewJob::new("[1]");
    (job.parent, job.trace_parent) = (Some(parent.clone()), Some("00-trace".into()));
    let id = fixture.task.add(job).await.unwrap();
    let claim = fixture.claim().await;
    assert_eq!(claim.running().key(), JobKey { task: fixture.task.key().clone(), id });
    assert_eq!((claim.running().attempt(), claim.max_attempts(), &**claim.args()), (1, 4, "[1]"));
    assert_eq!((claim.parent(), claim.trace_parent().map(|trace| &**trace)), (Some(&parent), Some("00-trace")));
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn finishing_and_claiming_follows_the_ready_queue() {
    let fixture = Fixture::new(retries(1, 0)).await;
    let ids = [fixture.add().await, fixture.add().await];
    let claim = fixture.claim().await;
    let (status, next) = fixture.task.finish_and_claim(claim, retry()).await.unwrap();
    let next = next.unwrap();
    assert_eq!((status, next.running().id()), (Status::Waiting, ids[1]));
    let (status, next) = fixture.task.finish_and_claim(next, success()).await.unwrap();
    let next = next.unwrap();
    assert_eq!((status, next.running().id(), next.running().attempt()), (Status::Success, ids[0], 2));
    let (status, next) = fixture.task.finish_and_claim(next, retry()).await.unwrap();
    assert_eq!(status, Status::Failure);
    assert!(next.is_none());
}

#[tokio::test]
async fn an_attempt_that_is_requeued_does_not_count() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    assert_eq!(fixture.task.requeue(claim).await.unwrap(), Status::Waiting);
    let claim = fixture.claim().await;
    assert_eq!((claim.running().id(), claim.running().attempt()), (id, 1));
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn a_dropped_claim_ends_its_attempt_as_lost() {
    let fixture = Fixture::new(retries(1, 0)).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    claim.running().report(1, 2, "half");
    let mut idle = pin!(fixture.task.claim());
    assert!(poll!(&mut idle).is_pending());
    drop(claim);
    let again = idle.await.unwrap();
    assert_eq!((again.running().id(), again.running().attempt()), (id, 2));
    drop(again);
    let last = fixture.claim().await;
    assert_eq!((last.running().id(), last.running().attempt()), (id, RetryPolicy::LOST_ATTEMPTS));
    drop(last);
    let mut idle = pin!(fixture.task.claim());
    assert!(poll!(&mut idle).is_pending(), "there is no fourth attempt");
    let job = fixture.task.wait(id).await.unwrap();
    assert_eq!((job.status(), job.reason(), job.progress.current), (Status::Failure, Some(FailureKind::Lost), 0));
}

#[tokio::test]
async fn a_dropped_claim_is_picked_up_by_a_busy_slot_too() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    fixture.add().await;
    drop(fixture.claim().await);
    let busy = fixture.claim().await;
    fixture.task.finish_and_claim(busy, success()).await.unwrap();
    let history = fixture.task.history(id).await.unwrap().unwrap();
    assert_eq!((history.attempts[0].ending, history.log.len()), (Ending::Failed(FailureKind::Lost), 1));
}

#[tokio::test]
async fn a_slot_that_panics_loses_no_job() {
    let fixture = Fixture::new(retries(1, 0)).await;
    let id = fixture.add().await;
    let task = Arc::clone(&fixture.task);
    let slot = async move {
        let _claim = task.claim().await.unwrap();
        panic!("a defect in a slot");
    };
    let mut slots = tokio::task::JoinSet::new();
    slots.spawn(slot);
    assert!(slots.join_next().await.unwrap().is_err());
    let claim = fixture.claim().await;
    assert_eq!((claim.running().id(), claim.running().attempt()), (id, 2));
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn a_running_job_that_is_cancelled_gets_its_signal() {
    let fixture = Fixture::new(retries(3, 0)).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let running = Arc::clone(claim.running());
    let mut cancelled = pin!(running.cancel_signal().cancelled());
    assert!(poll!(&mut cancelled).is_pending());
    assert!(!running.cancel_signal().is_cancelled());
    fixture.task.cancel(id).await.unwrap();
    cancelled.await;
    assert!(running.cancel_signal().is_cancelled());
    running.cancel_signal().cancelled().await;
    fixture.finish(claim, Outcome::Failure(Failure::cancelled())).await;
    let job = fixture.task.get(id).await.unwrap().unwrap();
    assert_eq!((job.reason(), job.life.attempt), (Some(FailureKind::Cancelled), 1));
}

#[tokio::test]
async fn a_cancelled_attempt_leaves_no_signal_for_the_next() {
    let fixture = Fixture::new(retries(3, 0)).await;
    let (first, second) = (fixture.add().await, fixture.add().await);
    let claim = fixture.claim().await;
    fixture.task.cancel(first).await.unwrap();
    let (_, next) = fixture.task.finish_and_claim(claim, retry()).await.unwrap();
    let next = next.unwrap();
    assert_eq!(next.running().id(), second);
    assert!(!next.running().cancel_signal().is_cancelled());
    fixture.finish(next, success()).await;
}

#[tokio::test]
async fn a_waiting_job_that_is_cancelled_ends_at_once() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add_delayed(60_000).await;
    let mut ended = pin!(fixture.task.wait(id));
    assert!(poll!(&mut ended).is_pending());
    fixture.task.cancel(id).await.unwrap();
    assert_eq!(ended.await.unwrap().reason(), Some(FailureKind::Cancelled));
    let again = fixture.task.cancel(id).await.unwrap_err();
    assert!(matches!(again, ChangeError::Ended { .. }));
    assert_eq!(again.code(), "ended");
    assert_eq!(fixture.task.cancel(JobId(9)).await.unwrap_err().code(), "unknown-job");
}

#[tokio::test]
async fn refusals_have_codes_and_say_what_to_do() {
    let fixture = Fixture::new(Rules { size: 1, ..Rules::default() }).await;
    let id = fixture.add().await;
    let full = fixture.task.add(NewJob::new("[]")).await.unwrap_err();
    assert_eq!(full.code(), "queue-full");
    assert!(full.to_string().contains("`size`"), "{full}");
    let claim = fixture.claim().await;
    let duplicate = fixture.task.add(NewJob::new("[]").with_id(id)).await.unwrap_err();
    assert!(matches!(duplicate, AddError::DuplicateId { .. }));
    assert_eq!(duplicate.code(), "duplicate-id");
    fixture.finish(claim, success()).await;
}

#[tokio::test]
async fn rules_can_be_replaced_while_jobs_run() {
    let fixture = Fixture::new(retries(5, 0)).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let same = fixture.queue.open(fixture.task.key().clone(), retries(0, 0)).await.unwrap();
    assert!(Arc::ptr_eq(&same, &fixture.task));
    assert_eq!(claim.max_attempts(), 1);
    assert_eq!(fixture.task.finish(claim, retry()).await.unwrap(), Status::Failure);
    assert_eq!(fixture.task.wait(id).await.unwrap().reason(), Some(FailureKind::Failed));
}

#[tokio::test]
async fn an_unpolled_finish_counts_as_dropped() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    drop(fixture.task.finish(claim, success()));
    assert_eq!(fixture.claim().await.running().attempt(), 2, "the job continues at once");
    let history = fixture.task.history(id).await.unwrap().unwrap();
    assert_eq!(history.attempts[0].ending, Ending::Failed(FailureKind::Lost));
    let gone = StoreError::Refused { id, refusal: saggar_job::Refusal::Ended };
    assert_eq!(gone.code(), "refused");
}
