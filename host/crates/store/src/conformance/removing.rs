//! Removing tenants with all their tasks and jobs.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, LogSource, Outcome, TaskKey, Timestamp};

use super::listing::pages;
use super::{Fixture, Locations, problem, success, works};
use crate::{AddError, Change, Lane, ListQuery, LogLine, NewJob, Rules, StoreError, TaskStore};

/// How much is freed in one step.
const STEP: usize = 7;

fn all_handlers() -> Rules {
    Rules { add_handler: true, success_handler: true, error_handler: true, ..Rules::default() }
}

fn other_key() -> TaskKey {
    TaskKey::new("else", "bench")
}

async fn open(fixture: &Fixture, key: &TaskKey) -> Arc<dyn TaskStore> {
    works(fixture.store.open(key, &fixture.rules, fixture.now, Arc::new(())).await)
}

/// Fills the task with jobs in every state, with long texts, logs, recordings, keys and callbacks.
async fn fill(fixture: &mut Fixture) {
    let long = format!("[\"{}\"]", "x".repeat(10_000));
    for round in 0..6 {
        fixture
            .add(NewJob::new(long.as_str()).with_key(format!("key {round}")).with_unique(format!("name {round}")))
            .await;
        fixture.add(NewJob::new("[]").with_priority(round)).await;
        fixture.add(NewJob::new("[]").with_delay_ms(1_000_000)).await;
    }
    // The first ones are released, the others stay on hold.
    let released = works(fixture.task.claim_callbacks(Lane::Adds, 9, fixture.now).await);
    for callback in released.callbacks {
        works(fixture.task.settle_callback(callback.number, crate::Delivery::Done, fixture.now).await);
    }
    let line = LogLine { at: Timestamp(1), source: LogSource::Stdout, text: "a line".to_owned() };
    for outcome in [success(), Outcome::failure(FailureKind::Rejected, problem()), success()] {
        let job = fixture.claim().await;
        works(fixture.task.append_log(job.id, vec![line.clone(); 3]).await);
        works(fixture.task.keep_recording(job.id, job.run, vec![7_u8; 10_000].into()).await);
        fixture.finish(&job, outcome).await;
    }
    fixture.claim().await;
    works(fixture.change(JobId(18), Change::Cancel).await);
}

async fn free_all(fixture: &Fixture) -> usize {
    let mut steps = 1;
    while works(fixture.store.free_removed(STEP).await) {
        steps += 1;
    }
    steps
}

pub(super) async fn a_removed_tenant_leaves_nothing_and_others_keep_everything(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, all_handlers()).await;
    let other = open(&fixture, &other_key()).await;
    works(other.add(vec![NewJob::new("[7]").with_key("k"); 1], &fixture.rules, fixture.now).await);
    let second = open(&fixture, &TaskKey::new("default", "second")).await;
    works(second.add(vec![NewJob::new("[]"); 2], &fixture.rules, fixture.now).await);
    let kept = works(other.counts_now().await).bytes;
    fill(&mut fixture).await;
    let mut expected = works(fixture.store.tasks_of("else").await);
    let jobs = pages(&*fixture.store, ListQuery::of_tenant("default")).await.len() as u64;
    assert_eq!(works(fixture.store.remove_tenant("default").await), jobs);
    assert_eq!(works(fixture.store.tasks().await), expected);
    assert!(works(fixture.store.tasks_of("default").await).is_empty());
    assert!(pages(&*fixture.store, ListQuery::of_tenant("default")).await.is_empty());
    assert_eq!(fixture.store.kept_bytes(), kept, "the bytes of others");
    assert_eq!(pages(&*fixture.store, ListQuery::of_tenant("else")).await.len(), 1);
    assert_eq!(works(fixture.store.remove_tenant("default").await), 0, "again");
    assert_eq!(works(fixture.store.remove_tenant("nobody").await), 0);
    drop((other, second));
    fixture = fixture.die().await;
    expected.push(super::task_key());
    let mut found = works(fixture.store.tasks().await);
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "the process has opened the task again, and the tenant is not back otherwise");
    assert_eq!(fixture.counts().await.added, 0);
    let other = open(&fixture, &other_key()).await;
    assert_eq!(works(other.counts_now().await).waiting, 1);
}

pub(super) async fn a_removed_task_refuses_steps_and_can_come_back(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let ids = fixture.add_some(3).await;
    let running = fixture.claim().await;
    works(fixture.store.remove_tenant("default").await);
    let old = Arc::clone(&fixture.task);
    assert!(works(old.get(ids[2]).await).is_none() && works(old.history(ids[0]).await).is_none());
    assert_eq!(works(old.counts_now().await).waiting, 0);
    let is_removed = |error: &StoreError| matches!(error, StoreError::TaskRemoved);
    let again = open(&fixture, &super::task_key()).await;
    for _ in 0..2 {
        let added = old.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await;
        assert!(matches!(&added, Err(AddError::Store(error)) if is_removed(error)), "{added:?}");
        assert!(old.claim(1, fixture.now).await.is_err_and(|error| is_removed(&error)));
        assert!(old.set_paused(true).await.is_err_and(|error| is_removed(&error)));
        let end = fixture.end(running.id, running.run, crate::End::Outcome(success())).await;
        assert!(end.is_err_and(|error| is_removed(&error)));
        assert_eq!(works(again.counts_now().await).added, 0, "the new task is another one");
        while works(fixture.store.free_removed(1).await) {}
    }
    let added = works(again.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await);
    assert_eq!(added[0].id, JobId(1), "ids begin anew");
    fixture.task = again;
    drop(old);
    assert_eq!(fixture.claim().await.id, JobId(1));
    fixture = fixture.die().await;
    assert_eq!(fixture.get(JobId(1)).await.life.attempt, 1, "the claim of the new job is known");
    assert_eq!(fixture.counts().await.added, 1);
}

pub(super) async fn what_is_removed_is_freed_in_steps_and_over_restarts(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, all_handlers()).await;
    assert!(!works(fixture.store.free_removed(STEP).await), "nothing was removed");
    fill(&mut fixture).await;
    works(fixture.store.remove_tenant("default").await);
    assert!(works(fixture.store.free_removed(STEP).await), "there is more than one step frees");
    fixture = fixture.die().await;
    assert!(free_all(&fixture).await > 1, "the rest is freed by the next process");
    assert!(!works(fixture.store.free_removed(STEP).await));
    let Fixture { mut location, store, task, .. } = fixture;
    drop((store, task));
    assert_eq!(location.left_over().await, Vec::<String>::new());
}
