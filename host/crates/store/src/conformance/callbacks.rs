//! Callbacks: written in the step that they tell of, taken in order, there until they are finished.

use saggar_job::{JobId, Outcome, Reason, Status};

use super::heard::{Changed, Told};
use super::{Bench, Places, problem, retries, some, success, works};
use crate::{
    CallbackBackoff, CallbackKind, CallbackNumber, Change, ChangeError, ClaimedCallback, Delivery, End, JobCallback,
    Lane, NewJob, NextDue, Retention, Rules,
};

pub(super) async fn all(places: &dyn Places) {
    a_held_job_is_released_by_its_notice(places).await;
    ends_leave_the_notices_that_are_wanted(places).await;
    notices_come_in_order_and_once(places).await;
    a_notice_can_be_put_off(places).await;
    a_job_cancelled_while_held_is_told_in_order(places).await;
    unknown_notices_do_nothing(places).await;
    additions_do_not_wait_behind_ends(places).await;
    an_add_handler_that_is_given_up_releases_its_job(places).await;
    what_was_given_up_is_shown_until_it_is_redelivered(places).await;
    a_deferred_callback_holds_nothing_up(places).await;
    a_callback_that_is_being_delivered_is_not_removed(places).await;
    redelivery_keeps_the_order_of_a_jobs_callbacks(places).await;
    given_up_and_deferred_callbacks_survive(places).await;
}

fn with_handlers() -> Rules {
    Rules { add_handler: true, success_handler: true, error_handler: true, ..retries(1, 0) }
}

async fn next_callback(bench: &Bench) -> ClaimedCallback {
    notice_of(bench, Lane::Adds).await
}

async fn notice_of(bench: &Bench, lane: Lane) -> ClaimedCallback {
    some(works(bench.task.claim_callbacks(lane, 1, bench.now).await).callbacks.pop(), "a callback")
}

async fn finish(bench: &Bench, callback: &ClaimedCallback) -> Told {
    bench.settle(callback.number, Delivery::Done).await
}

