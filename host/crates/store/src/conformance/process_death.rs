//! Process deaths: what the next process finds.

use std::sync::Arc;

use saggar_job::{Ending, FailureKind, JobId, Outcome, Run, Status, TaskKey};

use super::{Fixture, Locations, is_cancelling, problem, retries, some, success, works};
use crate::{
    Added, CallbackKind, Change, Delivery, End, Lane, ListQuery, LogLine, NewJob, NextDue, Progress, Retention, Rules,
};

pub(super) async fn answered_steps_survive_a_restart(locations: &dyn Locations) {
    let retention = Retention { success_ms: 100, failure_ms: 900 };
    let mut fixture = Fixture::new(locations, Rules { retention, ..retries(1, 70) }).await;
    fixture.add(NewJob::new("[\"é\"]").with_priority(3)).await;
    fixture.add_some(3).await;
    fixture.later(4);
    fixture.finish(&fixture.claim().await, success()).await;
    fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Rejected, problem())).await;
    let job = fixture.claim().await;
    let progress = Some(Progress { current: 1, total: 3, message: "a third".to_owned() });
    let cost = super::attempts::cost();
    let end = End::Outcome(Outcome::failure(FailureKind::Failed, problem()));
    let finish =
        crate::Finish { id: job.id, run: job.run, end, progress, cost: Some(cost), with_snapshot: false, chance: 0.5 };
    works(fixture.finish_step(finish, false).await);
    works(fixture.task.append_log(JobId(4), vec![LogLine::retried(fixture.now)]).await);
    let mut before = Vec::new();
    for id in 1..=4 {
        before.push((fixture.get(JobId(id)).await, fixture.history(JobId(id)).await));
    }
    let listed = super::listing::pages(&*fixture.store, ListQuery::of_tenant("default")).await;
    let counts = fixture.counts().await;
    fixture = fixture.die().await;
    for (job, history) in before {
        assert_eq!((fixture.get(job.id).await, fixture.history(job.id).await), (job, history));
    }
    assert_eq!(super::listing::pages(&*fixture.store, ListQuery::of_tenant("default")).await, listed);
    let after = fixture.counts().await;
    assert_eq!((after.waiting, after.delayed, after.success, after.failure), (2, 1, 1, 1));
    assert_eq!((after.added, counts.added), (4, 4));
    assert_eq!(fixture.add(NewJob::new("[]")).await, JobId(5), "the counter continues");
    fixture.later(96);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0);
    fixture.later(4);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1, "retention continues");
}

pub(super) async fn interrupted_jobs_restart_at_once_and_the_attempt_counts(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(3, 60_000)).await;
    let ids = fixture.add_some(3).await;
    let claimed = fixture.claimed(2).await.jobs;
    fixture.later(20);
    fixture = fixture.die().await;
    let counts = fixture.counts().await;
    assert_eq!((counts.running, counts.waiting, counts.delayed), (0, 3, 0));
    assert_eq!(fixture.lost().await, (2, 0));
    for id in &ids[..2] {
        let job = fixture.get(*id).await;
        assert_eq!((job.status(), job.life.attempt, job.life.run), (Status::Waiting, 1, Run(1)));
        assert_eq!(job.run_at(), Some(fixture.now), "without the delay of a failure");
        let history = fixture.history(*id).await;
        assert_eq!(history.log, [LogLine::lost(fixture.now, 1)]);
        let record = &history.attempts[0];
        assert_eq!((record.number, record.run, record.ending), (1, Run(1), Ending::Failed(FailureKind::Lost)));
        assert_eq!((record.ended_at.since(record.started_at).as_millis(), &record.cost), (20, &None));
    }
    super::assert_refused(
        fixture.end(ids[0], claimed[0].run, End::Outcome(success())).await,
        "finishing a claim of a dead process",
    );
    let again = fixture.claimed(9).await.jobs;
    assert_eq!(again.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "interrupted jobs keep their positions");
    assert_eq!((again[1].attempt, again[1].run), (2, Run(2)));
    fixture.finish(&again[1], success()).await;
}

pub(super) async fn a_job_that_kills_every_process_fails(locations: &dyn Locations) {
    for (retries_allowed, deaths) in [(0, 3), (4, 5)] {
        let mut fixture = Fixture::new(locations, Rules { error_handler: true, ..retries(retries_allowed, 0) }).await;
        let id = fixture.add(NewJob::new("[]")).await;
        for attempt in 1..=deaths {
            assert_eq!(fixture.claim().await.attempt, attempt);
            fixture = fixture.die().await;
        }
        assert_eq!(fixture.lost().await, (1, 1));
        let job = fixture.get(id).await;
        assert_eq!(
            (job.reason(), job.life.attempt, job.ended_at()),
            (Some(FailureKind::Lost), deaths, Some(fixture.now))
        );
        let callback = some(
            works(fixture.task.claim_callbacks(Lane::Ends, 1, fixture.now).await).callbacks.pop(),
            "a callback of the end",
        );
        assert!(matches!(callback.kind, CallbackKind::Failed { reason: FailureKind::Lost, .. }));
        assert_eq!(fixture.history(id).await.attempts.len() as u32, deaths);
    }
}

pub(super) async fn a_running_job_that_was_cancelled_ends_on_restart(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(3, 0)).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.claim().await;
    works(fixture.change(id, Change::Cancel).await);
    assert!(is_cancelling(&fixture.get(id).await));
    fixture = fixture.die().await;
    assert_eq!(fixture.get(id).await.reason(), Some(FailureKind::Cancelled));
}

