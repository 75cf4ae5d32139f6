//! Changes from outside: retrying, deleting, pausing, closing; lists and rates.

use std::pin::pin;

use futures_util::poll;
use saggar_job::{Ending, FailureKind, JobId, Status, Timestamp};
use saggar_queue::{AddError, Cost, JobEventKind, KeyOwner, ListQuery, NewJob, Rates, Rules};
use tokio::time::Duration;

use crate::{Fixture, retries, retry, success};

#[tokio::test]
async fn a_retried_job_wakes_a_claimer_and_runs_again() {
    let fixture = Fixture::new(retries(0, 0)).await;
    let mut events = fixture.queue.subscribe("default");
    let id = fixture.add().await;
    fixture.finish(fixture.claim().await, retry()).await;
    let mut claim = pin!(fixture.task.claim());
    assert!(poll!(&mut claim).is_pending());
    fixture.task.retry(id).await.unwrap();
    assert_eq!(fixture.task.retry(id).await.unwrap_err().code(), "not-ended");
    let claim = claim.await.unwrap();
    assert_eq!((claim.running().id(), claim.running().attempt()), (id, 1));
    fixture.finish(claim, success()).await;
    assert_eq!(fixture.task.retry(JobId(9)).await.unwrap_err().code(), "unknown-job");
    let mut kinds = Vec::new();
    while kinds.last() != Some(&JobEventKind::Succeeded) {
        kinds.push(events.next().await.unwrap().kind);
    }
    assert_eq!(kinds[3..5], [JobEventKind::Retried, JobEventKind::Started { attempt: 1 }]);
}

#[tokio::test]
async fn waiters_for_a_deleted_job_get_unknown_job() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add_delayed(60_000).await;
    let (mut wait, mut idle) = (pin!(fixture.task.wait(id)), pin!(fixture.queue.idle()));
    assert!(poll!(&mut wait).is_pending() && poll!(&mut idle).is_pending());
    fixture.task.delete(id).await.unwrap();
    assert_eq!(wait.await.unwrap_err().code(), "unknown-job");
    idle.await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    assert_eq!(fixture.task.delete(id).await.unwrap_err().code(), "running");
    fixture.finish(claim, success()).await;
    fixture.task.delete(id).await.unwrap();
    assert_eq!(fixture.task.history(id).await.unwrap(), None);
}

#[tokio::test]
async fn claimers_of_a_paused_task_wait_until_it_is_resumed() {
    let fixture = Fixture::new(retries(1, 0)).await;
    fixture.add().await;
    let running = fixture.claim().await;
    fixture.task.pause().await.unwrap();
    for _ in 0..3 {
        fixture.add().await;
    }
    let mut claims: Vec<_> = (0..3).map(|_| Box::pin(fixture.task.claim())).collect();
    for claim in &mut claims {
        assert!(poll!(claim).is_pending());
    }
    let (status, next) = fixture.task.finish_and_claim(running, retry()).await.unwrap();
    assert!(status == Status::Waiting && next.is_none(), "the running attempt continues, and no other follows");
    fixture.task.resume().await.unwrap();
    for claim in claims {
        fixture.finish(claim.await.unwrap(), success()).await;
    }
    assert_eq!(fixture.claim().await.running().attempt(), 2);
}

#[tokio::test]
async fn only_running_jobs_of_a_closed_task_keep_the_queue_from_being_idle() {
    let fixture = Fixture::new(retries(1, 0)).await;
    let key = fixture.task.key().clone();
    fixture.add().await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let mut idle = pin!(fixture.queue.idle());
    assert!(poll!(&mut idle).is_pending());
    fixture.queue.close(&key);
    assert!(fixture.queue.task(&key).is_none() && fixture.queue.tasks().is_empty());
    assert!(poll!(&mut idle).is_pending(), "an attempt runs");
    fixture.finish(claim, retry()).await;
    idle.await;
    assert_eq!(fixture.task.get(id).await.unwrap().unwrap().status(), Status::Waiting, "its jobs stay in the store");
    let again = fixture.queue.open(key.clone(), Rules::default()).await.unwrap();
    let mut idle = pin!(fixture.queue.idle());
    assert!(poll!(&mut idle).is_pending());
    let claim = again.claim().await.unwrap();
    fixture.queue.close(&key);
    assert!(poll!(&mut idle).is_pending());
    drop(claim);
    idle.await;
    fixture.queue.close(&key);
}

#[tokio::test]
async fn a_reused_key_returns_the_same_job_as_not_new() {
    let fixture = Fixture::new(Rules::default()).await;
    let keyed = || NewJob::new("[]").with_key("k").with_run_at(Timestamp(5));
    let id = fixture.task.add(keyed()).await.unwrap();
    let mut events = fixture.queue.subscribe("default");
    let added = fixture.task.add_many(vec![keyed(), NewJob::new("[]")]).await.unwrap();
    assert_eq!(added.iter().map(|added| (added.id, added.is_new)).collect::<Vec<_>>(), [(id, false), (JobId(2), true)]);
    assert_eq!(events.next().await.unwrap().key.id, JobId(2), "an existing job emits no event");
    assert_eq!(fixture.task.counters().rates().added.total, 2);
}

