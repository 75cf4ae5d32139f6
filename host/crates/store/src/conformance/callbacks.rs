//! Callbacks: written in the step that causes them, claimed in order, pending until they are settled.

use saggar_job::{FailureKind, JobId, Outcome, Status};

use super::observed::{Changed, SettleOutcome};
use super::{Fixture, Locations, problem, retries, some, success, works};
use crate::{
    CallbackBackoff, CallbackKind, CallbackNumber, Change, ChangeError, ClaimedCallback, Delivery, End, JobCallback,
    Lane, NewJob, NextDue, Retention, Rules,
};

fn with_handlers() -> Rules {
    Rules { add_handler: true, success_handler: true, error_handler: true, ..retries(1, 0) }
}

async fn add_callback(fixture: &Fixture) -> ClaimedCallback {
    callback_in(fixture, Lane::Adds).await
}

async fn callback_in(fixture: &Fixture, lane: Lane) -> ClaimedCallback {
    some(works(fixture.task.claim_callbacks(lane, 1, fixture.now).await).callbacks.pop(), "a callback")
}

async fn finish(fixture: &Fixture, callback: &ClaimedCallback) -> SettleOutcome {
    fixture.settle(callback.number, Delivery::Done).await
}

pub(super) async fn a_job_on_hold_is_released_when_its_add_callback_is_settled(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, with_handlers()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let delayed = fixture.add(NewJob::new("[]").with_delay_ms(30)).await;
    let counts = fixture.counts().await;
    assert_eq!((counts.waiting, counts.on_hold, counts.delayed, counts.callbacks), (2, 2, 0, 2));
    let claimed = fixture.claimed(9).await;
    assert!(claimed.jobs.is_empty() && claimed.next_due == NextDue::Nothing, "jobs on hold are not in the ready queue");
    let added = add_callback(&fixture).await;
    assert_eq!((added.id, &added.kind, added.attempt, added.tries), (id, &CallbackKind::Added, 0, 0));
    assert!(fixture.claimed(9).await.jobs.is_empty(), "the job is on hold until the callback is settled");
    assert_eq!(finish(&fixture, &added).await, SettleOutcome { next_due: NextDue::Now, end_is_due: false });
    assert_eq!(fixture.claim().await.id, id);
    let settled = finish(&fixture, &add_callback(&fixture).await).await;
    assert_eq!(settled.next_due, NextDue::At(fixture.now.plus_ms(30)), "a released job still waits for its time");
    fixture.later(30);
    assert_eq!(fixture.claim().await.id, delayed);
    assert_eq!((fixture.counts().await.on_hold, fixture.counts().await.callbacks), (0, 0));
}

pub(super) async fn an_end_leaves_a_callback_only_if_the_task_has_the_handler(locations: &dyn Locations) {
    for (success_handler, error_handler) in [(true, true), (true, false), (false, true), (false, false)] {
        let rules = Rules { add_handler: false, success_handler, error_handler, ..with_handlers() };
        let fixture = Fixture::new(locations, rules).await;
        fixture.add_some(3).await;
        let finished = fixture.finish(&fixture.claim().await, success()).await;
        assert_eq!(finished.ended.callback, success_handler);
        let failed = fixture.claim().await;
        assert!(
            !fixture.finish(&failed, Outcome::failure(FailureKind::Failed, problem())).await.ended.callback,
            "a retry is not an end"
        );
        assert_eq!(
            works(fixture.change(JobId(3), Change::Cancel).await),
            Changed::Cancelled { callback: error_handler }
        );
        let failed = fixture.claim().await;
        assert_eq!(
            fixture.finish(&failed, Outcome::failure(FailureKind::Trap, problem())).await.ended.callback,
            error_handler
        );
        let claimed = works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await);
        let delivered =
            claimed.callbacks.iter().map(|callback| (callback.id.0, callback.attempt, callback.kind.clone()));
        let mut expected = Vec::new();
        if success_handler {
            expected.push((1, 1, CallbackKind::Succeeded { response: "7".into() }));
        }
        if error_handler {
            let cancelled = some(fixture.get(JobId(3)).await.problem().cloned(), "a problem");
            expected.push((3, 0, CallbackKind::Failed { reason: FailureKind::Cancelled, problem: cancelled }));
            expected.push((2, 2, CallbackKind::Failed { reason: FailureKind::Trap, problem: problem() }));
        }
        assert_eq!(delivered.collect::<Vec<_>>(), expected);
    }
}

