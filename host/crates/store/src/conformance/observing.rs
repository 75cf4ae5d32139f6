//! The observer: it receives each change of this process once, in the order of the steps, when the change is durable.

use std::sync::Arc;

use saggar_job::{Ending, Failure, FailureKind, JobId, Outcome, Run, Status, TaskKey, Timestamp};
use smallvec::smallvec;

use super::{Fixture, Locations, Observed, problem, retries, success, works};
use crate::{Change, Delivery, End, EndResult, Finish, Hint, Lane, LogLine, NewJob, NextDue, Rules, StoreEvent};

fn ended(id: u64, run: u64, ending: Ending, result: EndResult, at: Timestamp) -> StoreEvent {
    StoreEvent::Ended { id: JobId(id), run: Run(run), ending, result, at }
}

fn result(status: Status) -> EndResult {
    EndResult { status, run_at: None, reason: None, callback: false, snapshot: None }
}

pub(super) async fn each_change_is_observed_once_and_in_order(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { error_handler: true, ..retries(1, 100) }).await;
    let at = fixture.now;
    let added = works(fixture.task.add(vec![NewJob::new("[]"); 2], &fixture.rules, at).await);
    let later = fixture.now.plus_ms(70);
    works(
        fixture
            .task
            .add(vec![NewJob::new("[]").with_delay_ms(90), NewJob::new("[]").with_delay_ms(70)], &fixture.rules, at)
            .await,
    );
    let claimed = fixture.claimed(2).await.jobs;
    let finish = |at: usize, outcome: Outcome| {
        let (id, run, end) = (claimed[at].id, claimed[at].run, End::Outcome(outcome));
        Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 }
    };
    works(fixture.task.finish(finish(0, success()), false, &fixture.rules, at).await);
    works(
        fixture
            .task
            .finish(finish(1, Outcome::failure(FailureKind::Failed, problem())), false, &fixture.rules, at)
            .await,
    );
    works(fixture.task.change(added[1].id, Change::Cancel, &fixture.rules, at).await);
    works(fixture.task.change(added[0].id, Change::Retry, &fixture.rules, at).await);
    let job = fixture.claim().await;
    works(fixture.task.change(job.id, Change::Cancel, &fixture.rules, at).await);
    works(
        fixture
            .task
            .finish(
                Finish { run: job.run, ..finish(0, Outcome::Failure(Failure::cancelled())) },
                false,
                &fixture.rules,
                at,
            )
            .await,
    );
    works(fixture.task.change(JobId(3), Change::Delete, &fixture.rules, at).await);
    let run_at = Some(at.plus_ms(100));
    let cancelled = EndResult { reason: Some(FailureKind::Cancelled), callback: true, ..result(Status::Failure) };
    let expected = [
        StoreEvent::Added { ids: smallvec![JobId(1), JobId(2)], on_hold: false, due: NextDue::Now, at },
        StoreEvent::Added { ids: smallvec![JobId(3), JobId(4)], on_hold: false, due: NextDue::At(later), at },
        ended(1, 1, Ending::Success, result(Status::Success), at),
        ended(2, 1, Ending::Failed(FailureKind::Failed), EndResult { run_at, ..result(Status::Waiting) }, at),
        StoreEvent::Cancelled { id: JobId(2), callback: true, at },
        StoreEvent::Retried { id: JobId(1), at },
        StoreEvent::Cancelling { id: JobId(1), at },
        ended(1, 2, Ending::Failed(FailureKind::Cancelled), cancelled, at),
        StoreEvent::Deleted { id: JobId(3), at },
    ];
    // All events were delivered before the last step was answered.
    assert_eq!(fixture.observed.events().await, expected);
}

