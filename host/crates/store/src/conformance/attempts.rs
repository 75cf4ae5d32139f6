//! Attempts: their fence, their ends and their records.

use std::time::Duration;

use saggar_job::{Ending, Failure, FailureKind, JobId, Outcome, Problem, Run, State, Status};

use super::{Fixture, Locations, assert_refused, problem, retries, some, success, works};
use crate::{
    AttemptRecord, Attempts, Change, Cost, End, Finish, History, ListQuery, LogLine, NewJob, NextDue, Progress, Rules,
    StoreEvent,
};

pub(super) async fn a_job_runs_and_succeeds(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[1]")).await;
    fixture.later(3);
    let job = fixture.claim().await;
    assert_eq!((job.id, job.attempt, &*job.args), (id, 1, "[1]"));
    let running = fixture.get(id).await;
    let state = State::Running { run: job.run, started_at: fixture.now, cancelling: false };
    assert_eq!((&running.life.state, running.life.run), (&state, job.run));
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.running), (0, 1));
    fixture.later(4);
    let finished = fixture.finish(&job, success()).await;
    assert_eq!((finished.ended.status, finished.ended.run_at, finished.ended.reason), (Status::Success, None, None));
    assert!(!finished.ended.callback && finished.next.is_none() && finished.next_due == NextDue::Nothing);
    let ended = fixture.get(id).await;
    assert_eq!((ended.response(), ended.ended_at(), ended.life.attempt), (Some("7"), Some(fixture.now), 1));
    assert_eq!((fixture.counts().await.running, fixture.counts().await.success), (0, 1));
}

pub(super) async fn a_failed_job_is_retried_until_its_attempts_are_used_up(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(2, 100)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let mut last = Run(0);
    for attempt in 1..=3 {
        let job = fixture.claim().await;
        assert_eq!((job.id, job.attempt), (id, attempt));
        assert!(job.run > last, "the fence grows");
        last = job.run;
        let finished = fixture.finish(&job, Outcome::failure(FailureKind::Failed, problem())).await;
        if attempt < 3 {
            let run_at = fixture.now.plus_ms(100);
            assert_eq!((finished.ended.status, finished.ended.run_at), (Status::Waiting, Some(run_at)));
            assert_eq!(finished.next_due, NextDue::At(run_at));
            assert_eq!(fixture.get(id).await.problem(), Some(&problem()), "the problem of the last attempt is shown");
            fixture.later(100);
        } else {
            assert_eq!((finished.ended.status, finished.ended.reason), (Status::Failure, Some(FailureKind::Failed)));
        }
    }
    let ended = fixture.get(id).await;
    assert_eq!((ended.problem(), ended.reason()), (Some(&problem()), Some(FailureKind::Failed)));
    assert_eq!((ended.ended_at(), fixture.counts().await.failure), (Some(fixture.now), 1));
}

pub(super) async fn each_outcome_fails_the_job_with_its_reason(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let ends = [
        (Outcome::failure(FailureKind::Failed, problem()), FailureKind::Failed),
        (
            Outcome::Failure(Failure { retry_after_ms: Some(9), ..Failure::new(FailureKind::Failed, problem()) }),
            FailureKind::Failed,
        ),
        (Outcome::failure(FailureKind::Rejected, problem()), FailureKind::Rejected),
        (Outcome::failure(FailureKind::Trap, problem()), FailureKind::Trap),
        (Outcome::failure(FailureKind::Timeout, problem()), FailureKind::Timeout),
        (Outcome::failure(FailureKind::OutOfMemory, problem()), FailureKind::OutOfMemory),
        (Outcome::Failure(Failure::cancelled()), FailureKind::Cancelled),
    ];
    for (outcome, reason) in ends {
        let id = fixture.add(NewJob::new("[]")).await;
        let finished = fixture.finish(&fixture.claim().await, outcome).await;
        assert_eq!((finished.ended.status, finished.ended.reason), (Status::Failure, Some(reason)));
        assert_eq!(fixture.get(id).await.reason(), Some(reason));
    }
}