pub(super) async fn pending_callbacks_survive_a_restart(locations: &dyn Locations) {
    let rules = Rules { add_handler: true, error_handler: true, ..retries(0, 0) };
    let mut fixture = Fixture::new(locations, rules).await;
    let ids = fixture.add_some(3).await;
    let taken = works(fixture.task.claim_callbacks(Lane::Adds, 2, fixture.now).await).callbacks;
    let until = fixture.now.plus_ms(50);
    works(fixture.task.settle_callback(taken[1].number, Delivery::Postponed(until), fixture.now).await);
    works(fixture.change(ids[0], Change::Cancel).await);
    fixture = fixture.die().await;
    assert_eq!((fixture.counts().await.callbacks, fixture.counts().await.on_hold), (4, 2));
    let claimed = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await);
    let delivered: Vec<_> = claimed.callbacks.iter().map(|callback| (callback.id, callback.tries)).collect();
    assert_eq!(
        delivered,
        [(ids[0], 0), (ids[2], 0)],
        "a claimed callback can be claimed again, a postponed one not yet"
    );
    assert_eq!(claimed.next_due, NextDue::At(until));
    works(fixture.task.settle_callback(claimed.callbacks[0].number, Delivery::Done, fixture.now).await);
    fixture = fixture.die().await;
    fixture.later(50);
    let claimed = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await).callbacks;
    let delivered: Vec<_> = claimed.iter().map(|callback| (callback.id, callback.tries, &callback.kind)).collect();
    assert_eq!(delivered, [(ids[2], 0, &CallbackKind::Added), (ids[1], 1, &CallbackKind::Added)]);
    let ends = works(fixture.task.claim_callbacks(Lane::Ends, 9, fixture.now).await).callbacks;
    let delivered: Vec<_> = ends.iter().map(|callback| (callback.id, callback.tries, &callback.kind)).collect();
    assert!(
        matches!(delivered[..], [(id, 0, CallbackKind::Failed { .. })] if id == ids[0]),
        "the end callback follows the add callback"
    );
    for callback in claimed.iter().chain(&ends) {
        works(fixture.task.settle_callback(callback.number, Delivery::Done, fixture.now).await);
    }
    assert_eq!(fixture.claimed(9).await.jobs.len(), 2);
}

pub(super) async fn the_ready_queue_keeps_its_order_over_restarts(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    for (priority, delay_ms) in [(0, 0), (5, 0), (0, 20), (0, 10), (5, 20), (0, 20)] {
        fixture.add(NewJob::new("[]").with_priority(priority).with_delay_ms(delay_ms)).await;
    }
    let requeued = fixture.claim().await;
    works(fixture.end(requeued.id, requeued.run, End::Requeue).await);
    fixture = fixture.die().await;
    fixture.add(NewJob::new("[]")).await;
    fixture.later(20);
    let mut ids = Vec::new();
    for _ in 0..7 {
        fixture = fixture.die().await;
        ids.push(fixture.claim().await.id.0);
        let job = fixture.get(JobId(ids[ids.len() - 1])).await;
        works(fixture.end(job.id, job.life.run, End::Outcome(success())).await);
    }
    assert_eq!(ids, [2, 5, 1, 7, 4, 3, 6]);
    assert_eq!(fixture.claimed(1).await.next_due, NextDue::Nothing);
}

pub(super) async fn keys_fingerprints_and_the_pause_survive_a_restart(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let keyed = || NewJob::new("[]").with_key("k").with_unique("f");
    let id = fixture.add(keyed()).await;
    fixture.set_paused(true).await;
    fixture = fixture.die().await;
    assert!(fixture.counts().await.paused && fixture.claimed(1).await.jobs.is_empty());
    for job in [keyed(), NewJob::new("[]").with_unique("f")] {
        let added = works(fixture.task.add(vec![job], &fixture.rules, fixture.now).await);
        assert_eq!(added, [Added { id, is_new: false }]);
    }
    works(fixture.change(id, Change::Cancel).await);
    fixture.set_paused(false).await;
    fixture = fixture.die().await;
    assert!(!fixture.counts().await.paused);
    let other = fixture.add(NewJob::new("[]").with_unique("f")).await;
    assert_eq!((fixture.add(keyed()).await, fixture.claim().await.id), (id, other));
}

pub(super) async fn opening_again_in_the_same_process_changes_nothing(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let job = fixture.claim().await;
    let (observer, observed) = super::Observed::new();
    let same = works(fixture.store.open(&super::task_key(), &fixture.rules, fixture.now, observer).await);
    // From now on this observer receives every notification.
    fixture.observed = observed;
    assert_eq!(works(same.counts_now().await).running, 1);
    assert_eq!(fixture.status(id).await, Status::Running);
    fixture.finish(&job, success()).await;
}

pub(super) async fn the_tasks_of_earlier_processes_are_known(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let other = TaskKey::new("else", "other");
    works(fixture.store.open(&other, &fixture.rules, fixture.now, Arc::new(())).await);
    let Fixture { mut location, store, task, .. } = fixture;
    drop((store, task));
    let mut known = works(location.open().await.tasks().await);
    known.sort();
    assert_eq!(known, [super::task_key(), other], "although this process has opened none");
}
