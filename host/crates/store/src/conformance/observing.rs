//! The observer: it hears of each change of this process once, in the order of the steps, when the change is durable.

use std::sync::Arc;

use saggar_job::{Ending, JobId, Outcome, Reason, Run, Status, TaskKey, Timestamp};

use super::{Bench, Heard, Places, problem, retries, success, works};
use crate::{Change, Delivery, End, EndResult, Finish, Hint, Lane, LogLine, NewJob, NextDue, Rules, StoreEvent};

pub(super) async fn all(places: &dyn Places) {
    each_change_is_observed_once_and_in_order(places).await;
    what_is_refused_is_not_observed(places).await;
    the_order_is_that_of_all_tasks(places).await;
    hints_say_what_can_be_claimed_and_when(places).await;
    it_is_worth_while_to_claim_when_something_waits(places).await;
}

fn ended(id: u64, run: u64, ending: Ending, result: EndResult, at: Timestamp) -> StoreEvent {
    StoreEvent::Ended { id: JobId(id), run: Run(run), ending, result, at }
}

fn result(status: Status) -> EndResult {
    EndResult { status, run_at: None, reason: None, callback: false, snapshot: None }
}

async fn each_change_is_observed_once_and_in_order(places: &dyn Places) {
    let bench = Bench::new(places, Rules { error_handler: true, ..retries(1, 100) }).await;
    let at = bench.now;
    let added = works(bench.task.add(vec![NewJob::new("[]"); 2], &bench.rules, at).await);
    let later = bench.now.plus_ms(70);
    works(
        bench
            .task
            .add(vec![NewJob::new("[]").with_delay_ms(90), NewJob::new("[]").with_delay_ms(70)], &bench.rules, at)
            .await,
    );
    let claimed = bench.claimed(2).await.jobs;
    let finish = |at: usize, outcome: Outcome| {
        let (id, run, end) = (claimed[at].id, claimed[at].run, End::Outcome(outcome));
        Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 }
    };
    works(bench.task.finish(finish(0, success()), false, &bench.rules, at).await);
    works(bench.task.finish(finish(1, Outcome::Retry(problem())), false, &bench.rules, at).await);
    works(bench.task.change(added[1].id, Change::Cancel, &bench.rules, at).await);
    works(bench.task.change(added[0].id, Change::Retry, &bench.rules, at).await);
    let job = bench.claim().await;
    works(bench.task.change(job.id, Change::Cancel, &bench.rules, at).await);
    works(bench.task.finish(Finish { run: job.run, ..finish(0, Outcome::Cancelled) }, false, &bench.rules, at).await);
    works(bench.task.change(JobId(3), Change::Delete, &bench.rules, at).await);
    let run_at = Some(at.plus_ms(100));
    let cancelled = EndResult { reason: Some(Reason::Cancelled), callback: true, ..result(Status::Failure) };
    let expected = [
        StoreEvent::Added { ids: vec![JobId(1), JobId(2)], on_hold: false, due: NextDue::Now, at },
        StoreEvent::Added { ids: vec![JobId(3), JobId(4)], on_hold: false, due: NextDue::At(later), at },
        ended(1, 1, Ending::Success, result(Status::Success), at),
        ended(2, 1, Ending::Retry, EndResult { run_at, ..result(Status::Waiting) }, at),
        StoreEvent::Cancelled { id: JobId(2), callback: true, at },
        StoreEvent::Retried { id: JobId(1), at },
        StoreEvent::Cancelling { id: JobId(1), at },
        ended(1, 2, Ending::Cancelled, cancelled, at),
        StoreEvent::Deleted { id: JobId(3), at },
    ];
    // The last step was answered after all was observed.
    assert_eq!(bench.heard.events().await, expected);
}

async fn what_is_refused_is_not_observed(places: &dyn Places) {
    let bench = Bench::new(places, Rules { size: 1, ..retries(0, 0) }).await;
    bench.add(NewJob::new("[]").with_key("k")).await;
    bench.heard.all().await;
    assert!(bench.task.add(vec![NewJob::new("[]")], &bench.rules, bench.now).await.is_err(), "it is full");
    works(bench.task.add(vec![NewJob::new("[]").with_key("k")], &bench.rules, bench.now).await);
    assert!(bench.task.change(JobId(1), Change::Retry, &bench.rules, bench.now).await.is_err(), "it has not ended");
    assert!(bench.task.change(JobId(7), Change::Cancel, &bench.rules, bench.now).await.is_err(), "there is none");
    assert!(bench.end(JobId(1), Run(1), End::Outcome(success())).await.is_err(), "it does not run");
    assert_eq!(bench.heard.events().await, []);
}

