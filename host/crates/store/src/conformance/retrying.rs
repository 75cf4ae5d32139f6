//! Retrying ended jobs, and deleting jobs.

use saggar_job::{JobId, Outcome, Run, Status};

use super::heard::Changed;
use super::{Bench, Places, problem, retries, some, success, works};
use crate::{Change, ChangeError, Delivery, Lane, LogLine, NewJob, NextDue, Progress, Retention, Rules};

pub(super) async fn all(places: &dyn Places) {
    an_ended_job_runs_again(places).await;
    only_an_ended_job_of_which_all_is_told_is_retried(places).await;
    a_retried_job_stays_unique(places).await;
    retention_counts_from_the_last_end(places).await;
    a_deleted_job_leaves_nothing(places).await;
    a_running_job_is_not_deleted(places).await;
    the_notices_of_a_deleted_job_go_with_it(places).await;
}

async fn an_ended_job_runs_again(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules { size: 1, ..retries(1, 0) }).await;
    let id = bench.add(NewJob::new("[1]").with_priority(2)).await;
    for _ in 0..2 {
        bench.finish(&bench.claim().await, Outcome::Retry(problem())).await;
    }
    assert_eq!(bench.status(id).await, Status::Failure);
    bench.add(NewJob::new("[]").with_delay_ms(50)).await;
    bench.later(7);
    assert_eq!(works(bench.change(id, Change::Retry).await), Changed::Retried { next_due: NextDue::Now });
    let job = bench.get(id).await;
    assert_eq!((job.status(), job.run_at(), job.life.attempt), (Status::Waiting, Some(bench.now), 0));
    assert_eq!((job.problem(), job.life.run), (None, Run(2)));
    let counts = bench.counts().await;
    assert_eq!((counts.waiting, counts.failure, counts.added), (2, 0, 2), "though the queue is full");
    assert_eq!(bench.history(id).await.log, [LogLine::retried(bench.now)]);
    for attempt in 1..=2 {
        let job = bench.claim().await;
        assert_eq!((job.id, job.attempt, job.run, &*job.args), (id, attempt, Run(2 + u64::from(attempt)), "[1]"));
        bench.finish(&job, Outcome::Retry(problem())).await;
    }
    works(bench.change(id, Change::Retry).await);
    bench.finish(&bench.claim().await, success()).await;
    works(bench.change(id, Change::Retry).await);
    assert_eq!((bench.status(id).await, bench.counts().await.success), (Status::Waiting, 0), "a success as well");
    let attempts = bench.history(id).await.attempts;
    let numbers: Vec<_> = attempts.iter().map(|record| (record.run.0, record.number)).collect();
    assert_eq!(numbers, [(1, 1), (2, 2), (3, 1), (4, 2), (5, 1)], "records stay");
}

async fn only_an_ended_job_of_which_all_is_told_is_retried(places: &dyn Places) {
    let bench = Bench::new(places, Rules { error_handler: true, add_handler: true, ..retries(0, 0) }).await;
    assert!(matches!(bench.change(JobId(5), Change::Retry).await, Err(ChangeError::UnknownJob { id: JobId(5) })));
    let id = bench.add(NewJob::new("[]")).await;
    assert!(matches!(bench.change(id, Change::Retry).await, Err(ChangeError::NotEnded { .. })));
    let told = async |lane| {
        let callback = some(works(bench.task.claim_callbacks(lane, 1, bench.now).await).callbacks.pop(), "a callback");
        assert!(bench.change(id, Change::Retry).await.is_err());
        works(bench.task.settle_callback(callback.number, Delivery::Done, bench.now).await);
    };
    told(Lane::Adds).await;
    let job = bench.claim().await;
    assert!(matches!(bench.change(id, Change::Retry).await, Err(ChangeError::NotEnded { .. })));
    bench.finish(&job, Outcome::Trap(problem())).await;
    assert!(matches!(bench.change(id, Change::Retry).await, Err(ChangeError::CallbackPending { .. })));
    assert_eq!(bench.status(id).await, Status::Failure, "a refused change changes nothing");
    assert!(bench.history(id).await.log.is_empty());
    told(Lane::Ends).await;
    assert_eq!(works(bench.change(id, Change::Retry).await), Changed::Retried { next_due: NextDue::Now });
    assert_eq!(bench.claim().await.attempt, 1, "the add handler was told of it before");
}

