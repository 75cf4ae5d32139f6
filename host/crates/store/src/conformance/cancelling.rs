//! Cancelling jobs that wait, are on hold or run.

use saggar_job::{Failure, FailureKind, JobId, Outcome, Status};

use super::observed::Changed;
use super::{Fixture, Locations, is_cancelling, problem, retries, success, works};
use crate::{Change, ChangeError, End, NewJob, NextDue, Rules};

pub(super) async fn a_waiting_job_ends_at_once(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let ready = fixture.add(NewJob::new("[]")).await;
    let delayed = fixture.add(NewJob::new("[]").with_delay_ms(10)).await;
    let other = fixture.add(NewJob::new("[]")).await;
    for id in [ready, delayed] {
        let cancelled = works(fixture.change(id, Change::Cancel).await);
        assert_eq!(cancelled, Changed::Cancelled { callback: false });
        let job = fixture.get(id).await;
        assert_eq!(
            (job.reason(), job.ended_at(), job.life.attempt),
            (Some(FailureKind::Cancelled), Some(fixture.now), 0)
        );
    }
    let counts = fixture.counts().await;
    assert_eq!((counts.waiting, counts.delayed, counts.failure), (1, 0, 2));
    let claimed = fixture.claimed(9).await;
    assert_eq!((claimed.jobs.len(), claimed.jobs[0].id, claimed.next_due), (1, other, NextDue::Nothing));
}

pub(super) async fn a_running_job_gets_no_other_attempt(locations: &dyn Locations) {
    let ends = [
        (End::Outcome(Outcome::failure(FailureKind::Failed, problem())), Status::Failure),
        (End::Outcome(Outcome::Failure(Failure::cancelled())), Status::Failure),
        (End::Outcome(Outcome::Failure(Failure::lost())), Status::Failure),
        (End::Requeue, Status::Failure),
        (End::Outcome(success()), Status::Success),
    ];
    let fixture = Fixture::new(locations, retries(9, 0)).await;
    for (end, status) in ends {
        let id = fixture.add(NewJob::new("[]")).await;
        let job = fixture.claim().await;
        for _ in 0..2 {
            let cancelled = works(fixture.change(id, Change::Cancel).await);
            assert_eq!(cancelled, Changed::Stopping(job.run), "as often as requested");
        }
        assert!(is_cancelling(&fixture.get(id).await));
        let finished = works(fixture.end(id, job.run, end).await);
        assert_eq!(finished.ended.status, status);
        assert_eq!(finished.ended.reason, (status == Status::Failure).then_some(FailureKind::Cancelled));
    }
    assert_eq!(fixture.counts().await.waiting, 0);
}

pub(super) async fn an_ended_job_cannot_be_cancelled(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.finish(&fixture.claim().await, success()).await;
    assert!(matches!(fixture.change(id, Change::Cancel).await, Err(ChangeError::Ended { .. })));
    assert_eq!(fixture.get(id).await.response(), Some("7"));
    assert!(matches!(fixture.change(JobId(99), Change::Cancel).await, Err(ChangeError::UnknownJob { .. })));
}