async fn a_held_job_is_released_by_its_notice(places: &dyn Places) {
    let mut bench = Bench::new(places, with_handlers()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let delayed = bench.add(NewJob::new("[]").with_delay_ms(30)).await;
    let counts = bench.counts().await;
    assert_eq!((counts.waiting, counts.held, counts.delayed, counts.callbacks), (2, 2, 0, 2));
    let claimed = bench.claimed(9).await;
    assert!(claimed.jobs.is_empty() && claimed.next_due == NextDue::Nothing, "held jobs are in no line");
    let added = next_callback(&bench).await;
    assert_eq!((added.id, &added.kind, added.attempt, added.tries), (id, &CallbackKind::Added, 0, 0));
    assert!(bench.claimed(9).await.jobs.is_empty(), "until the handler was told");
    assert_eq!(finish(&bench, &added).await, Told { line: NextDue::Now, end_is_due: false });
    assert_eq!(bench.claim().await.id, id);
    let told = finish(&bench, &next_callback(&bench).await).await;
    assert_eq!(told.line, NextDue::At(bench.now.plus_ms(30)), "a released job still waits for its time");
    bench.later(30);
    assert_eq!(bench.claim().await.id, delayed);
    assert_eq!((bench.counts().await.held, bench.counts().await.callbacks), (0, 0));
}

async fn ends_leave_the_notices_that_are_wanted(places: &dyn Places) {
    for (success_handler, error_handler) in [(true, true), (true, false), (false, true), (false, false)] {
        let rules = Rules { add_handler: false, success_handler, error_handler, ..with_handlers() };
        let bench = Bench::new(places, rules).await;
        bench.add_some(3).await;
        let finished = bench.finish(&bench.claim().await, success()).await;
        assert_eq!(finished.ended.callback, success_handler);
        let failed = bench.claim().await;
        assert!(!bench.finish(&failed, Outcome::Retry(problem())).await.ended.callback, "a retry is no end");
        assert_eq!(works(bench.change(JobId(3), Change::Cancel).await), Changed::Cancelled { callback: error_handler });
        let failed = bench.claim().await;
        assert_eq!(bench.finish(&failed, Outcome::Trap(problem())).await.ended.callback, error_handler);
        let claimed = works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await);
        let told = claimed.callbacks.iter().map(|callback| (callback.id.0, callback.attempt, callback.kind.clone()));
        let mut expected = Vec::new();
        if success_handler {
            expected.push((1, 1, CallbackKind::Succeeded { response: "7".into() }));
        }
        if error_handler {
            let cancelled = some(bench.get(JobId(3)).await.problem().cloned(), "a problem");
            expected.push((3, 0, CallbackKind::Failed { reason: Reason::Cancelled, problem: cancelled }));
            expected.push((2, 2, CallbackKind::Failed { reason: Reason::Trap, problem: problem() }));
        }
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

async fn notices_come_in_order_and_once(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    bench.add_some(4).await;
    let claimed = works(bench.task.claim_callbacks(Lane::Adds, 2, bench.now).await);
    assert_eq!(claimed.callbacks.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(claimed.next_due, NextDue::Now);
    let claimed = works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await);
    assert_eq!(claimed.callbacks.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(claimed.next_due, NextDue::Nothing, "what is taken does not wait");
    assert_eq!(bench.counts().await.callbacks, 4, "but is pending until it is finished");
}

async fn a_notice_can_be_put_off(places: &dyn Places) {
    let mut bench = Bench::new(places, with_handlers()).await;
    bench.add_some(2).await;
    let first = next_callback(&bench).await;
    let until = bench.now.plus_ms(50);
    works(bench.task.settle_callback(first.number, Delivery::Postponed(until), bench.now).await);
    assert_eq!(finish(&bench, &next_callback(&bench).await).await.line, NextDue::Now);
    let claimed = works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await);
    assert!(claimed.callbacks.is_empty() && claimed.next_due == NextDue::At(until));
    bench.later(50);
    let again = next_callback(&bench).await;
    assert_eq!((again.number, again.id, again.tries), (first.number, first.id, 1));
    finish(&bench, &again).await;
    works(bench.task.settle_callback(first.number, Delivery::Postponed(bench.now), bench.now).await);
    assert!(
        works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await).callbacks.is_empty(),
        "a finished callback stays finished"
    );
}

async fn a_job_cancelled_while_held_is_told_in_order(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let added = next_callback(&bench).await;
    let cancelled = works(bench.change(id, Change::Cancel).await);
    assert_eq!(cancelled, Changed::Cancelled { callback: false });
    assert_eq!((bench.counts().await.held, bench.counts().await.callbacks), (0, 2));
    let claimed = works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await);
    assert!(claimed.callbacks.is_empty(), "the end is told after the adding");
    let claimed = works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await);
    assert!(claimed.callbacks.is_empty(), "in whatever lane");
    assert_eq!(finish(&bench, &added).await, Told { line: NextDue::Nothing, end_is_due: true });
    assert_eq!(bench.status(id).await, Status::Failure, "a job that has ended is not released");
    let end = notice_of(&bench, Lane::Ends).await;
    assert!(matches!(end.kind, CallbackKind::Failed { reason: Reason::Cancelled, .. }));
    finish(&bench, &end).await;
    assert!(bench.counts().await.is_idle());
    let job = bench.add(NewJob::new("[]")).await;
    finish(&bench, &next_callback(&bench).await).await;
    let claim = bench.claim().await;
    works(bench.end(job, claim.run, End::Requeue).await);
    assert_eq!(bench.claim().await.id, job, "a job that is requeued is not held again");
}

async fn unknown_notices_do_nothing(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    let told = bench.settle(CallbackNumber(7), Delivery::Done).await;
    assert_eq!(told, Told { line: NextDue::Nothing, end_is_due: false });
    works(bench.task.settle_callback(CallbackNumber(7), Delivery::Postponed(bench.now), bench.now).await);
    assert_eq!(bench.counts().await.callbacks, 0);
}

async fn additions_do_not_wait_behind_ends(places: &dyn Places) {
    let bench = Bench::new(places, Rules { add_handler: false, ..with_handlers() }).await;
    bench.add_some(40).await;
    for _ in 0..40 {
        bench.finish(&bench.claim().await, success()).await;
    }
    let rules = Rules { add_handler: true, ..with_handlers() };
    let bench = Bench { rules: rules.into(), ..bench };
    let id = bench.add(NewJob::new("[]")).await;
    assert_eq!(next_callback(&bench).await.id, id, "forty ends were there before");
    let ends = works(bench.task.claim_callbacks(Lane::Ends, 99, bench.now).await);
    assert_eq!((ends.callbacks.len(), ends.next_due), (40, NextDue::Nothing));
    assert_eq!(ends.callbacks.iter().map(|callback| callback.id.0).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    assert!(works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await).callbacks.is_empty());
}

