//! Callbacks that no handler is called for any more, because the task's definition has lost it.

use std::sync::Arc;

use saggar_job::{JobId, Outcome, Status};

use super::{Bench, Places, problem, retries, some, success, works};
use crate::{CallbackPosition, Change, Delivery, Lane, NewJob, Rules, SettledUnwanted};

pub(super) async fn all(places: &dyn Places) {
    jobs_on_hold_are_released_when_the_add_handler_is_gone(places).await;
    ended_jobs_are_let_go_when_their_handler_is_gone(places).await;
    what_a_handler_is_there_for_stays(places).await;
    a_cancelled_job_on_hold_is_let_go_in_two_looks(places).await;
    what_was_put_off_is_settled_and_what_is_taken_is_not(places).await;
    each_step_looks_at_a_few(places).await;
}

fn handlers(add_handler: bool, success_handler: bool, error_handler: bool) -> Rules {
    Rules { add_handler, success_handler, error_handler, ..retries(0, 0) }
}

async fn look(bench: &Bench, lane: Lane, after: CallbackPosition, most: usize) -> SettledUnwanted {
    works(bench.task.settle_unwanted(lane, after, most, &bench.rules, bench.now).await)
}

/// The task with these rules in another process.
async fn reopened(mut bench: Bench, rules: Rules) -> Bench {
    bench.rules = Arc::new(rules);
    bench.die().await
}

/// Settles all in small steps; how many were of addings and of ends.
async fn settle(bench: &Bench) -> (usize, usize) {
    let mut sum = (0, 0);
    for lane in Lane::ALL {
        let mut after = Some(CallbackPosition::START);
        while let Some(from) = after {
            let step = look(bench, lane, from, 2).await;
            sum = (sum.0 + step.added, sum.1 + step.ended);
            after = step.next;
        }
    }
    sum
}

async fn jobs_on_hold_are_released_when_the_add_handler_is_gone(places: &dyn Places) {
    let bench = Bench::new(places, handlers(true, true, true)).await;
    let ids = bench.add_some(5).await;
    bench.add(NewJob::new("[]").with_delay_ms(1000)).await;
    let bench = reopened(bench, handlers(false, true, true)).await;
    assert_eq!(settle(&bench).await, (6, 0));
    let counts = bench.counts().await;
    assert_eq!((counts.held, counts.delayed, counts.callbacks), (0, 1, 0));
    let claimed = bench.claimed(9).await.jobs;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "in the order of their adding");
}

async fn ended_jobs_are_let_go_when_their_handler_is_gone(places: &dyn Places) {
    let bench = Bench::new(places, handlers(false, true, true)).await;
    bench.add_some(2).await;
    let job = bench.claim().await;
    bench.finish(&job, success()).await;
    let job = bench.claim().await;
    bench.finish(&job, Outcome::Reject(problem())).await;
    let mut bench = reopened(bench, handlers(false, false, false)).await;
    assert_eq!(settle(&bench).await, (0, 2));
    works(bench.change(JobId(1), Change::Retry).await);
    assert_eq!(bench.status(JobId(1)).await, Status::Waiting, "it is retried as no callback is pending");
    bench.later(8 * 24 * 3_600_000);
    let pruned = works(bench.task.prune(9, &bench.rules, bench.now).await);
    assert_eq!(pruned.jobs, 1, "retention is over for the other one");
}

async fn what_a_handler_is_there_for_stays(places: &dyn Places) {
    let bench = Bench::new(places, handlers(false, true, true)).await;
    bench.add_some(4).await;
    for outcome in [success(), Outcome::Reject(problem()), success(), Outcome::Reject(problem())] {
        let job = bench.claim().await;
        bench.finish(&job, outcome).await;
    }
    let bench = reopened(bench, handlers(false, true, false)).await;
    assert_eq!(settle(&bench).await, (0, 2));
    let next_due = works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await).callbacks;
    assert_eq!(next_due.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), [1, 3]);
}

async fn a_cancelled_job_on_hold_is_let_go_in_two_looks(places: &dyn Places) {
    let bench = Bench::new(places, handlers(true, false, true)).await;
    let id = bench.add(NewJob::new("[]")).await;
    works(bench.change(id, Change::Cancel).await);
    let bench = reopened(bench, handlers(false, false, false)).await;
    let first = look(&bench, Lane::Adds, CallbackPosition::START, 9).await;
    assert_eq!((first.added, first.ended, bench.end_is_due().await), (1, 0, true));
    assert_eq!(settle(&bench).await, (0, 1));
    assert_eq!(bench.counts().await.callbacks, 0);
    assert_eq!(bench.status(id).await, Status::Failure);
}

async fn what_was_put_off_is_settled_and_what_is_taken_is_not(places: &dyn Places) {
    let mut bench = Bench::new(places, handlers(true, true, true)).await;
    bench.add_some(3).await;
    let taken = works(bench.task.claim_callbacks(Lane::Adds, 2, bench.now).await).callbacks;
    let until = bench.now.plus_ms(3_600_000);
    works(bench.task.settle_callback(taken[0].number, Delivery::Postponed(until), bench.now).await);
    bench.rules = Arc::new(handlers(false, true, true));
    assert_eq!(settle(&bench).await, (2, 0));
    assert_eq!(bench.claimed(9).await.jobs.len(), 2);
    assert_eq!(bench.counts().await.held, 1, "the handler is being called for this one");
    let told = bench.settle(taken[1].number, Delivery::Done).await;
    assert_eq!(told.line, crate::NextDue::Now);
    assert!(bench.counts().await.callbacks == 0 && some(bench.claimed(9).await.jobs.pop(), "the last one").id.0 == 2);
}

async fn each_step_looks_at_a_few(places: &dyn Places) {
    let bench = Bench::new(places, handlers(true, true, true)).await;
    bench.add_some(5).await;
    let bench = reopened(bench, handlers(false, true, true)).await;
    let first = look(&bench, Lane::Adds, CallbackPosition::START, 2).await;
    assert_eq!((first.added, bench.counts().await.held), (2, 3));
    let next = look(&bench, Lane::Adds, some(first.next, "more"), 2).await;
    assert_eq!((next.added, bench.counts().await.held), (2, 1));
    let last = look(&bench, Lane::Adds, some(next.next, "more"), 2).await;
    assert_eq!((last.added, last.next), (1, None));
}
