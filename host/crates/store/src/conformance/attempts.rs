//! Attempts: their fence, their ends, and what is kept of them.

use std::time::Duration;

use saggar_job::{Ending, JobId, Outcome, Problem, Reason, Run, State, Status};

use super::{Bench, Places, assert_refused, problem, retries, some, success, works};
use crate::{
    AttemptRecord, Attempts, Change, Cost, End, Finish, History, ListQuery, LogLine, NewJob, NextDue, Progress, Rules,
    StoreEvent,
};

pub(super) async fn all(places: &dyn Places) {
    a_job_runs_and_succeeds(places).await;
    a_failed_attempt_is_tried_again_until_none_is_left(places).await;
    every_outcome_ends_as_it_should(places).await;
    a_stale_claim_can_do_nothing(places).await;
    an_undone_attempt_does_not_count(places).await;
    a_claim_that_nobody_got_never_was(places).await;
    an_attempt_that_begins_clears_the_progress(places).await;
    the_next_job_is_begun_in_the_same_step(places).await;
    every_attempt_leaves_a_record(places).await;
    a_lost_attempt_is_tried_again_even_without_retries(places).await;
    the_first_and_the_latest_records_stay(places).await;
}

async fn a_job_runs_and_succeeds(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[1]")).await;
    bench.later(3);
    let job = bench.claim().await;
    assert_eq!((job.id, job.attempt, &*job.args), (id, 1, "[1]"));
    let running = bench.get(id).await;
    let state = State::Running { run: job.run, started_at: bench.now, cancelling: false };
    assert_eq!((&running.life.state, running.life.run), (&state, job.run));
    assert_eq!((bench.counts().await.waiting, bench.counts().await.running), (0, 1));
    bench.later(4);
    let finished = bench.finish(&job, success()).await;
    assert_eq!((finished.ended.status, finished.ended.run_at, finished.ended.reason), (Status::Success, None, None));
    assert!(!finished.ended.callback && finished.next.is_none() && finished.next_due == NextDue::Nothing);
    let ended = bench.get(id).await;
    assert_eq!((ended.response(), ended.ended_at(), ended.life.attempt), (Some("7"), Some(bench.now), 1));
    assert_eq!((bench.counts().await.running, bench.counts().await.success), (0, 1));
}

async fn a_failed_attempt_is_tried_again_until_none_is_left(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(2, 100)).await;
    let id = bench.add(NewJob::new("[]")).await;
    let mut last = Run(0);
    for attempt in 1..=3 {
        let job = bench.claim().await;
        assert_eq!((job.id, job.attempt), (id, attempt));
        assert!(job.run > last, "the fence grows");
        last = job.run;
        let finished = bench.finish(&job, Outcome::Retry(problem())).await;
        if attempt < 3 {
            let run_at = bench.now.plus_ms(100);
            assert_eq!((finished.ended.status, finished.ended.run_at), (Status::Waiting, Some(run_at)));
            assert_eq!(finished.next_due, NextDue::At(run_at));
            assert_eq!(bench.get(id).await.problem(), Some(&problem()), "why the last attempt failed is seen");
            bench.later(100);
        } else {
            assert_eq!((finished.ended.status, finished.ended.reason), (Status::Failure, Some(Reason::Failed)));
        }
    }
    let ended = bench.get(id).await;
    assert_eq!((ended.problem(), ended.reason()), (Some(&problem()), Some(Reason::Failed)));
    assert_eq!((ended.ended_at(), bench.counts().await.failure), (Some(bench.now), 1));
}

