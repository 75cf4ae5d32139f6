//! Cancelling: waiting, held and running jobs.

use saggar_job::{JobId, Outcome, Reason, Status};

use super::heard::Changed;
use super::{Bench, Places, is_cancelling, problem, retries, success, works};
use crate::{Change, ChangeError, End, NewJob, NextDue, Rules};

pub(super) async fn all(places: &dyn Places) {
    a_waiting_job_ends_at_once(places).await;
    a_running_job_gets_no_other_attempt(places).await;
    an_ended_job_stays_as_it_is(places).await;
}

async fn a_waiting_job_ends_at_once(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let ready = bench.add(NewJob::new("[]")).await;
    let delayed = bench.add(NewJob::new("[]").with_delay_ms(10)).await;
    let other = bench.add(NewJob::new("[]")).await;
    for id in [ready, delayed] {
        let cancelled = works(bench.change(id, Change::Cancel).await);
        assert_eq!(cancelled, Changed::Cancelled { callback: false });
        let job = bench.get(id).await;
        assert_eq!((job.reason(), job.ended_at(), job.life.attempt), (Some(Reason::Cancelled), Some(bench.now), 0));
    }
    let counts = bench.counts().await;
    assert_eq!((counts.waiting, counts.delayed, counts.failure), (1, 0, 2));
    let claimed = bench.claimed(9).await;
    assert_eq!((claimed.jobs.len(), claimed.jobs[0].id, claimed.next_due), (1, other, NextDue::Nothing));
}

async fn a_running_job_gets_no_other_attempt(places: &dyn Places) {
    let ends = [
        (End::Outcome(Outcome::Retry(problem())), Status::Failure),
        (End::Outcome(Outcome::Cancelled), Status::Failure),
        (End::Outcome(Outcome::Lost), Status::Failure),
        (End::Requeue, Status::Failure),
        (End::Outcome(success()), Status::Success),
    ];
    let bench = Bench::new(places, retries(9, 0)).await;
    for (end, status) in ends {
        let id = bench.add(NewJob::new("[]")).await;
        let job = bench.claim().await;
        for _ in 0..2 {
            let cancelled = works(bench.change(id, Change::Cancel).await);
            assert_eq!(cancelled, Changed::Stopping(job.run), "however often");
        }
        assert!(is_cancelling(&bench.get(id).await));
        let finished = works(bench.end(id, job.run, end).await);
        assert_eq!(finished.ended.status, status);
        assert_eq!(finished.ended.reason, (status == Status::Failure).then_some(Reason::Cancelled));
    }
    assert_eq!(bench.counts().await.waiting, 0);
}

async fn an_ended_job_stays_as_it_is(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.finish(&bench.claim().await, success()).await;
    assert!(matches!(bench.change(id, Change::Cancel).await, Err(ChangeError::Ended { .. })));
    assert_eq!(bench.get(id).await.response(), Some("7"));
    assert!(matches!(bench.change(JobId(99), Change::Cancel).await, Err(ChangeError::UnknownJob { .. })));
}
