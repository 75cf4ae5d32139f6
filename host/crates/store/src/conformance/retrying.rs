//! Retrying ended jobs, and deleting jobs.

use saggar_job::{FailureKind, JobId, Outcome, Run, Status};

use super::observed::Changed;
use super::{Fixture, Locations, problem, retries, some, success, works};
use crate::{Change, ChangeError, Delivery, Lane, LogLine, NewJob, NextDue, Progress, Retention, Rules};

pub(super) async fn an_ended_job_can_be_retried(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { size: 1, ..retries(1, 0) }).await;
    let id = fixture.add(NewJob::new("[1]").with_priority(2)).await;
    for _ in 0..2 {
        fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Failed, problem())).await;
    }
    assert_eq!(fixture.status(id).await, Status::Failure);
    fixture.add(NewJob::new("[]").with_delay_ms(50)).await;
    fixture.later(7);
    assert_eq!(works(fixture.change(id, Change::Retry).await), Changed::Retried { next_due: NextDue::Now });
    let job = fixture.get(id).await;
    assert_eq!((job.status(), job.run_at(), job.life.attempt), (Status::Waiting, Some(fixture.now), 0));
    assert_eq!((job.problem(), job.life.run), (None, Run(2)));
    let counts = fixture.counts().await;
    assert_eq!((counts.waiting, counts.failure, counts.added), (2, 0, 2), "although the queue is full");
    assert_eq!(fixture.history(id).await.log, [LogLine::retried(fixture.now)]);
    for attempt in 1..=2 {
        let job = fixture.claim().await;
        assert_eq!((job.id, job.attempt, job.run, &*job.args), (id, attempt, Run(2 + u64::from(attempt)), "[1]"));
        fixture.finish(&job, Outcome::failure(FailureKind::Failed, problem())).await;
    }
    works(fixture.change(id, Change::Retry).await);
    fixture.finish(&fixture.claim().await, success()).await;
    works(fixture.change(id, Change::Retry).await);
    assert_eq!(
        (fixture.status(id).await, fixture.counts().await.success),
        (Status::Waiting, 0),
        "a succeeded job can be retried as well"
    );
    let attempts = fixture.history(id).await.attempts;
    let numbers: Vec<_> = attempts.iter().map(|record| (record.run.0, record.number)).collect();
    assert_eq!(numbers, [(1, 1), (2, 2), (3, 1), (4, 2), (5, 1)], "the records are kept");
}

pub(super) async fn only_an_ended_job_without_pending_callbacks_is_retried(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { error_handler: true, add_handler: true, ..retries(0, 0) }).await;
    assert!(matches!(fixture.change(JobId(5), Change::Retry).await, Err(ChangeError::UnknownJob { id: JobId(5) })));
    let id = fixture.add(NewJob::new("[]")).await;
    assert!(matches!(fixture.change(id, Change::Retry).await, Err(ChangeError::NotEnded { .. })));
    let deliver = async |lane| {
        let callback =
            some(works(fixture.task.claim_callbacks(lane, 1, fixture.now).await).callbacks.pop(), "a callback");
        assert!(fixture.change(id, Change::Retry).await.is_err());
        works(fixture.task.settle_callback(callback.number, Delivery::Done, fixture.now).await);
    };
    deliver(Lane::Adds).await;
    let job = fixture.claim().await;
    assert!(matches!(fixture.change(id, Change::Retry).await, Err(ChangeError::NotEnded { .. })));
    fixture.finish(&job, Outcome::failure(FailureKind::Trap, problem())).await;
    assert!(matches!(fixture.change(id, Change::Retry).await, Err(ChangeError::CallbackPending { .. })));
    assert_eq!(fixture.status(id).await, Status::Failure, "a refused change changes nothing");
    assert!(fixture.history(id).await.log.is_empty());
    deliver(Lane::Ends).await;
    assert_eq!(works(fixture.change(id, Change::Retry).await), Changed::Retried { next_due: NextDue::Now });
    assert_eq!(fixture.claim().await.attempt, 1, "a retried job is not on hold again");
}

pub(super) async fn a_retried_job_stays_unique(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let unique = || NewJob::new("[]").with_unique("f").with_key("k");
    let id = fixture.add(unique()).await;
    fixture.finish(&fixture.claim().await, success()).await;
    let other = fixture.add(NewJob::new("[]").with_unique("f")).await;
    let refused = fixture.change(id, Change::Retry).await;
    assert!(matches!(refused, Err(ChangeError::NotUnique { other: of, .. }) if of == other));
    fixture.finish(&fixture.claim().await, success()).await;
    works(fixture.change(id, Change::Retry).await);
    assert_eq!(fixture.add(NewJob::new("[]").with_unique("f")).await, id);
    assert!(matches!(fixture.change(other, Change::Retry).await, Err(ChangeError::NotUnique { .. })));
    works(fixture.change(other, Change::Delete).await);
    assert_eq!(
        fixture.add(NewJob::new("[]").with_unique("f")).await,
        id,
        "deleting a job does not release another one's fingerprint"
    );
}