pub(super) async fn callbacks_are_claimed_in_order_and_once(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, with_handlers()).await;
    fixture.add_some(4).await;
    let claimed = works(fixture.task.claim_callbacks(Lane::Adds, 2, fixture.now).await);
    assert_eq!(claimed.callbacks.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(claimed.next_due, NextDue::Now);
    let claimed = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await);
    assert_eq!(claimed.callbacks.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(claimed.next_due, NextDue::Nothing, "claimed callbacks are not due");
    assert_eq!(fixture.counts().await.callbacks, 4, "but they are pending until they are settled");
}

pub(super) async fn a_callback_can_be_postponed(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, with_handlers()).await;
    fixture.add_some(2).await;
    let first = add_callback(&fixture).await;
    let until = fixture.now.plus_ms(50);
    works(fixture.task.settle_callback(first.number, Delivery::Postponed(until), fixture.now).await);
    assert_eq!(finish(&fixture, &add_callback(&fixture).await).await.next_due, NextDue::Now);
    let claimed = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await);
    assert!(claimed.callbacks.is_empty() && claimed.next_due == NextDue::At(until));
    fixture.later(50);
    let again = add_callback(&fixture).await;
    assert_eq!((again.number, again.id, again.tries), (first.number, first.id, 1));
    finish(&fixture, &again).await;
    works(fixture.task.settle_callback(first.number, Delivery::Postponed(fixture.now), fixture.now).await);
    assert!(
        works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await).callbacks.is_empty(),
        "a settled callback cannot be postponed"
    );
}

pub(super) async fn a_job_cancelled_on_hold_has_its_callbacks_in_order(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, with_handlers()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let added = add_callback(&fixture).await;
    let cancelled = works(fixture.change(id, Change::Cancel).await);
    assert_eq!(cancelled, Changed::Cancelled { callback: false });
    assert_eq!((fixture.counts().await.on_hold, fixture.counts().await.callbacks), (0, 2));
    let claimed = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await);
    assert!(claimed.callbacks.is_empty(), "the end callback follows the add callback");
    let claimed = works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await);
    assert!(claimed.callbacks.is_empty(), "in both lanes");
    assert_eq!(finish(&fixture, &added).await, SettleOutcome { next_due: NextDue::Nothing, end_is_due: true });
    assert_eq!(fixture.status(id).await, Status::Failure, "a job that has ended is not released");
    let end = callback_in(&fixture, Lane::Ends).await;
    assert!(matches!(end.kind, CallbackKind::Failed { reason: FailureKind::Cancelled, .. }));
    finish(&fixture, &end).await;
    assert!(fixture.counts().await.is_idle());
    let job = fixture.add(NewJob::new("[]")).await;
    finish(&fixture, &add_callback(&fixture).await).await;
    let claim = fixture.claim().await;
    works(fixture.end(job, claim.run, End::Requeue).await);
    assert_eq!(fixture.claim().await.id, job, "a requeued job is not on hold again");
}

pub(super) async fn settling_an_unknown_callback_does_nothing(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, with_handlers()).await;
    let settled = fixture.settle(CallbackNumber(7), Delivery::Done).await;
    assert_eq!(settled, SettleOutcome { next_due: NextDue::Nothing, end_is_due: false });
    works(fixture.task.settle_callback(CallbackNumber(7), Delivery::Postponed(fixture.now), fixture.now).await);
    assert_eq!(fixture.counts().await.callbacks, 0);
}

pub(super) async fn add_callbacks_do_not_wait_behind_end_callbacks(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { add_handler: false, ..with_handlers() }).await;
    fixture.add_some(40).await;
    for _ in 0..40 {
        fixture.finish(&fixture.claim().await, success()).await;
    }
    let rules = Rules { add_handler: true, ..with_handlers() };
    let fixture = Fixture { rules: rules.into(), ..fixture };
    let id = fixture.add(NewJob::new("[]")).await;
    assert_eq!(add_callback(&fixture).await.id, id, "forty end callbacks were pending before");
    let ends = works(fixture.task.claim_callbacks(Lane::Ends, 99, fixture.now).await);
    assert_eq!((ends.callbacks.len(), ends.next_due), (40, NextDue::Nothing));
    assert_eq!(ends.callbacks.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    assert!(works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await).callbacks.is_empty());
}

/// Settles a callback as failed, to be tried again in `in_ms` milliseconds; `None` gives it up.
async fn fail(fixture: &Fixture, callback: &ClaimedCallback, in_ms: Option<u64>) -> SettleOutcome {
    let next_try_at = in_ms.map(|ms| fixture.now.plus_ms(ms));
    fixture.settle(callback.number, Delivery::Failed { problem: problem(), next_try_at }).await
}