pub(super) async fn refused_steps_are_not_observed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { size: 1, ..retries(0, 0) }).await;
    fixture.add(NewJob::new("[]").with_key("k")).await;
    fixture.observed.all().await;
    assert!(fixture.task.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await.is_err(), "the queue is full");
    works(fixture.task.add(vec![NewJob::new("[]").with_key("k")], &fixture.rules, fixture.now).await);
    assert!(
        fixture.task.change(JobId(1), Change::Retry, &fixture.rules, fixture.now).await.is_err(),
        "the job has not ended"
    );
    assert!(
        fixture.task.change(JobId(7), Change::Cancel, &fixture.rules, fixture.now).await.is_err(),
        "there is no such job"
    );
    assert!(fixture.end(JobId(1), Run(1), End::Outcome(success())).await.is_err(), "the job is not running");
    assert_eq!(fixture.observed.events().await, []);
}

pub(super) async fn events_of_all_tasks_come_in_one_order(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let (observer, observed) = Observed::new();
    let keys = ["one", "two"].map(|name| TaskKey::new("default", name));
    let one = works(fixture.store.open(&keys[0], &fixture.rules, fixture.now, Arc::clone(&observer)).await);
    let two = works(fixture.store.open(&keys[1], &fixture.rules, fixture.now, observer).await);
    for round in 1..=20 {
        works(one.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await);
        let job = works(one.claim(1, fixture.now).await).jobs.remove(0);
        let (id, run, end) = (job.id, job.run, End::Outcome(success()));
        let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        // Requested in this order.
        let (finished, added) = tokio::join!(
            one.finish(finish, false, &fixture.rules, fixture.now),
            two.add(vec![NewJob::new("[]"); 2], &fixture.rules, fixture.now)
        );
        works(finished);
        works(added);
        let (due, at) = (NextDue::Now, fixture.now);
        let expected = [
            StoreEvent::Added { ids: smallvec![JobId(round)], on_hold: false, due, at },
            ended(round, 1, Ending::Success, result(Status::Success), at),
            StoreEvent::Added { ids: smallvec![JobId(2 * round - 1), JobId(2 * round)], on_hold: false, due, at },
        ];
        for expected in expected {
            assert_eq!(observed.event().await, expected);
        }
    }
}

pub(super) async fn hints_say_what_can_be_claimed_and_when(locations: &dyn Locations) {
    let rules = Rules { add_handler: true, success_handler: true, ..retries(0, 0) };
    let fixture = Fixture::new(locations, rules).await;
    let id = fixture.add(NewJob::new("[]").with_delay_ms(40)).await;
    let callback = works(fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now).await).callbacks.remove(0);
    let hints = async |hint: Hint| {
        let observed = fixture.observed.all().await;
        assert!(observed.contains(&hint.into()), "{hint:?} is missing in {observed:?}");
    };
    let until = fixture.now.plus_ms(9);
    works(fixture.task.settle_callback(callback.number, Delivery::Postponed(until), fixture.now).await);
    hints(Hint::Callback(Lane::Adds, NextDue::At(until))).await;
    let again = works(fixture.task.claim_callbacks(Lane::Adds, 1, until).await).callbacks.remove(0);
    works(fixture.task.settle_callback(again.number, Delivery::Done, fixture.now).await);
    hints(Hint::Ready(NextDue::At(fixture.now.plus_ms(40)))).await;
    works(fixture.task.append_log(id, vec![LogLine::retried(fixture.now)]).await);
    hints(Hint::LogGrown(id)).await;
    works(fixture.task.set_paused(true).await);
    works(fixture.task.set_paused(false).await);
    hints(Hint::Ready(NextDue::At(fixture.now.plus_ms(40)))).await;
    let due = fixture.now.plus_ms(40);
    let job = works(fixture.task.claim(1, due).await).jobs.remove(0);
    works(fixture.task.change(id, Change::Cancel, &fixture.rules, due).await);
    hints(Hint::Cancel(id, job.run)).await;
}

pub(super) async fn may_claim_is_true_while_jobs_wait(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    if fixture.store.is_shared() {
        // Another host may have added something by now.
        return;
    }
    assert!(!fixture.task.may_claim(), "nothing was ever added");
    fixture.add(NewJob::new("[]").with_delay_ms(5)).await;
    assert!(fixture.task.may_claim(), "a claim returns when the job is due");
    works(fixture.task.set_paused(true).await);
    assert!(!fixture.task.may_claim());
    works(fixture.task.set_paused(false).await);
    assert!(fixture.task.may_claim());
}