pub(super) async fn a_stale_claim_is_refused(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(5, 0)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let stale = fixture.claim().await;
    fixture.finish(&stale, Outcome::Failure(Failure::lost())).await;
    assert_refused(fixture.end(id, stale.run, End::Outcome(success())).await, "finishing a waiting job");
    let job = fixture.claim().await;
    let waiting = fixture.add(NewJob::new("[]")).await;
    assert_refused(fixture.end(id, stale.run, End::Outcome(success())).await, "finishing under an old fence");
    assert_refused(fixture.end(id, stale.run, End::Requeue).await, "requeueing under an old fence");
    let finish = Finish {
        id,
        run: stale.run,
        end: End::Outcome(success()),
        progress: None,
        cost: None,
        with_snapshot: false,
        chance: 0.5,
    };
    assert_refused(fixture.finish_step(finish, true).await, "finishing and claiming");
    assert_eq!(fixture.status(waiting).await, Status::Waiting, "a refused finish claims nothing");
    assert_eq!((fixture.status(id).await, fixture.get(id).await.life.run), (Status::Running, job.run));
    fixture.finish(&job, success()).await;
    assert_refused(fixture.end(id, job.run, End::Outcome(Outcome::Failure(Failure::lost()))).await, "finishing twice");
    assert_refused(fixture.end(JobId(77), Run(1), End::Requeue).await, "finishing a job that never existed");
    assert_eq!(fixture.get(id).await.response(), Some("7"));
}

pub(super) async fn a_requeued_attempt_does_not_count(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let first = fixture.claim().await;
    let finished = works(fixture.end(id, first.run, End::Requeue).await);
    assert_eq!((finished.ended.status, finished.next_due), (Status::Waiting, NextDue::Now));
    assert_eq!(fixture.get(id).await.life.attempt, 0);
    let second = fixture.claim().await;
    assert_eq!(second.attempt, 1);
    assert!(second.run > first.run, "but its fence has grown");
    fixture.finish(&second, success()).await;
}

pub(super) async fn a_released_claim_leaves_no_trace(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 0)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Failed, problem())).await;
    let urgent = fixture.add(NewJob::new("[]").with_priority(1)).await;
    let plain = fixture.add_some(2).await;
    let (before, counts) = (fixture.get(id).await, fixture.counts().await);
    fixture.later(5);
    let claimed = fixture.claimed(4).await.jobs;
    let order: Vec<_> = claimed.iter().map(|job| job.id).collect();
    assert!(order[0] == urgent && order.contains(&id) && order.contains(&plain[1]));
    for job in &claimed {
        fixture.task.release(job.id, job.run, &fixture.rules, fixture.now);
        fixture.task.release(job.id, job.run, &fixture.rules, fixture.now);
    }
    assert_eq!(works(fixture.task.claim(0, fixture.now).await).next_due, NextDue::Now);
    let after = fixture.get(id).await;
    assert_eq!((after.life.attempt, &after.life.state), (before.life.attempt, &before.life.state));
    assert!(after.life.run > before.life.run && fixture.counts().await == counts);
    assert_eq!(fixture.history(id).await.attempts.len(), 1, "it leaves no record");
    let again = fixture.claimed(4).await.jobs;
    assert_eq!(again.iter().map(|job| job.id).collect::<Vec<_>>(), order, "each job has its old position");
    fixture.task.release(claimed[0].id, claimed[0].run, &fixture.rules, fixture.now);
    assert_eq!(fixture.status(claimed[0].id).await, Status::Running, "an old fence releases nothing");
    works(fixture.change(urgent, Change::Cancel).await);
    fixture.observed.all().await;
    fixture.task.release(urgent, again[0].run, &fixture.rules, fixture.now);
    assert_eq!(works(fixture.task.claim(1, fixture.now).await).jobs, [], "a job that was cancelled ends");
    let cancelled = StoreEvent::Cancelled { id: urgent, callback: false, at: fixture.now };
    assert_eq!(fixture.observed.event().await, cancelled, "and that is observed");
    assert_eq!(fixture.observed.events().await, [], "releasing the others caused no event");
    assert_eq!(fixture.get(urgent).await.reason(), Some(FailureKind::Cancelled));
}