async fn a_retried_job_stays_unique(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let unique = || NewJob::new("[]").with_unique("f").with_key("k");
    let id = bench.add(unique()).await;
    bench.finish(&bench.claim().await, success()).await;
    let other = bench.add(NewJob::new("[]").with_unique("f")).await;
    let refused = bench.change(id, Change::Retry).await;
    assert!(matches!(refused, Err(ChangeError::NotUnique { other: of, .. }) if of == other));
    bench.finish(&bench.claim().await, success()).await;
    works(bench.change(id, Change::Retry).await);
    assert_eq!(bench.add(NewJob::new("[]").with_unique("f")).await, id);
    assert!(matches!(bench.change(other, Change::Retry).await, Err(ChangeError::NotUnique { .. })));
    works(bench.change(other, Change::Delete).await);
    assert_eq!(bench.add(NewJob::new("[]").with_unique("f")).await, id, "deleting one does not free the other's");
}

async fn retention_counts_from_the_last_end(places: &dyn Places) {
    let retention = Retention { success_ms: 100, failure_ms: 100 };
    let mut bench = Bench::new(places, Rules { retention, ..Rules::default() }).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.finish(&bench.claim().await, success()).await;
    works(bench.change(id, Change::Retry).await);
    bench.later(100);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0, "it waits");
    bench.finish(&bench.claim().await, success()).await;
    bench.later(99);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0);
    bench.later(1);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1);
    assert!(works(bench.task.get(id).await).is_none());
}

async fn a_deleted_job_leaves_nothing(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(1, 0)).await;
    let ended = bench.add(NewJob::new("[]")).await;
    let job = bench.claim().await;
    let progress = Some(Progress { current: 1, total: 2, message: "half".to_owned() });
    let end = crate::End::Outcome(success());
    let finish =
        crate::Finish { id: ended, run: job.run, end, progress, cost: None, with_snapshot: false, chance: 0.5 };
    works(bench.finish_step(finish, false).await);
    works(bench.task.append_log(ended, vec![LogLine::retried(bench.now)]).await);
    let (ready, delayed) = (bench.add(NewJob::new("[]")).await, bench.add(NewJob::new("[]").with_delay_ms(9)).await);
    for id in [ended, ready, delayed] {
        assert_eq!(works(bench.change(id, Change::Delete).await), Changed::Deleted);
        assert!(works(bench.task.get(id).await).is_none() && works(bench.task.history(id).await).is_none());
        assert!(matches!(bench.change(id, Change::Delete).await, Err(ChangeError::UnknownJob { .. })));
    }
    let counts = bench.counts().await;
    assert_eq!((counts.waiting, counts.delayed, counts.success, counts.added), (0, 0, 0, 3));
    assert!(counts.is_idle());
    bench.later(50);
    assert!(bench.claimed(9).await.jobs.is_empty());
    assert_eq!(bench.add(NewJob::new("[2]").with_id(ended)).await, ended, "its id is free");
    let again = bench.get(ended).await;
    assert_eq!((&*again.args, again.progress, again.life.run), ("[2]", Progress::default(), Run(0)));
    assert_eq!(bench.history(ended).await, crate::History::default());
    assert_eq!(bench.add(NewJob::new("[]")).await, JobId(4), "but the counter does not go back");
    bench.later(u64::from(u32::MAX));
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0, "nothing is next_due to prune");
}

async fn a_running_job_is_not_deleted(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let job = bench.claim().await;
    let refused = bench.change(id, Change::Delete).await;
    assert_eq!(refused.err().map(|error| error.code()), Some("running"));
    bench.finish(&job, success()).await;
    works(bench.change(id, Change::Delete).await);
}

async fn the_notices_of_a_deleted_job_go_with_it(places: &dyn Places) {
    let rules = Rules { add_handler: true, error_handler: true, ..retries(0, 0) };
    let bench = Bench::new(places, rules).await;
    let ids = bench.add_some(3).await;
    let taken = some(works(bench.task.claim_callbacks(Lane::Adds, 1, bench.now).await).callbacks.pop(), "a callback");
    works(bench.change(ids[1], Change::Cancel).await);
    assert_eq!((bench.counts().await.callbacks, bench.counts().await.held), (4, 2));
    for id in &ids[..2] {
        works(bench.change(*id, Change::Delete).await);
    }
    assert_eq!((bench.counts().await.callbacks, bench.counts().await.held), (1, 1));
    let told = bench.settle(taken.number, Delivery::Done).await;
    assert_eq!((told.line, told.end_is_due), (NextDue::Nothing, false));
    works(bench.task.settle_callback(taken.number, Delivery::Postponed(bench.now), bench.now).await);
    let callbacks = works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await).callbacks;
    assert_eq!(callbacks.iter().map(|callback| callback.id).collect::<Vec<_>>(), [ids[2]]);
    works(bench.task.settle_callback(callbacks[0].number, Delivery::Done, bench.now).await);
    assert_eq!(bench.claim().await.id, ids[2]);
}