pub(super) async fn retention_counts_from_the_last_end(locations: &dyn Locations) {
    let retention = Retention { success_ms: 100, failure_ms: 100 };
    let mut fixture = Fixture::new(locations, Rules { retention, ..Rules::default() }).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.finish(&fixture.claim().await, success()).await;
    works(fixture.change(id, Change::Retry).await);
    fixture.later(100);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0, "the job waits");
    fixture.finish(&fixture.claim().await, success()).await;
    fixture.later(99);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0);
    fixture.later(1);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1);
    assert!(works(fixture.task.get(id).await).is_none());
}

pub(super) async fn a_deleted_job_leaves_nothing(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 0)).await;
    let ended = fixture.add(NewJob::new("[]")).await;
    let job = fixture.claim().await;
    let progress = Some(Progress { current: 1, total: 2, message: "half".to_owned() });
    let end = crate::End::Outcome(success());
    let finish =
        crate::Finish { id: ended, run: job.run, end, progress, cost: None, with_snapshot: false, chance: 0.5 };
    works(fixture.finish_step(finish, false).await);
    works(fixture.task.append_log(ended, vec![LogLine::retried(fixture.now)]).await);
    let (ready, delayed) =
        (fixture.add(NewJob::new("[]")).await, fixture.add(NewJob::new("[]").with_delay_ms(9)).await);
    for id in [ended, ready, delayed] {
        assert_eq!(works(fixture.change(id, Change::Delete).await), Changed::Deleted);
        assert!(works(fixture.task.get(id).await).is_none() && works(fixture.task.history(id).await).is_none());
        assert!(matches!(fixture.change(id, Change::Delete).await, Err(ChangeError::UnknownJob { .. })));
    }
    let counts = fixture.counts().await;
    assert_eq!((counts.waiting, counts.delayed, counts.success, counts.added), (0, 0, 0, 3));
    assert!(counts.is_idle());
    fixture.later(50);
    assert!(fixture.claimed(9).await.jobs.is_empty());
    assert_eq!(fixture.add(NewJob::new("[2]").with_id(ended)).await, ended, "its id is free");
    let again = fixture.get(ended).await;
    assert_eq!((&*again.args, again.progress, again.life.run), ("[2]", Progress::default(), Run(0)));
    assert_eq!(fixture.history(ended).await, crate::History::default());
    assert_eq!(fixture.add(NewJob::new("[]")).await, JobId(4), "but the counter does not go back");
    fixture.later(u64::from(u32::MAX));
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0, "nothing is left to prune");
}

pub(super) async fn a_running_job_is_not_deleted(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let job = fixture.claim().await;
    let refused = fixture.change(id, Change::Delete).await;
    assert_eq!(refused.err().map(|error| error.code()), Some("running"));
    fixture.finish(&job, success()).await;
    works(fixture.change(id, Change::Delete).await);
}

pub(super) async fn deleting_a_job_removes_its_callbacks(locations: &dyn Locations) {
    let rules = Rules { add_handler: true, error_handler: true, ..retries(0, 0) };
    let fixture = Fixture::new(locations, rules).await;
    let ids = fixture.add_some(3).await;
    let taken =
        some(works(fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now).await).callbacks.pop(), "a callback");
    works(fixture.change(ids[1], Change::Cancel).await);
    assert_eq!((fixture.counts().await.callbacks, fixture.counts().await.on_hold), (4, 2));
    for id in &ids[..2] {
        works(fixture.change(*id, Change::Delete).await);
    }
    assert_eq!((fixture.counts().await.callbacks, fixture.counts().await.on_hold), (1, 1));
    let settled = fixture.settle(taken.number, Delivery::Done).await;
    assert_eq!((settled.next_due, settled.end_is_due), (NextDue::Nothing, false));
    works(fixture.task.settle_callback(taken.number, Delivery::Postponed(fixture.now), fixture.now).await);
    let callbacks = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await).callbacks;
    assert_eq!(callbacks.iter().map(|callback| callback.id).collect::<Vec<_>>(), [ids[2]]);
    works(fixture.task.settle_callback(callbacks[0].number, Delivery::Done, fixture.now).await);
    assert_eq!(fixture.claim().await.id, ids[2]);
}