/// Reads and lists show the cleared progress, too, while the attempt runs. Before the claim, and after a released
/// claim, the job shows the progress of the previous attempt.
pub(super) async fn a_new_attempt_clears_the_progress(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(9, 0)).await;
    let id = fixture.add(NewJob::new("[]").with_key("k")).await;
    let none = Progress::default;
    let report = |current| Progress { current, total: u64::MAX, message: "half".to_owned() };
    let progress = async |fixture: &Fixture| {
        let listed = super::listing::pages(&*fixture.store, ListQuery::of_tenant("default")).await;
        let kept = fixture.get(id).await.progress;
        assert_eq!(kept, listed[0].progress, "a list shows the same");
        kept
    };
    for (current, end) in [(2, End::Outcome(Outcome::failure(FailureKind::Failed, problem()))), (3, End::Requeue)] {
        let run = fixture.claim().await.run;
        assert_eq!(progress(&fixture).await, none());
        let reported = Some(report(current));
        works(
            fixture
                .finish_step(
                    Finish { id, run, end, progress: reported, cost: None, with_snapshot: false, chance: 0.5 },
                    false,
                )
                .await,
        );
        assert_eq!(progress(&fixture).await, report(current));
    }
    let job = fixture.claim().await;
    fixture.task.release(id, job.run, &fixture.rules, fixture.now);
    works(fixture.task.claim(0, fixture.now).await);
    assert_eq!(progress(&fixture).await, report(3), "a released claim has no effect");
    fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Failed, problem())).await;
    assert_eq!(progress(&fixture).await, none(), "the attempt that ended reported none");
    let run = fixture.claim().await.run;
    let end = End::Outcome(Outcome::failure(FailureKind::Failed, problem()));
    let finish = Finish { id, run, end, progress: Some(report(5)), cost: None, with_snapshot: false, chance: 0.5 };
    works(fixture.finish_step(finish, false).await);
    fixture = fixture.die().await;
    assert_eq!(progress(&fixture).await, report(5));
    fixture.claim().await;
    fixture = fixture.die().await;
    assert_eq!(progress(&fixture).await, none(), "the lost attempt had begun");
    fixture.finish(&fixture.claim().await, success()).await;
    assert_eq!(progress(&fixture).await, none());
    assert_eq!(fixture.get(id).await.key.as_deref(), Some("k"), "other data of the job does not change");
}

pub(super) async fn finish_can_claim_the_next_job_in_the_same_step(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(1, 0)).await;
    let ids = fixture.add_some(3).await;
    let first = fixture.claim().await;
    let finish = |id, run, outcome| Finish {
        id,
        run,
        end: End::Outcome(outcome),
        progress: None,
        cost: None,
        with_snapshot: true,
        chance: 0.5,
    };
    let next = |finish| fixture.finish_step(finish, true);
    let finished = works(next(finish(first.id, first.run, success())).await);
    let second = some(finished.next, "a ready job");
    assert_eq!((second.id, finished.next_due), (ids[1], NextDue::Now));
    let finished = works(next(finish(second.id, second.run, Outcome::failure(FailureKind::Failed, problem()))).await);
    let third = some(finished.next, "a ready job");
    assert_eq!((third.id, finished.ended.status, finished.next_due), (ids[2], Status::Waiting, NextDue::Now));
    let finished = works(next(finish(third.id, third.run, success())).await);
    assert_eq!(some(finished.next, "a retry that is due").id, ids[1]);
    assert_eq!(finished.next_due, NextDue::Nothing);
}

/// Returns an example of the resource usage of an attempt.
pub(super) fn cost() -> Cost {
    Cost {
        digest: "5e884898da28".into(),
        deployment: Some(7),
        cpu: Duration::from_nanos(1_234_567),
        peak_memory: 1 << 33,
        fresh: true,
    }
}