#[tokio::test]
async fn a_list_has_live_progress_and_a_record_has_the_cost() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.add().await;
    let id = fixture.add().await;
    let mut claim = fixture.claim().await;
    claim.running().report(1, 2, "half");
    let page = fixture.queue.list(&ListQuery::of_task(fixture.task.key())).await.unwrap();
    assert_eq!(page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id, claim.running().id()]);
    assert_eq!(page.jobs[1].progress.message, "half");
    let cost =
        Cost { digest: "aa".into(), deployment: Some(2), cpu: Duration::from_micros(3), peak_memory: 9, fresh: true };
    claim.spent(cost.clone());
    let id = claim.running().id();
    fixture.finish(claim, success()).await;
    assert_eq!(fixture.task.history(id).await.unwrap().unwrap().attempts[0].cost, Some(cost));
}

#[tokio::test(start_paused = true)]
async fn rates_count_what_happens() {
    let fixture = Fixture::new(retries(1, 0)).await;
    for _ in 0..4 {
        fixture.add().await;
    }
    fixture.task.cancel(JobId(4)).await.unwrap();
    let claim = fixture.claim().await;
    fixture.task.requeue(claim).await.unwrap();
    fixture.finish(fixture.claim().await, retry()).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let (_, next) = fixture.task.finish_and_claim(fixture.claim().await, success()).await.unwrap();
    fixture.finish(next.unwrap(), success()).await;
    let Rates { added, started, succeeded, failed, retried } = fixture.task.counters().rates();
    let totals = [added, started, succeeded, failed, retried].map(|rate| rate.total);
    assert_eq!(totals, [4, 4, 2, 1, 1]);
    assert_eq!((added.per_second, succeeded.per_second), (2.0, 1.0));
    let totals = fixture.task.counters().totals();
    assert_eq!((totals.added, totals.started, totals.succeeded()), (4, 4, 2));
    let failed = FailureKind::ALL.into_iter().filter(|reason| totals.failed(*reason) > 0);
    assert_eq!(failed.collect::<Vec<_>>(), [FailureKind::Cancelled]);
    assert_eq!(totals.failed(FailureKind::Cancelled), 1);
    let attempts = [
        Ending::Success,
        Ending::Failed(FailureKind::Failed),
        Ending::Requeued,
        Ending::Failed(FailureKind::Cancelled),
        Ending::Failed(FailureKind::Lost),
    ];
    assert_eq!(
        attempts.map(|ending| totals.attempts(ending)),
        [2, 1, 1, 0, 0],
        "a waiting job that is cancelled ends no attempt"
    );
}

#[tokio::test(start_paused = true)]
async fn a_running_job_that_is_cancelled_is_marked_as_cancelling() {
    let fixture = Fixture::new(retries(3, 0)).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let mut events = fixture.queue.subscribe("default");
    let cancelling = async || {
        let listed = fixture.queue.list(&ListQuery::of_tenant("default")).await.unwrap().jobs;
        (fixture.task.get(id).await.unwrap().unwrap().life.is_cancelling(), listed[0].cancelling)
    };
    assert_eq!(cancelling().await, (false, false));
    for _ in 0..2 {
        fixture.task.cancel(id).await.unwrap();
        assert_eq!(cancelling().await, (true, true));
        assert_eq!(events.next().await.unwrap().kind, JobEventKind::Cancelling);
    }
    fixture.finish(claim, retry()).await;
    assert_eq!(cancelling().await, (false, false));
    assert_eq!(events.next().await.unwrap().kind, JobEventKind::Failed { reason: FailureKind::Cancelled });
}

#[tokio::test(start_paused = true)]
async fn a_reused_key_accepts_the_same_arguments_in_another_form() {
    let fixture = Fixture::new(retries(0, 0)).await;
    let large = |space: &str| format!("[{space}\"{}\"]", "x".repeat(200_000));
    let keyed = |args: &str, key: &str| NewJob::new(args).with_key(key);
    let first = vec![keyed(r#"[{"a":1,"b":2}]"#, "small"), keyed(&large(""), "large")];
    let ids: Vec<JobId> = fixture.task.add_many(first).await.unwrap().iter().map(|added| added.id).collect();
    // Both in another form, a new job, and the same job with one more space.
    let again = vec![
        keyed(r#"[ {"b":2, "a":1} ]"#, "small"),
        keyed(&large(" "), "large"),
        keyed("[1]", "new"),
        keyed("[ 1]", "new"),
    ];
    let added = fixture.task.add_many(again).await.unwrap();
    let seen: Vec<_> = added.iter().map(|added| (added.id, added.is_new)).collect();
    assert_eq!(seen, [(ids[0], false), (ids[1], false), (JobId(3), true), (JobId(3), false)]);
    let other = fixture.task.add_many(vec![keyed("[2]", "fresh"), keyed(r#"[{"a":1,"b":3}]"#, "small")]).await;
    let Err(AddError::KeyReused(reused)) = other else { panic!("{other:?}") };
    assert_eq!((reused.len(), reused[0].at, reused[0].of), (1, 1, KeyOwner::Kept(ids[0])));
    assert_eq!(fixture.task.counts().added, 3, "nothing was added");
    assert_eq!(
        &*fixture.task.get(ids[0]).await.unwrap().unwrap().args,
        r#"[{"a":1,"b":2}]"#,
        "the stored arguments are unchanged"
    );
}
