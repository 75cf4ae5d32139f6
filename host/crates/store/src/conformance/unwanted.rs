//! Callbacks whose handler was removed from the task's definition.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, Outcome, Status};

use super::{Fixture, Locations, problem, retries, some, success, works};
use crate::{CallbackPosition, Change, Delivery, Lane, NewJob, Rules, SettledUnwanted};

fn handlers(add_handler: bool, success_handler: bool, error_handler: bool) -> Rules {
    Rules { add_handler, success_handler, error_handler, ..retries(0, 0) }
}

async fn settle_step(fixture: &Fixture, lane: Lane, after: CallbackPosition, most: usize) -> SettledUnwanted {
    works(fixture.task.settle_unwanted(lane, after, most, &fixture.rules, fixture.now).await)
}

/// Reopens the task with these rules in another process.
async fn reopened(mut fixture: Fixture, rules: Rules) -> Fixture {
    fixture.rules = Arc::new(rules);
    fixture.die().await
}

/// Settles all unwanted callbacks in small steps; returns how many add and end callbacks there were.
async fn settle(fixture: &Fixture) -> (usize, usize) {
    let mut sum = (0, 0);
    for lane in Lane::ALL {
        let mut after = Some(CallbackPosition::START);
        while let Some(from) = after {
            let step = settle_step(fixture, lane, from, 2).await;
            sum = (sum.0 + step.added, sum.1 + step.ended);
            after = step.next;
        }
    }
    sum
}

pub(super) async fn jobs_on_hold_are_released_when_the_add_handler_is_removed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, handlers(true, true, true)).await;
    let ids = fixture.add_some(5).await;
    fixture.add(NewJob::new("[]").with_delay_ms(1000)).await;
    let fixture = reopened(fixture, handlers(false, true, true)).await;
    assert_eq!(settle(&fixture).await, (6, 0));
    let counts = fixture.counts().await;
    assert_eq!((counts.on_hold, counts.delayed, counts.callbacks), (0, 1, 0));
    let claimed = fixture.claimed(9).await.jobs;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "in the order in which they were added");
}

pub(super) async fn ended_jobs_can_be_retried_and_pruned_when_their_handler_is_removed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, handlers(false, true, true)).await;
    fixture.add_some(2).await;
    let job = fixture.claim().await;
    fixture.finish(&job, success()).await;
    let job = fixture.claim().await;
    fixture.finish(&job, Outcome::failure(FailureKind::Rejected, problem())).await;
    let mut fixture = reopened(fixture, handlers(false, false, false)).await;
    assert_eq!(settle(&fixture).await, (0, 2));
    works(fixture.change(JobId(1), Change::Retry).await);
    assert_eq!(fixture.status(JobId(1)).await, Status::Waiting, "it can be retried because no callback is pending");
    fixture.later(8 * 24 * 3_600_000);
    let pruned = works(fixture.task.prune(9, &fixture.rules, fixture.now).await);
    assert_eq!(pruned.jobs, 1, "retention is over for the other one");
}

pub(super) async fn callbacks_of_remaining_handlers_are_kept(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, handlers(false, true, true)).await;
    fixture.add_some(4).await;
    for outcome in [
        success(),
        Outcome::failure(FailureKind::Rejected, problem()),
        success(),
        Outcome::failure(FailureKind::Rejected, problem()),
    ] {
        let job = fixture.claim().await;
        fixture.finish(&job, outcome).await;
    }
    let fixture = reopened(fixture, handlers(false, true, false)).await;
    assert_eq!(settle(&fixture).await, (0, 2));
    let remaining = works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await).callbacks;
    assert_eq!(remaining.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), [1, 3]);
}

pub(super) async fn a_cancelled_job_on_hold_is_settled_in_two_steps(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, handlers(true, false, true)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    works(fixture.change(id, Change::Cancel).await);
    let fixture = reopened(fixture, handlers(false, false, false)).await;
    let first = settle_step(&fixture, Lane::Adds, CallbackPosition::START, 9).await;
    assert_eq!((first.added, first.ended, fixture.end_is_due().await), (1, 0, true));
    assert_eq!(settle(&fixture).await, (0, 1));
    assert_eq!(fixture.counts().await.callbacks, 0);
    assert_eq!(fixture.status(id).await, Status::Failure);
}

pub(super) async fn postponed_callbacks_are_settled_and_claimed_ones_are_not(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, handlers(true, true, true)).await;
    fixture.add_some(3).await;
    let taken = works(fixture.task.claim_callbacks(Lane::Adds, 2, fixture.now).await).callbacks;
    let until = fixture.now.plus_ms(3_600_000);
    works(fixture.task.settle_callback(taken[0].number, Delivery::Postponed(until), fixture.now).await);
    fixture.rules = Arc::new(handlers(false, true, true));
    assert_eq!(settle(&fixture).await, (2, 0));
    assert_eq!(fixture.claimed(9).await.jobs.len(), 2);
    assert_eq!(fixture.counts().await.on_hold, 1, "the handler is being called for this one");
    let settled = fixture.settle(taken[1].number, Delivery::Done).await;
    assert_eq!(settled.next_due, crate::NextDue::Now);
    assert!(
        fixture.counts().await.callbacks == 0 && some(fixture.claimed(9).await.jobs.pop(), "the last one").id.0 == 2
    );
}

pub(super) async fn each_step_settles_a_bounded_number(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, handlers(true, true, true)).await;
    fixture.add_some(5).await;
    let fixture = reopened(fixture, handlers(false, true, true)).await;
    let first = settle_step(&fixture, Lane::Adds, CallbackPosition::START, 2).await;
    assert_eq!((first.added, fixture.counts().await.on_hold), (2, 3));
    let next = settle_step(&fixture, Lane::Adds, some(first.next, "more"), 2).await;
    assert_eq!((next.added, fixture.counts().await.on_hold), (2, 1));
    let last = settle_step(&fixture, Lane::Adds, some(next.next, "more"), 2).await;
    assert_eq!((last.added, last.next), (1, None));
}