/// Uses up the quick tries of the only job's end callback.
pub(super) async fn defer(fixture: &mut Fixture) {
    for _ in 0..CallbackBackoff::QUICK_TRIES {
        let end = callback_in(fixture, Lane::Ends).await;
        fail(fixture, &end, Some(10)).await;
        fixture.later(10);
    }
}

fn callback(lane: Lane, tries: u32, given_up: bool) -> JobCallback {
    let problem = Some(saggar_job::Problem { details: None, ..problem() });
    JobCallback { lane, tries, next_try_at: None, given_up, problem }
}

pub(super) async fn a_job_is_released_when_its_add_callback_is_given_up(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, with_handlers()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let added = add_callback(&fixture).await;
    assert_eq!(fail(&fixture, &added, Some(5)).await.next_due, NextDue::Nothing, "on hold");
    let pending = JobCallback { next_try_at: Some(fixture.now.plus_ms(5)), ..callback(Lane::Adds, 1, false) };
    assert_eq!(fixture.get(id).await.callbacks, [pending]);
    fixture.later(5);
    assert_eq!(
        fail(&fixture, &add_callback(&fixture).await, None).await,
        SettleOutcome { next_due: NextDue::Now, end_is_due: false }
    );
    let counts = fixture.counts().await;
    assert_eq!((counts.on_hold, counts.callbacks, counts.given_up), (0, 0, 1));
    assert_eq!(fixture.get(id).await.callbacks, [callback(Lane::Adds, 2, true)]);
    let running = fixture.claim().await;
    assert!(matches!(fixture.change(id, Change::Redeliver).await, Err(ChangeError::NotEnded { .. })));
    fixture.finish(&running, success()).await;
    let expected = [callback(Lane::Adds, 2, true), JobCallback::fresh(Lane::Ends)];
    assert_eq!(fixture.get(id).await.callbacks, expected);
}

pub(super) async fn a_given_up_callback_is_shown_until_it_is_redelivered(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { add_handler: false, ..with_handlers() }).await;
    let id = fixture.add(NewJob::new("[]")).await;
    assert!(matches!(fixture.change(JobId(9), Change::Redeliver).await, Err(ChangeError::UnknownJob { .. })));
    assert!(matches!(fixture.change(id, Change::Redeliver).await, Err(ChangeError::NotEnded { .. })));
    fixture.finish(&fixture.claim().await, success()).await;
    assert!(
        matches!(fixture.change(id, Change::Redeliver).await, Err(ChangeError::CallbackPending { .. })),
        "its callback is pending"
    );
    fail(&fixture, &callback_in(&fixture, Lane::Ends).await, None).await;
    let counts = fixture.counts().await;
    assert_eq!((counts.callbacks, counts.given_up, counts.is_idle()), (0, 1, true));
    assert_eq!(fixture.get(id).await.callbacks, [callback(Lane::Ends, 1, true)]);
    let without = Rules { success_handler: false, ..with_handlers() };
    let refused = fixture.task.change(id, Change::Redeliver, &without.into(), fixture.now).await;
    assert!(matches!(refused, Err(ChangeError::NotGivenUp { .. })), "the task no longer has the handler");
    assert_eq!(works(fixture.change(id, Change::Redeliver).await), Changed::Redelivered);
    assert_eq!((fixture.counts().await.callbacks, fixture.counts().await.given_up), (1, 0));
    let again = callback_in(&fixture, Lane::Ends).await;
    assert_eq!((again.id, again.tries, &again.kind), (id, 0, &CallbackKind::Succeeded { response: "7".into() }));
    finish(&fixture, &again).await;
    assert_eq!(fixture.get(id).await.callbacks, []);
    assert!(matches!(fixture.change(id, Change::Redeliver).await, Err(ChangeError::NotGivenUp { .. })));
    works(fixture.change(id, Change::Retry).await);
    fixture.finish(&fixture.claim().await, success()).await;
    fail(&fixture, &callback_in(&fixture, Lane::Ends).await, None).await;
    works(fixture.change(id, Change::Retry).await);
    assert_eq!(
        (fixture.counts().await.given_up, fixture.get(id).await.callbacks),
        (0, vec![]),
        "a retry removes given-up callbacks"
    );
    fixture.finish(&fixture.claim().await, success()).await;
    fail(&fixture, &callback_in(&fixture, Lane::Ends).await, None).await;
    works(fixture.change(id, Change::Delete).await);
    assert_eq!(fixture.counts().await.given_up, 0);
}