/// Settles a callback as failed; `in_ms` says when it is tried again.
async fn fail(bench: &Bench, callback: &ClaimedCallback, in_ms: Option<u64>) -> Told {
    let next_try_at = in_ms.map(|ms| bench.now.plus_ms(ms));
    bench.settle(callback.number, Delivery::Failed { problem: problem(), next_try_at }).await
}

/// Uses up the quick tries of the end of the only job.
async fn defer(bench: &mut Bench) {
    for _ in 0..CallbackBackoff::QUICK_TRIES {
        let end = notice_of(bench, Lane::Ends).await;
        fail(bench, &end, Some(10)).await;
        bench.later(10);
    }
}

fn callback(lane: Lane, tries: u32, given_up: bool) -> JobCallback {
    let problem = Some(saggar_job::Problem { details: None, ..problem() });
    JobCallback { lane, tries, next_try_at: None, given_up, problem }
}

async fn an_add_handler_that_is_given_up_releases_its_job(places: &dyn Places) {
    let mut bench = Bench::new(places, with_handlers()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let added = next_callback(&bench).await;
    assert_eq!(fail(&bench, &added, Some(5)).await.line, NextDue::Nothing, "on hold");
    let pending = JobCallback { next_try_at: Some(bench.now.plus_ms(5)), ..callback(Lane::Adds, 1, false) };
    assert_eq!(bench.get(id).await.callbacks, [pending]);
    bench.later(5);
    assert_eq!(fail(&bench, &next_callback(&bench).await, None).await, Told { line: NextDue::Now, end_is_due: false });
    let counts = bench.counts().await;
    assert_eq!((counts.held, counts.callbacks, counts.given_up), (0, 0, 1));
    assert_eq!(bench.get(id).await.callbacks, [callback(Lane::Adds, 2, true)]);
    let running = bench.claim().await;
    assert!(matches!(bench.change(id, Change::Redeliver).await, Err(ChangeError::NotEnded { .. })));
    bench.finish(&running, success()).await;
    let shown = [callback(Lane::Adds, 2, true), JobCallback::fresh(Lane::Ends)];
    assert_eq!(bench.get(id).await.callbacks, shown);
}

async fn what_was_given_up_is_shown_until_it_is_redelivered(places: &dyn Places) {
    let bench = Bench::new(places, Rules { add_handler: false, ..with_handlers() }).await;
    let id = bench.add(NewJob::new("[]")).await;
    assert!(matches!(bench.change(JobId(9), Change::Redeliver).await, Err(ChangeError::UnknownJob { .. })));
    assert!(matches!(bench.change(id, Change::Redeliver).await, Err(ChangeError::NotEnded { .. })));
    bench.finish(&bench.claim().await, success()).await;
    assert!(
        matches!(bench.change(id, Change::Redeliver).await, Err(ChangeError::CallbackPending { .. })),
        "it is on its way"
    );
    fail(&bench, &notice_of(&bench, Lane::Ends).await, None).await;
    let counts = bench.counts().await;
    assert_eq!((counts.callbacks, counts.given_up, counts.is_idle()), (0, 1, true));
    assert_eq!(bench.get(id).await.callbacks, [callback(Lane::Ends, 1, true)]);
    let without = Rules { success_handler: false, ..with_handlers() };
    let refused = bench.task.change(id, Change::Redeliver, &without.into(), bench.now).await;
    assert!(matches!(refused, Err(ChangeError::NotGivenUp { .. })), "no handler is there any more");
    assert_eq!(works(bench.change(id, Change::Redeliver).await), Changed::Redelivered);
    assert_eq!((bench.counts().await.callbacks, bench.counts().await.given_up), (1, 0));
    let again = notice_of(&bench, Lane::Ends).await;
    assert_eq!((again.id, again.tries, &again.kind), (id, 0, &CallbackKind::Succeeded { response: "7".into() }));
    finish(&bench, &again).await;
    assert_eq!(bench.get(id).await.callbacks, []);
    assert!(matches!(bench.change(id, Change::Redeliver).await, Err(ChangeError::NotGivenUp { .. })));
    works(bench.change(id, Change::Retry).await);
    bench.finish(&bench.claim().await, success()).await;
    fail(&bench, &notice_of(&bench, Lane::Ends).await, None).await;
    works(bench.change(id, Change::Retry).await);
    assert_eq!((bench.counts().await.given_up, bench.get(id).await.callbacks), (0, vec![]), "a retry forgets it");
    bench.finish(&bench.claim().await, success()).await;
    fail(&bench, &notice_of(&bench, Lane::Ends).await, None).await;
    works(bench.change(id, Change::Delete).await);
    assert_eq!(bench.counts().await.given_up, 0);
}

async fn a_deferred_callback_holds_nothing_up(places: &dyn Places) {
    let retention = Retention { success_ms: 1_000, failure_ms: 1_000 };
    let mut bench = Bench::new(places, Rules { add_handler: false, retention, ..with_handlers() }).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.finish(&bench.claim().await, success()).await;
    defer(&mut bench).await;
    let counts = bench.counts().await;
    assert_eq!((counts.callbacks, counts.deferred, counts.is_idle()), (1, 1, true));
    works(bench.change(id, Change::Redeliver).await);
    assert_eq!((bench.counts().await.callbacks, bench.counts().await.deferred), (1, 0), "tried anew, at once");
    assert!(matches!(bench.change(id, Change::Retry).await, Err(ChangeError::CallbackPending { .. })));
    defer(&mut bench).await;
    works(bench.change(id, Change::Retry).await);
    let counts = bench.counts().await;
    assert_eq!((counts.callbacks, counts.deferred, bench.get(id).await.callbacks), (0, 0, vec![]));
    assert!(works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await).callbacks.is_empty());
    bench.finish(&bench.claim().await, success()).await;
    defer(&mut bench).await;
    bench.later(1_000);
    let pruned = works(bench.task.prune(9, &bench.rules, bench.now).await);
    assert_eq!((pruned.jobs, pruned.undelivered), (1, 1), "retention does not wait for hours");
    assert!(works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await).callbacks.is_empty());
    assert!(bench.counts().await.is_idle() && bench.counts().await.deferred == 0);
}

