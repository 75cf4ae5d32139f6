//! Dying: what another process finds when the one before it died.

use std::sync::Arc;

use saggar_job::{Ending, JobId, Outcome, Reason, Run, Status, TaskKey};

use super::{Bench, Places, is_cancelling, problem, retries, some, success, works};
use crate::{
    Added, CallbackKind, Change, Delivery, End, Lane, ListQuery, LogLine, NewJob, NextDue, Progress, Retention, Rules,
};

pub(super) async fn all(places: &dyn Places) {
    what_was_answered_is_there(places).await;
    what_ran_goes_on_at_once_with_its_attempt_counted(places).await;
    what_kills_every_process_ends(places).await;
    a_job_cancelled_while_it_ran_ends(places).await;
    notices_are_told_again(places).await;
    the_line_keeps_its_order(places).await;
    names_and_the_pause_hold(places).await;
    opening_again_in_the_same_process_changes_nothing(places).await;
    the_tasks_of_earlier_processes_are_known(places).await;
}

async fn what_was_answered_is_there(places: &dyn Places) {
    let retention = Retention { success_ms: 100, failure_ms: 900 };
    let mut bench = Bench::new(places, Rules { retention, ..retries(1, 70) }).await;
    bench.add(NewJob::new("[\"é\"]").with_priority(3)).await;
    bench.add_some(3).await;
    bench.later(4);
    bench.finish(&bench.claim().await, success()).await;
    bench.finish(&bench.claim().await, Outcome::Reject(problem())).await;
    let job = bench.claim().await;
    let progress = Some(Progress { current: 1, total: 3, message: "a third".to_owned() });
    let cost = super::attempts::cost();
    let end = End::Outcome(Outcome::Retry(problem()));
    let finish =
        crate::Finish { id: job.id, run: job.run, end, progress, cost: Some(cost), with_snapshot: false, chance: 0.5 };
    works(bench.finish_step(finish, false).await);
    works(bench.task.append_log(JobId(4), vec![LogLine::retried(bench.now)]).await);
    let mut before = Vec::new();
    for id in 1..=4 {
        before.push((bench.get(JobId(id)).await, bench.history(JobId(id)).await));
    }
    let listed = super::listing::pages(&*bench.store, ListQuery::of_tenant("default")).await;
    let counts = bench.counts().await;
    bench = bench.die().await;
    for (job, history) in before {
        assert_eq!((bench.get(job.id).await, bench.history(job.id).await), (job, history));
    }
    assert_eq!(super::listing::pages(&*bench.store, ListQuery::of_tenant("default")).await, listed);
    let after = bench.counts().await;
    assert_eq!((after.waiting, after.delayed, after.success, after.failure), (2, 1, 1, 1));
    assert_eq!((after.added, counts.added), (4, 4));
    assert_eq!(bench.add(NewJob::new("[]")).await, JobId(5), "the counter goes on");
    bench.later(96);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0);
    bench.later(4);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1, "retention goes on");
}

async fn what_ran_goes_on_at_once_with_its_attempt_counted(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(3, 60_000)).await;
    let ids = bench.add_some(3).await;
    let claimed = bench.claimed(2).await.jobs;
    bench.later(20);
    bench = bench.die().await;
    let counts = bench.counts().await;
    assert_eq!((counts.running, counts.waiting, counts.delayed), (0, 3, 0));
    assert_eq!(bench.lost().await, (2, 0));
    for id in &ids[..2] {
        let job = bench.get(*id).await;
        assert_eq!((job.status(), job.life.attempt, job.life.run), (Status::Waiting, 1, Run(1)));
        assert_eq!(job.run_at(), Some(bench.now), "sooner than after another failure");
        let history = bench.history(*id).await;
        assert_eq!(history.log, [LogLine::lost(bench.now, 1)]);
        let record = &history.attempts[0];
        assert_eq!((record.number, record.run, record.ending), (1, Run(1), Ending::Lost));
        assert_eq!((record.ended_at.since(record.started_at).as_millis(), &record.cost), (20, &None));
    }
    super::assert_refused(bench.end(ids[0], claimed[0].run, End::Outcome(success())).await, "a dead claim's finish");
    let again = bench.claimed(9).await.jobs;
    assert_eq!(again.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "before what was behind it");
    assert_eq!((again[1].attempt, again[1].run), (2, Run(2)));
    bench.finish(&again[1], success()).await;
}

async fn what_kills_every_process_ends(places: &dyn Places) {
    for (retries_allowed, deaths) in [(0, 3), (4, 5)] {
        let mut bench = Bench::new(places, Rules { error_handler: true, ..retries(retries_allowed, 0) }).await;
        let id = bench.add(NewJob::new("[]")).await;
        for attempt in 1..=deaths {
            assert_eq!(bench.claim().await.attempt, attempt);
            bench = bench.die().await;
        }
        assert_eq!(bench.lost().await, (1, 1));
        let job = bench.get(id).await;
        assert_eq!((job.reason(), job.life.attempt, job.ended_at()), (Some(Reason::Lost), deaths, Some(bench.now)));
        let callback = some(
            works(bench.task.claim_callbacks(Lane::Ends, 1, bench.now).await).callbacks.pop(),
            "a callback of the end",
        );
        assert!(matches!(callback.kind, CallbackKind::Failed { reason: Reason::Lost, .. }));
        assert_eq!(bench.history(id).await.attempts.len() as u32, deaths);
    }
}