pub(super) async fn every_attempt_leaves_a_record(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(9, 0)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    assert_eq!(fixture.history(id).await, History::default());
    let undetailed = Problem { details: None, ..problem() };
    let ends = [
        (
            End::Outcome(Outcome::failure(FailureKind::Failed, problem())),
            Ending::Failed(FailureKind::Failed),
            Some(&undetailed),
            1,
        ),
        (End::Requeue, Ending::Requeued, None, 2),
        (
            End::Outcome(Outcome::Failure(Failure {
                retry_after_ms: Some(0),
                ..Failure::new(FailureKind::Failed, problem())
            })),
            Ending::Failed(FailureKind::Failed),
            Some(&undetailed),
            2,
        ),
        (
            End::Outcome(Outcome::failure(FailureKind::Timeout, problem())),
            Ending::Failed(FailureKind::Timeout),
            Some(&undetailed),
            3,
        ),
        (End::Outcome(success()), Ending::Success, None, 4),
    ];
    let mut expected = Vec::new();
    for (end, ending, problem, number) in ends {
        let (job, started_at) = (fixture.claim().await, fixture.now);
        assert_eq!(fixture.history(id).await.attempts, expected, "a running attempt has no record yet");
        fixture.later(5);
        let cost = (number != 2).then(cost);
        let finish =
            Finish { id, run: job.run, end, progress: None, cost: cost.clone(), with_snapshot: false, chance: 0.5 };
        works(fixture.finish_step(finish, true).await);
        let problem = problem.map(|problem| Box::new(problem.clone()));
        let (run, ended_at) = (job.run, fixture.now);
        expected.push(AttemptRecord { number, run, started_at, ended_at, ending, problem, cost });
        assert_eq!(fixture.history(id).await.attempts, expected);
        // With `claim_next`, another attempt of the same job may have begun.
        if let State::Running { run, .. } = fixture.get(id).await.life.state {
            works(fixture.end(id, run, End::Requeue).await);
            let record = some(fixture.history(id).await.attempts.pop(), "a record");
            assert_eq!((record.ending, record.started_at), (Ending::Requeued, fixture.now));
            expected.push(record);
        }
    }
    let other = fixture.add(NewJob::new("[]")).await;
    let job = fixture.claim().await;
    works(fixture.change(other, Change::Cancel).await);
    works(fixture.end(other, job.run, End::Outcome(Outcome::failure(FailureKind::Trap, problem()))).await);
    assert_eq!(fixture.get(other).await.reason(), Some(FailureKind::Cancelled));
    assert_eq!(
        fixture.history(other).await.attempts[0].ending,
        Ending::Failed(FailureKind::Trap),
        "the ending of the attempt itself"
    );
}

pub(super) async fn a_lost_attempt_is_retried_even_without_retries(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(0, 60_000)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    for attempt in 1..=2 {
        let finished = fixture.finish(&fixture.claim().await, Outcome::Failure(Failure::lost())).await;
        assert_eq!((finished.ended.status, finished.ended.run_at), (Status::Waiting, Some(fixture.now)), "at once");
        assert_eq!(fixture.history(id).await.log.len(), attempt);
        fixture.later(1_000);
    }
    let finished = fixture.finish(&fixture.claim().await, Outcome::Failure(Failure::lost())).await;
    assert_eq!((finished.ended.status, finished.ended.reason), (Status::Failure, Some(FailureKind::Lost)));
    assert_eq!(some(fixture.history(id).await.log.pop(), "a line"), LogLine::lost(fixture.now, 3));
}

pub(super) async fn the_first_and_the_latest_records_are_kept(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(u32::MAX, 0)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    for _ in 0..130 {
        fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Failed, problem())).await;
    }
    let runs: Vec<u64> = fixture.history(id).await.attempts.iter().map(|record| record.run.0).collect();
    let latest = 130 - Attempts::LATEST as u64 + 1..=130;
    assert_eq!(runs, (1..=Attempts::FIRST as u64).chain(latest).collect::<Vec<_>>());
}