async fn every_outcome_ends_as_it_should(places: &dyn Places) {
    let bench = Bench::new(places, retries(0, 0)).await;
    let ends = [
        (Outcome::Retry(problem()), Reason::Failed),
        (Outcome::RetryAfter(problem(), 9), Reason::Failed),
        (Outcome::Reject(problem()), Reason::Rejected),
        (Outcome::Trap(problem()), Reason::Trap),
        (Outcome::Timeout(problem()), Reason::Timeout),
        (Outcome::OutOfMemory(problem()), Reason::OutOfMemory),
        (Outcome::Cancelled, Reason::Cancelled),
    ];
    for (outcome, reason) in ends {
        let id = bench.add(NewJob::new("[]")).await;
        let finished = bench.finish(&bench.claim().await, outcome).await;
        assert_eq!((finished.ended.status, finished.ended.reason), (Status::Failure, Some(reason)));
        assert_eq!(bench.get(id).await.reason(), Some(reason));
    }
}

async fn a_stale_claim_can_do_nothing(places: &dyn Places) {
    let bench = Bench::new(places, retries(5, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    let stale = bench.claim().await;
    bench.finish(&stale, Outcome::Lost).await;
    assert_refused(bench.end(id, stale.run, End::Outcome(success())).await, "finishing what waits");
    let job = bench.claim().await;
    let waiting = bench.add(NewJob::new("[]")).await;
    assert_refused(bench.end(id, stale.run, End::Outcome(success())).await, "finishing under an old fence");
    assert_refused(bench.end(id, stale.run, End::Requeue).await, "requeueing under an old fence");
    let finish = Finish {
        id,
        run: stale.run,
        end: End::Outcome(success()),
        progress: None,
        cost: None,
        with_snapshot: false,
        chance: 0.5,
    };
    assert_refused(bench.finish_step(finish, true).await, "finishing and claiming");
    assert_eq!(bench.status(waiting).await, Status::Waiting, "a refused finish claims nothing");
    assert_eq!((bench.status(id).await, bench.get(id).await.life.run), (Status::Running, job.run));
    bench.finish(&job, success()).await;
    assert_refused(bench.end(id, job.run, End::Outcome(Outcome::Lost)).await, "finishing twice");
    assert_refused(bench.end(JobId(77), Run(1), End::Requeue).await, "finishing a job that never was");
    assert_eq!(bench.get(id).await.response(), Some("7"));
}

async fn an_undone_attempt_does_not_count(places: &dyn Places) {
    let bench = Bench::new(places, retries(0, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    let first = bench.claim().await;
    let finished = works(bench.end(id, first.run, End::Requeue).await);
    assert_eq!((finished.ended.status, finished.next_due), (Status::Waiting, NextDue::Now));
    assert_eq!(bench.get(id).await.life.attempt, 0);
    let second = bench.claim().await;
    assert_eq!(second.attempt, 1);
    assert!(second.run > first.run, "but its fence has grown");
    bench.finish(&second, success()).await;
}

async fn a_claim_that_nobody_got_never_was(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(1, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.finish(&bench.claim().await, Outcome::Retry(problem())).await;
    let urgent = bench.add(NewJob::new("[]").with_priority(1)).await;
    let plain = bench.add_some(2).await;
    let (before, counts) = (bench.get(id).await, bench.counts().await);
    bench.later(5);
    let claimed = bench.claimed(4).await.jobs;
    let order: Vec<_> = claimed.iter().map(|job| job.id).collect();
    assert!(order[0] == urgent && order.contains(&id) && order.contains(&plain[1]));
    for job in &claimed {
        bench.task.release(job.id, job.run, &bench.rules, bench.now);
        bench.task.release(job.id, job.run, &bench.rules, bench.now);
    }
    assert_eq!(works(bench.task.claim(0, bench.now).await).next_due, NextDue::Now);
    let after = bench.get(id).await;
    assert_eq!((after.life.attempt, &after.life.state), (before.life.attempt, &before.life.state));
    assert!(after.life.run > before.life.run && bench.counts().await == counts);
    assert_eq!(bench.history(id).await.attempts.len(), 1, "it leaves no record");
    let again = bench.claimed(4).await.jobs;
    assert_eq!(again.iter().map(|job| job.id).collect::<Vec<_>>(), order, "each stands where it stood");
    bench.task.release(claimed[0].id, claimed[0].run, &bench.rules, bench.now);
    assert_eq!(bench.status(claimed[0].id).await, Status::Running, "an old fence takes nothing back");
    works(bench.change(urgent, Change::Cancel).await);
    bench.heard.all().await;
    bench.task.release(urgent, again[0].run, &bench.rules, bench.now);
    assert_eq!(works(bench.task.claim(1, bench.now).await).jobs, [], "one that was cancelled ends");
    let cancelled = StoreEvent::Cancelled { id: urgent, callback: false, at: bench.now };
    assert_eq!(bench.heard.event().await, cancelled, "and that is observed");
    assert_eq!(bench.heard.events().await, [], "of the others there is nothing to observe");
    assert_eq!(bench.get(urgent).await.reason(), Some(Reason::Cancelled));
}

/// Also in what is shown of it while it runs, in lists too; until then, and if the attempt never was, the job shows the last
/// one's.
async fn an_attempt_that_begins_clears_the_progress(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(9, 0)).await;
    let id = bench.add(NewJob::new("[]").with_key("k")).await;
    let none = Progress::default;
    let said = |current| Progress { current, total: u64::MAX, message: "half".to_owned() };
    let progress = async |bench: &Bench| {
        let listed = super::listing::pages(&*bench.store, ListQuery::of_tenant("default")).await;
        let kept = bench.get(id).await.progress;
        assert_eq!(kept, listed[0].progress, "a list shows the same");
        kept
    };
    for (current, end) in [(2, End::Outcome(Outcome::Retry(problem()))), (3, End::Requeue)] {
        let run = bench.claim().await.run;
        assert_eq!(progress(&bench).await, none());
        let reported = Some(said(current));
        works(
            bench
                .finish_step(
                    Finish { id, run, end, progress: reported, cost: None, with_snapshot: false, chance: 0.5 },
                    false,
                )
                .await,
        );
        assert_eq!(progress(&bench).await, said(current));
    }
    let job = bench.claim().await;
    bench.task.release(id, job.run, &bench.rules, bench.now);
    works(bench.task.claim(0, bench.now).await);
    assert_eq!(progress(&bench).await, said(3), "a claim that nobody got never was");
    bench.finish(&bench.claim().await, Outcome::Retry(problem())).await;
    assert_eq!(progress(&bench).await, none(), "that of the attempt that ended, which reported none");
    let run = bench.claim().await.run;
    let end = End::Outcome(Outcome::Retry(problem()));
    let finish = Finish { id, run, end, progress: Some(said(5)), cost: None, with_snapshot: false, chance: 0.5 };
    works(bench.finish_step(finish, false).await);
    bench = bench.die().await;
    assert_eq!(progress(&bench).await, said(5));
    bench.claim().await;
    bench = bench.die().await;
    assert_eq!(progress(&bench).await, none(), "the lost attempt had begun");
    bench.finish(&bench.claim().await, success()).await;
    assert_eq!(progress(&bench).await, none());
    assert_eq!(bench.get(id).await.key.as_deref(), Some("k"), "what else is kept stays");
}

async fn the_next_job_is_begun_in_the_same_step(places: &dyn Places) {
    let bench = Bench::new(places, retries(1, 0)).await;
    let ids = bench.add_some(3).await;
    let first = bench.claim().await;
    let finish = |id, run, outcome| Finish {
        id,
        run,
        end: End::Outcome(outcome),
        progress: None,
        cost: None,
        with_snapshot: true,
        chance: 0.5,
    };
    let next = |finish| bench.finish_step(finish, true);
    let finished = works(next(finish(first.id, first.run, success())).await);
    let second = some(finished.next, "a ready job");
    assert_eq!((second.id, finished.next_due), (ids[1], NextDue::Now));
    let finished = works(next(finish(second.id, second.run, Outcome::Retry(problem()))).await);
    let third = some(finished.next, "a ready job");
    assert_eq!((third.id, finished.ended.status, finished.next_due), (ids[2], Status::Waiting, NextDue::Now));
    let finished = works(next(finish(third.id, third.run, success())).await);
    assert_eq!(some(finished.next, "a retry that is due").id, ids[1]);
    assert_eq!(finished.next_due, NextDue::Nothing);
}

/// What an attempt may have cost.
pub(super) fn cost() -> Cost {
    Cost { digest: "5e884898da28".into(), cpu: Duration::from_nanos(1_234_567), peak_memory: 1 << 33, fresh: true }
}

async fn every_attempt_leaves_a_record(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(9, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    assert_eq!(bench.history(id).await, History::default());
    let undetailed = Problem { details: None, ..problem() };
    let ends = [
        (End::Outcome(Outcome::Retry(problem())), Ending::Retry, Some(&undetailed), 1),
        (End::Requeue, Ending::Requeued, None, 2),
        (End::Outcome(Outcome::RetryAfter(problem(), 0)), Ending::RetryAfter, Some(&undetailed), 2),
        (End::Outcome(Outcome::Timeout(problem())), Ending::Timeout, Some(&undetailed), 3),
        (End::Outcome(success()), Ending::Success, None, 4),
    ];
    let mut expected = Vec::new();
    for (end, ending, problem, number) in ends {
        let (job, started_at) = (bench.claim().await, bench.now);
        assert_eq!(bench.history(id).await.attempts, expected, "an attempt that runs has no record yet");
        bench.later(5);
        let cost = (number != 2).then(cost);
        let finish =
            Finish { id, run: job.run, end, progress: None, cost: cost.clone(), with_snapshot: false, chance: 0.5 };
        works(bench.finish_step(finish, true).await);
        let problem = problem.map(|problem| Box::new(problem.clone()));
        let (run, ended_at) = (job.run, bench.now);
        expected.push(AttemptRecord { number, run, started_at, ended_at, ending, problem, cost });
        assert_eq!(bench.history(id).await.attempts, expected);
        // With `claim_next`, the same job may have begun again.
        if let State::Running { run, .. } = bench.get(id).await.life.state {
            works(bench.end(id, run, End::Requeue).await);
            let record = some(bench.history(id).await.attempts.pop(), "a record");
            assert_eq!((record.ending, record.started_at), (Ending::Requeued, bench.now));
            expected.push(record);
        }
    }
    let other = bench.add(NewJob::new("[]")).await;
    let job = bench.claim().await;
    works(bench.change(other, Change::Cancel).await);
    works(bench.end(other, job.run, End::Outcome(Outcome::Trap(problem()))).await);
    assert_eq!(bench.get(other).await.reason(), Some(Reason::Cancelled));
    assert_eq!(bench.history(other).await.attempts[0].ending, Ending::Trap, "what the attempt itself came to");
}

async fn a_lost_attempt_is_tried_again_even_without_retries(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(0, 60_000)).await;
    let id = bench.add(NewJob::new("[]")).await;
    for attempt in 1..=2 {
        let finished = bench.finish(&bench.claim().await, Outcome::Lost).await;
        assert_eq!((finished.ended.status, finished.ended.run_at), (Status::Waiting, Some(bench.now)), "at once");
        assert_eq!(bench.history(id).await.log.len(), attempt);
        bench.later(1_000);
    }
    let finished = bench.finish(&bench.claim().await, Outcome::Lost).await;
    assert_eq!((finished.ended.status, finished.ended.reason), (Status::Failure, Some(Reason::Lost)));
    assert_eq!(some(bench.history(id).await.log.pop(), "a line"), LogLine::lost(bench.now, 3));
}

async fn the_first_and_the_latest_records_stay(places: &dyn Places) {
    let bench = Bench::new(places, retries(u32::MAX, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    for _ in 0..130 {
        bench.finish(&bench.claim().await, Outcome::Retry(problem())).await;
    }
    let runs: Vec<u64> = bench.history(id).await.attempts.iter().map(|record| record.run.0).collect();
    let latest = 130 - Attempts::LATEST as u64 + 1..=130;
    assert_eq!(runs, (1..=Attempts::FIRST as u64).chain(latest).collect::<Vec<_>>());
}
