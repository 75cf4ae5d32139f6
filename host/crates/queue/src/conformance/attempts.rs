//! Attempts: their fence, their ends, and what is kept of them.

use std::sync::Arc;

use saggar_job::{JobId, Outcome, Reason, Run, State, Status};

use super::{Bench, assert_refused, problem, retries, success, works};
use crate::{End, Finish, Left, NewJob, Progress, Rules, Store};

pub(super) async fn all(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    a_job_runs_and_succeeds(fresh).await;
    a_failed_attempt_is_tried_again_until_none_is_left(fresh).await;
    every_outcome_ends_as_it_should(fresh).await;
    a_stale_claim_can_do_nothing(fresh).await;
    an_undone_attempt_does_not_count(fresh).await;
    the_last_progress_is_kept(fresh).await;
    the_next_job_is_begun_in_the_same_step(fresh).await;
}

async fn a_job_runs_and_succeeds(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let mut bench = Bench::new(fresh, Rules::default()).await;
    let id = bench.add(NewJob::new("[1]")).await;
    bench.later(3);
    let job = bench.claim().await;
    assert_eq!((job.id, job.attempt, &*job.args), (id, 1, "[1]"));
    let running = bench.get(id).await;
    let state = State::Running { run: job.run, started_at: bench.now, cancelling: false };
    assert_eq!((&running.life.state, running.life.run), (&state, job.run));
    assert_eq!((bench.task.counts().waiting, bench.task.counts().running), (0, 1));
    bench.later(4);
    let finished = bench.finish(&job, success()).await;
    assert_eq!((finished.status, finished.run_at, finished.reason), (Status::Success, None, None));
    assert!(!finished.noticed && finished.next.is_none() && finished.left == Left::Nothing);
    let ended = bench.get(id).await;
    assert_eq!((ended.response(), ended.ended_at(), ended.life.attempt), (Some("7"), Some(bench.now), 1));
    assert_eq!((bench.task.counts().running, bench.task.counts().success), (0, 1));
}

async fn a_failed_attempt_is_tried_again_until_none_is_left(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let mut bench = Bench::new(fresh, retries(2, 100)).await;
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
            assert_eq!((finished.status, finished.run_at), (Status::Waiting, Some(run_at)));
            assert_eq!(finished.left, Left::From(run_at));
            assert_eq!(bench.get(id).await.problem(), Some(&problem()), "why the last attempt failed is seen");
            bench.later(100);
        } else {
            assert_eq!((finished.status, finished.reason), (Status::Failure, Some(Reason::Failed)));
        }
    }
    let ended = bench.get(id).await;
    assert_eq!((ended.problem(), ended.reason()), (Some(&problem()), Some(Reason::Failed)));
    assert_eq!((ended.ended_at(), bench.task.counts().failure), (Some(bench.now), 1));
}

async fn every_outcome_ends_as_it_should(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let bench = Bench::new(fresh, retries(0, 0)).await;
    let ends = [
        (Outcome::Retry(problem()), Reason::Failed),
        (Outcome::RetryAfter(problem(), 9), Reason::Failed),
        (Outcome::Reject(problem()), Reason::Rejected),
        (Outcome::Trap(problem()), Reason::Trap),
        (Outcome::Timeout(problem()), Reason::Timeout),
        (Outcome::OutOfMemory(problem()), Reason::OutOfMemory),
        (Outcome::Cancelled, Reason::Cancelled),
        (Outcome::Lost, Reason::Lost),
    ];
    for (outcome, reason) in ends {
        let id = bench.add(NewJob::new("[]")).await;
        let finished = bench.finish(&bench.claim().await, outcome).await;
        assert_eq!((finished.status, finished.reason), (Status::Failure, Some(reason)));
        assert_eq!(bench.get(id).await.reason(), Some(reason));
    }
}

async fn a_stale_claim_can_do_nothing(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let bench = Bench::new(fresh, retries(5, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    let stale = bench.claim().await;
    bench.finish(&stale, Outcome::Lost).await;
    assert_refused(bench.end(id, stale.run, End::Outcome(success())).await, "finishing what waits");
    let job = bench.claim().await;
    let waiting = bench.add(NewJob::new("[]")).await;
    assert_refused(bench.end(id, stale.run, End::Outcome(success())).await, "finishing under an old fence");
    assert_refused(bench.end(id, stale.run, End::PutBack).await, "putting back under an old fence");
    let finish = Finish { id, run: stale.run, end: End::Outcome(success()), progress: None, chance: 0.5 };
    assert_refused(bench.task.finish(finish, true, &bench.rules, bench.now).await, "finishing and claiming");
    assert_eq!(bench.status(waiting).await, Status::Waiting, "a refused finish claims nothing");
    assert_eq!((bench.status(id).await, bench.get(id).await.life.run), (Status::Running, job.run));
    bench.finish(&job, success()).await;
    assert_refused(bench.end(id, job.run, End::Outcome(Outcome::Lost)).await, "finishing twice");
    assert_refused(bench.end(JobId(77), Run(1), End::PutBack).await, "finishing a job that never was");
    assert_eq!(bench.get(id).await.response(), Some("7"));
}

async fn an_undone_attempt_does_not_count(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let bench = Bench::new(fresh, retries(0, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    let first = bench.claim().await;
    let finished = works(bench.end(id, first.run, End::PutBack).await);
    assert_eq!((finished.status, finished.left), (Status::Waiting, Left::Ready));
    assert_eq!(bench.get(id).await.life.attempt, 0);
    let second = bench.claim().await;
    assert_eq!(second.attempt, 1);
    assert!(second.run > first.run, "but its fence has grown");
    bench.finish(&second, success()).await;
}

async fn the_last_progress_is_kept(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let bench = Bench::new(fresh, retries(1, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    let job = bench.claim().await;
    let progress = Progress { current: 2, total: u64::MAX, message: "half".to_owned() };
    let end = End::Outcome(Outcome::Retry(problem()));
    let finish = Finish { id, run: job.run, end, progress: Some(progress.clone()), chance: 0.5 };
    works(bench.task.finish(finish, false, &bench.rules, bench.now).await);
    assert_eq!(bench.get(id).await.progress, progress);
    bench.finish(&bench.claim().await, success()).await;
    assert_eq!(bench.get(id).await.progress, progress, "an attempt that reports none keeps what was there");
}

async fn the_next_job_is_begun_in_the_same_step(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    let bench = Bench::new(fresh, retries(1, 0)).await;
    let ids = bench.add_some(3).await;
    let first = bench.claim().await;
    let finish = |id, run, outcome| Finish { id, run, end: End::Outcome(outcome), progress: None, chance: 0.5 };
    let next = |finish| bench.task.finish(finish, true, &bench.rules, bench.now);
    let finished = works(next(finish(first.id, first.run, success())).await);
    let second = super::some(finished.next, "a ready job");
    assert_eq!((second.id, finished.left), (ids[1], Left::Ready));
    let finished = works(next(finish(second.id, second.run, Outcome::Lost)).await);
    let third = super::some(finished.next, "a ready job");
    assert_eq!((third.id, finished.status, finished.left), (ids[2], Status::Waiting, Left::Ready));
    let finished = works(next(finish(third.id, third.run, success())).await);
    assert_eq!(super::some(finished.next, "a retry that is due").id, ids[1]);
    assert_eq!(finished.left, Left::Nothing);
}