async fn a_callback_that_is_being_delivered_is_not_removed(places: &dyn Places) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let mut bench = Bench::new(places, Rules { add_handler: false, retention, ..with_handlers() }).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.finish(&bench.claim().await, success()).await;
    defer(&mut bench).await;
    let taken = notice_of(&bench, Lane::Ends).await;
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0);
    for change in [Change::Retry, Change::Redeliver] {
        assert!(matches!(bench.change(id, change).await, Err(ChangeError::CallbackPending { .. })));
    }
    fail(&bench, &taken, Some(0)).await;
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1, "its retention is not forgotten");
}

async fn redelivery_keeps_the_order_of_a_jobs_callbacks(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    let id = bench.add(NewJob::new("[]")).await;
    fail(&bench, &next_callback(&bench).await, None).await;
    bench.finish(&bench.claim().await, success()).await;
    fail(&bench, &notice_of(&bench, Lane::Ends).await, None).await;
    let shown = [callback(Lane::Adds, 1, true), callback(Lane::Ends, 1, true)];
    assert_eq!(bench.get(id).await.callbacks, shown);
    works(bench.change(id, Change::Redeliver).await);
    assert_eq!((bench.counts().await.callbacks, bench.counts().await.given_up), (2, 0));
    assert_eq!(bench.get(id).await.callbacks, Lane::ALL.map(JobCallback::fresh));
    assert!(
        works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await).callbacks.is_empty(),
        "the addition first"
    );
    assert_eq!(finish(&bench, &next_callback(&bench).await).await, Told { line: NextDue::Nothing, end_is_due: true });
    finish(&bench, &notice_of(&bench, Lane::Ends).await).await;
    assert!(bench.counts().await.is_idle() && bench.get(id).await.callbacks.is_empty());
}

async fn given_up_and_deferred_callbacks_survive(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules { add_handler: false, ..with_handlers() }).await;
    let ids = bench.add_some(2).await;
    bench.finish(&bench.claim().await, success()).await;
    fail(&bench, &notice_of(&bench, Lane::Ends).await, None).await;
    bench.finish(&bench.claim().await, success()).await;
    defer(&mut bench).await;
    bench = bench.die().await;
    let counts = bench.counts().await;
    assert_eq!((counts.callbacks, counts.deferred, counts.given_up), (1, 1, 1));
    assert_eq!(bench.get(ids[0]).await.callbacks, [callback(Lane::Ends, 1, true)]);
    works(bench.change(ids[0], Change::Redeliver).await);
    let claimed = works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await).callbacks;
    let tries: Vec<_> = claimed.iter().map(|callback| (callback.id, callback.tries)).collect();
    assert_eq!(tries, [(ids[0], 0), (ids[1], CallbackBackoff::QUICK_TRIES)], "fresh ones first");
}