async fn a_job_cancelled_while_it_ran_ends(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(3, 0)).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.claim().await;
    works(bench.change(id, Change::Cancel).await);
    assert!(is_cancelling(&bench.get(id).await));
    bench = bench.die().await;
    assert_eq!(bench.get(id).await.reason(), Some(Reason::Cancelled));
}

async fn notices_are_told_again(places: &dyn Places) {
    let rules = Rules { add_handler: true, error_handler: true, ..retries(0, 0) };
    let mut bench = Bench::new(places, rules).await;
    let ids = bench.add_some(3).await;
    let taken = works(bench.task.claim_callbacks(Lane::Adds, 2, bench.now).await).callbacks;
    let until = bench.now.plus_ms(50);
    works(bench.task.settle_callback(taken[1].number, Delivery::Postponed(until), bench.now).await);
    works(bench.change(ids[0], Change::Cancel).await);
    bench = bench.die().await;
    assert_eq!((bench.counts().await.callbacks, bench.counts().await.held), (4, 2));
    let claimed = works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await);
    let told: Vec<_> = claimed.callbacks.iter().map(|callback| (callback.id, callback.tries)).collect();
    assert_eq!(told, [(ids[0], 0), (ids[2], 0)], "what was taken is there again, what was put off is not yet");
    assert_eq!(claimed.next_due, NextDue::At(until));
    works(bench.task.settle_callback(claimed.callbacks[0].number, Delivery::Done, bench.now).await);
    bench = bench.die().await;
    bench.later(50);
    let claimed = works(bench.task.claim_callbacks(Lane::Adds, 9, bench.now).await).callbacks;
    let told: Vec<_> = claimed.iter().map(|callback| (callback.id, callback.tries, &callback.kind)).collect();
    assert_eq!(told, [(ids[2], 0, &CallbackKind::Added), (ids[1], 1, &CallbackKind::Added)]);
    let ends = works(bench.task.claim_callbacks(Lane::Ends, 9, bench.now).await).callbacks;
    let told: Vec<_> = ends.iter().map(|callback| (callback.id, callback.tries, &callback.kind)).collect();
    assert!(
        matches!(told[..], [(id, 0, CallbackKind::Failed { .. })] if id == ids[0]),
        "the end comes after the adding"
    );
    for callback in claimed.iter().chain(&ends) {
        works(bench.task.settle_callback(callback.number, Delivery::Done, bench.now).await);
    }
    assert_eq!(bench.claimed(9).await.jobs.len(), 2);
}

async fn the_line_keeps_its_order(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    for (priority, delay_ms) in [(0, 0), (5, 0), (0, 20), (0, 10), (5, 20), (0, 20)] {
        bench.add(NewJob::new("[]").with_priority(priority).with_delay_ms(delay_ms)).await;
    }
    let requeued = bench.claim().await;
    works(bench.end(requeued.id, requeued.run, End::Requeue).await);
    bench = bench.die().await;
    bench.add(NewJob::new("[]")).await;
    bench.later(20);
    let mut ids = Vec::new();
    for _ in 0..7 {
        bench = bench.die().await;
        ids.push(bench.claim().await.id.0);
        let job = bench.get(JobId(ids[ids.len() - 1])).await;
        works(bench.end(job.id, job.life.run, End::Outcome(success())).await);
    }
    assert_eq!(ids, [2, 5, 1, 7, 4, 3, 6]);
    assert_eq!(bench.claimed(1).await.next_due, NextDue::Nothing);
}

async fn names_and_the_pause_hold(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let named = || NewJob::new("[]").with_key("k").with_unique("f");
    let id = bench.add(named()).await;
    bench.set_paused(true).await;
    bench = bench.die().await;
    assert!(bench.counts().await.paused && bench.claimed(1).await.jobs.is_empty());
    for job in [named(), NewJob::new("[]").with_unique("f")] {
        let added = works(bench.task.add(vec![job], &bench.rules, bench.now).await);
        assert_eq!(added, [Added { id, is_new: false }]);
    }
    works(bench.change(id, Change::Cancel).await);
    bench.set_paused(false).await;
    bench = bench.die().await;
    assert!(!bench.counts().await.paused);
    let other = bench.add(NewJob::new("[]").with_unique("f")).await;
    assert_eq!((bench.add(named()).await, bench.claim().await.id), (id, other));
}

async fn opening_again_in_the_same_process_changes_nothing(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let job = bench.claim().await;
    let (observer, heard) = super::Heard::new();
    let same = works(bench.store.open(&super::bench_key(), &bench.rules, bench.now, observer).await);
    // From now on this one hears of everything.
    bench.heard = heard;
    assert_eq!(works(same.counts_now().await).running, 1);
    assert_eq!(bench.status(id).await, Status::Running);
    bench.finish(&job, success()).await;
}

async fn the_tasks_of_earlier_processes_are_known(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let other = TaskKey::new("else", "other");
    works(bench.store.open(&other, &bench.rules, bench.now, Arc::new(())).await);
    let Bench { mut place, store, task, .. } = bench;
    drop((store, task));
    let mut known = works(place.open().await.tasks().await);
    known.sort();
    assert_eq!(known, [super::bench_key(), other], "though this process has opened none");
}