async fn the_order_is_that_of_all_tasks(places: &dyn Places) {
    let bench = Bench::new(places, retries(0, 0)).await;
    let (observer, heard) = Heard::new();
    let keys = ["one", "two"].map(|name| TaskKey::new("default", name));
    let one = works(bench.store.open(&keys[0], &bench.rules, bench.now, Arc::clone(&observer)).await);
    let two = works(bench.store.open(&keys[1], &bench.rules, bench.now, observer).await);
    for round in 1..=20 {
        works(one.add(vec![NewJob::new("[]")], &bench.rules, bench.now).await);
        let job = works(one.claim(1, bench.now).await).jobs.remove(0);
        let (id, run, end) = (job.id, job.run, End::Outcome(success()));
        let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        // Asked for in this order.
        let (finished, added) = tokio::join!(
            one.finish(finish, false, &bench.rules, bench.now),
            two.add(vec![NewJob::new("[]"); 2], &bench.rules, bench.now)
        );
        works(finished);
        works(added);
        let (due, at) = (NextDue::Now, bench.now);
        let expected = [
            StoreEvent::Added { ids: vec![JobId(round)], on_hold: false, due, at },
            ended(round, 1, Ending::Success, result(Status::Success), at),
            StoreEvent::Added { ids: vec![JobId(2 * round - 1), JobId(2 * round)], on_hold: false, due, at },
        ];
        for expected in expected {
            assert_eq!(heard.event().await, expected);
        }
    }
}

async fn hints_say_what_can_be_claimed_and_when(places: &dyn Places) {
    let rules = Rules { add_handler: true, success_handler: true, ..retries(0, 0) };
    let bench = Bench::new(places, rules).await;
    let id = bench.add(NewJob::new("[]").with_delay_ms(40)).await;
    let callback = works(bench.task.claim_callbacks(Lane::Adds, 1, bench.now).await).callbacks.remove(0);
    let hints = async |hint: Hint| {
        let heard = bench.heard.all().await;
        assert!(heard.contains(&hint.into()), "{hint:?} is missing in {heard:?}");
    };
    let until = bench.now.plus_ms(9);
    works(bench.task.settle_callback(callback.number, Delivery::Postponed(until), bench.now).await);
    hints(Hint::Callback(Lane::Adds, NextDue::At(until))).await;
    let again = works(bench.task.claim_callbacks(Lane::Adds, 1, until).await).callbacks.remove(0);
    works(bench.task.settle_callback(again.number, Delivery::Done, bench.now).await);
    hints(Hint::Ready(NextDue::At(bench.now.plus_ms(40)))).await;
    works(bench.task.append_log(id, vec![LogLine::retried(bench.now)]).await);
    hints(Hint::LogGrown(id)).await;
    works(bench.task.set_paused(true).await);
    works(bench.task.set_paused(false).await);
    hints(Hint::Ready(NextDue::At(bench.now.plus_ms(40)))).await;
    let due = bench.now.plus_ms(40);
    let job = works(bench.task.claim(1, due).await).jobs.remove(0);
    works(bench.task.change(id, Change::Cancel, &bench.rules, due).await);
    hints(Hint::Cancel(id, job.run)).await;
}

async fn it_is_worth_while_to_claim_when_something_waits(places: &dyn Places) {
    let bench = Bench::new(places, retries(0, 0)).await;
    if bench.store.is_shared() {
        // Another host may have added something by now.
        return;
    }
    assert!(!bench.task.may_claim(), "nothing was ever added");
    bench.add(NewJob::new("[]").with_delay_ms(5)).await;
    assert!(bench.task.may_claim(), "a claim tells when to come again");
    works(bench.task.set_paused(true).await);
    assert!(!bench.task.may_claim());
    works(bench.task.set_paused(false).await);
    assert!(bench.task.may_claim());
}