pub(super) async fn a_deferred_callback_blocks_neither_retry_nor_retention(locations: &dyn Locations) {
    let retention = Retention { success_ms: 1_000, failure_ms: 1_000 };
    let mut fixture = Fixture::new(locations, Rules { add_handler: false, retention, ..with_handlers() }).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.finish(&fixture.claim().await, success()).await;
    defer(&mut fixture).await;
    let counts = fixture.counts().await;
    assert_eq!((counts.callbacks, counts.deferred, counts.is_idle()), (1, 1, true));
    works(fixture.change(id, Change::Redeliver).await);
    assert_eq!(
        (fixture.counts().await.callbacks, fixture.counts().await.deferred),
        (1, 0),
        "a deferred callback is tried again at once"
    );
    assert!(matches!(fixture.change(id, Change::Retry).await, Err(ChangeError::CallbackPending { .. })));
    defer(&mut fixture).await;
    works(fixture.change(id, Change::Retry).await);
    let counts = fixture.counts().await;
    assert_eq!((counts.callbacks, counts.deferred, fixture.get(id).await.callbacks), (0, 0, vec![]));
    assert!(works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await).callbacks.is_empty());
    fixture.finish(&fixture.claim().await, success()).await;
    defer(&mut fixture).await;
    fixture.later(1_000);
    let pruned = works(fixture.task.prune(9, &fixture.rules, fixture.now).await);
    assert_eq!((pruned.jobs, pruned.undelivered), (1, 1), "retention does not wait for a deferred callback");
    assert!(works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await).callbacks.is_empty());
    assert!(fixture.counts().await.is_idle() && fixture.counts().await.deferred == 0);
}

pub(super) async fn a_callback_that_is_being_delivered_is_not_removed(locations: &dyn Locations) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let mut fixture = Fixture::new(locations, Rules { add_handler: false, retention, ..with_handlers() }).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.finish(&fixture.claim().await, success()).await;
    defer(&mut fixture).await;
    let claimed = callback_in(&fixture, Lane::Ends).await;
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0);
    for change in [Change::Retry, Change::Redeliver] {
        assert!(matches!(fixture.change(id, change).await, Err(ChangeError::CallbackPending { .. })));
    }
    fail(&fixture, &claimed, Some(0)).await;
    assert_eq!(
        works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs,
        1,
        "its retention has not been lost"
    );
}

pub(super) async fn redelivery_keeps_the_order_of_a_jobs_callbacks(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, with_handlers()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fail(&fixture, &add_callback(&fixture).await, None).await;
    fixture.finish(&fixture.claim().await, success()).await;
    fail(&fixture, &callback_in(&fixture, Lane::Ends).await, None).await;
    let expected = [callback(Lane::Adds, 1, true), callback(Lane::Ends, 1, true)];
    assert_eq!(fixture.get(id).await.callbacks, expected);
    works(fixture.change(id, Change::Redeliver).await);
    assert_eq!((fixture.counts().await.callbacks, fixture.counts().await.given_up), (2, 0));
    assert_eq!(fixture.get(id).await.callbacks, Lane::ALL.map(JobCallback::fresh));
    assert!(
        works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await).callbacks.is_empty(),
        "the add callback comes first"
    );
    assert_eq!(
        finish(&fixture, &add_callback(&fixture).await).await,
        SettleOutcome { next_due: NextDue::Nothing, end_is_due: true }
    );
    finish(&fixture, &callback_in(&fixture, Lane::Ends).await).await;
    assert!(fixture.counts().await.is_idle() && fixture.get(id).await.callbacks.is_empty());
}

pub(super) async fn given_up_and_deferred_callbacks_survive_a_restart(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { add_handler: false, ..with_handlers() }).await;
    let ids = fixture.add_some(2).await;
    fixture.finish(&fixture.claim().await, success()).await;
    fail(&fixture, &callback_in(&fixture, Lane::Ends).await, None).await;
    fixture.finish(&fixture.claim().await, success()).await;
    defer(&mut fixture).await;
    fixture = fixture.die().await;
    let counts = fixture.counts().await;
    assert_eq!((counts.callbacks, counts.deferred, counts.given_up), (1, 1, 1));
    assert_eq!(fixture.get(ids[0]).await.callbacks, [callback(Lane::Ends, 1, true)]);
    works(fixture.change(ids[0], Change::Redeliver).await);
    let claimed = works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await).callbacks;
    let tries: Vec<_> = claimed.iter().map(|callback| (callback.id, callback.tries)).collect();
    assert_eq!(tries, [(ids[0], 0), (ids[1], CallbackBackoff::QUICK_TRIES)], "a redelivered callback comes first");
}
