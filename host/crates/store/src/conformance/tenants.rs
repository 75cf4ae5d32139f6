//! Quotas of a tenant: exact over all its tasks, and of no effect on other tenants.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, Outcome, TaskKey};
use saggar_tenant::Tenant;

use super::{Fixture, Locations, problem, retries, success, works};
use crate::{AddError, Change, Delivery, End, Finish, Lane, NewJob, Pruned, Rules, TaskStore, TenantLevels};

/// Opens a task of a tenant.
async fn open(fixture: &Fixture, tenant: &str, task: &str) -> Arc<dyn TaskStore> {
    works(fixture.store.open(&TaskKey::new(tenant, task), &fixture.rules, fixture.now, Arc::new(())).await)
}

async fn add(fixture: &Fixture, task: &dyn TaskStore, jobs: Vec<NewJob>) -> Result<(), AddError> {
    task.add(jobs, &fixture.rules, fixture.now).await.map(drop)
}

#[track_caller]
fn assert_exceeded(result: Result<(), AddError>, quota: &str, limit: u64) {
    let Err(AddError::QuotaExceeded(exceeded)) = result else { panic!("{quota} of {limit}: {result:?}") };
    assert_eq!((exceeded.quota, exceeded.limit, exceeded.retry_after), (quota, limit, None));
}

fn large(bytes: usize) -> NewJob {
    NewJob::new(format!("[\"{}\"]", "x".repeat(bytes)))
}

fn used(levels: &TenantLevels) -> (u64, u64) {
    (levels.waiting.used(), levels.kept_bytes.used())
}

/// Runs the next job of a task to its end.
async fn end_in(fixture: &Fixture, task: &dyn TaskStore, outcome: Outcome) -> JobId {
    let job = works(task.claim(1, fixture.now).await).jobs.remove(0);
    let (id, run, end) = (job.id, job.run, End::Outcome(outcome));
    let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
    works(task.finish(finish, false, &fixture.rules, fixture.now).await);
    id
}

pub(super) async fn waiting_jobs_are_limited_over_all_tasks_of_a_tenant(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let (one, two) = (open(&fixture, "acme", "one").await, open(&fixture, "acme", "two").await);
    let other = open(&fixture, "other", "one").await;
    let acme = fixture.store.tenant_levels("acme");
    acme.waiting.set_limit(Some(5));
    works(add(&fixture, &*one, vec![NewJob::new("[]"); 3]).await);
    assert_exceeded(add(&fixture, &*two, vec![NewJob::new("[]"); 3]).await, "waiting", 5);
    assert_eq!(acme.waiting.used(), 3, "a batch that does not fit leaves no part of it");
    works(add(&fixture, &*two, vec![NewJob::new("[]").with_key("k"), NewJob::new("[]").with_delay_ms(1_000)]).await);
    for task in [&one, &two] {
        assert_exceeded(add(&fixture, &**task, vec![NewJob::new("[]")]).await, "waiting", 5);
    }
    works(add(&fixture, &*two, vec![NewJob::new("[]").with_key("k")]).await);
    works(add(&fixture, &*one, Vec::new()).await);
    works(add(&fixture, &*other, vec![NewJob::new("[]"); 20]).await);
    assert_eq!((acme.waiting.used(), fixture.store.tenant_levels("other").waiting.used()), (5, 20));
    // A job that runs does not wait.
    let claimed = works(one.claim(1, fixture.now).await).jobs;
    works(add(&fixture, &*two, vec![NewJob::new("[]")]).await);
    assert_eq!((claimed.len(), acme.waiting.used()), (1, 5));
    acme.waiting.set_limit(Some(6));
    works(add(&fixture, &*one, vec![NewJob::new("[]")]).await);
    acme.waiting.set_limit(Some(2));
    assert_exceeded(add(&fixture, &*one, vec![NewJob::new("[]")]).await, "waiting", 2);
    acme.waiting.set_limit(None);
    works(add(&fixture, &*one, vec![NewJob::new("[]"); 10]).await);
    assert_eq!(acme.waiting.used(), 16);
}

pub(super) async fn every_way_to_wait_is_counted(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { add_handler: true, ..retries(1, 0) }).await;
    let levels = fixture.store.tenant_levels("default");
    levels.waiting.set_limit(Some(2));
    let on_hold = fixture.add(NewJob::new("[]")).await;
    fixture.add(NewJob::new("[]").with_delay_ms(50)).await;
    let full = add(&fixture, &*fixture.task, vec![NewJob::new("[]")]).await;
    assert_exceeded(full, "waiting", 2);
    for _ in 0..2 {
        let callback = works(fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now).await).callbacks.remove(0);
        works(fixture.task.settle_callback(callback.number, Delivery::Done, fixture.now).await);
    }
    assert_eq!(levels.waiting.used(), 2, "a job that was released still waits");
    let job = fixture.claim().await;
    assert_eq!((job.id, levels.waiting.used()), (on_hold, 1));
    fixture.finish(&job, Outcome::failure(FailureKind::Failed, problem())).await;
    assert_eq!(levels.waiting.used(), 2, "a retry waits");
    let job = fixture.claim().await;
    works(fixture.end(job.id, job.run, End::Requeue).await);
    assert_eq!(levels.waiting.used(), 2, "a requeued job waits");
    let job = fixture.claim().await;
    fixture.task.release(job.id, job.run, &fixture.rules, fixture.now);
    let job = fixture.claim().await;
    assert_eq!(
        (job.id, levels.waiting.used()),
        (on_hold, 1),
        "a job whose claim was released waits, until it is claimed"
    );
    fixture.finish(&job, success()).await;
    assert_eq!(levels.waiting.used(), 1);
    levels.waiting.set_limit(Some(1));
    works(fixture.change(on_hold, Change::Retry).await);
    assert_eq!(levels.waiting.used(), 2, "a retry on request is not refused, but counts");
    works(fixture.change(on_hold, Change::Cancel).await);
    works(fixture.change(JobId(2), Change::Delete).await);
    assert_eq!(levels.waiting.used(), 0);
}

pub(super) async fn bytes_are_limited_over_all_tasks_of_a_tenant(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let (one, two) = (open(&fixture, "acme", "one").await, open(&fixture, "acme", "two").await);
    let other = open(&fixture, "other", "one").await;
    let acme = fixture.store.tenant_levels("acme");
    works(add(&fixture, &*one, vec![large(1_000)]).await);
    let each = acme.kept_bytes.used();
    assert_eq!((each, used(&acme)), (works(one.counts_now().await).bytes, (1, each)));
    acme.kept_bytes.set_limit(Some(3 * each));
    assert_exceeded(add(&fixture, &*two, vec![large(1_000); 3]).await, "keep_bytes", 3 * each);
    assert_exceeded(add(&fixture, &*two, vec![large(1_000), large(1_001)]).await, "keep_bytes", 3 * each);
    works(add(&fixture, &*two, vec![large(1_000); 2]).await);
    assert_eq!(used(&acme), (3, 3 * each), "exactly the limit");
    assert_exceeded(add(&fixture, &*one, vec![NewJob::new("[]")]).await, "keep_bytes", 3 * each);
    works(add(&fixture, &*other, vec![large(1_000); 10]).await);
    // Ended jobs count, and responses are not refused.
    end_in(&fixture, &*one, success()).await;
    assert_eq!(used(&acme), (2, 3 * each + 1));
    works(one.change(JobId(1), Change::Delete, &fixture.rules, fixture.now).await);
    assert_eq!(used(&acme), (2, 2 * each));
    works(add(&fixture, &*one, vec![large(1_000)]).await);
}

pub(super) async fn room_is_made_among_the_jobs_of_the_tenant(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let (one, two) = (open(&fixture, "acme", "one").await, open(&fixture, "acme", "two").await);
    let other = open(&fixture, "other", "one").await;
    // Those of the other tenant ended first.
    for task in [&other, &one, &two, &other, &one, &two] {
        works(add(&fixture, &**task, vec![large(1_000)]).await);
        end_in(&fixture, &**task, success()).await;
        fixture.later(10);
    }
    let (acme, each) = (fixture.store.tenant_levels("acme"), works(other.counts_now().await).bytes / 2);
    assert!(one.has_room_for(each, &fixture.rules));
    acme.kept_bytes.set_limit(Some(4 * each));
    assert!(!one.has_room_for(each, &fixture.rules) && other.has_room_for(each, &fixture.rules));
    assert_eq!(works(other.make_room(each, 100, &fixture.rules).await), Pruned::default(), "it is not its quota");
    assert!(works(one.make_room(2 * each, 1, &fixture.rules).await).more, "it stops at the limit of work");
    let made = works(one.make_room(2 * each, 100, &fixture.rules).await);
    assert_eq!((made.more, acme.kept_bytes.used()), (false, each), "a sixty-fourth stays free");
    let ended = async |task: &Arc<dyn TaskStore>| works(task.counts_now().await).success;
    assert_eq!((ended(&one).await, ended(&two).await, ended(&other).await), (0, 1, 2), "those that ended first");
    assert_eq!(works(one.make_room(5 * each, 100, &fixture.rules).await), Pruned::default(), "it can never fit");
    works(add(&fixture, &*one, vec![large(1_000); 2]).await);
    assert_eq!(acme.kept_bytes.used(), 3 * each - 2);
}

pub(super) async fn levels_survive_a_restart(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(3, 0)).await;
    let other = open(&fixture, "other", "one").await;
    fixture.add_some(4).await;
    fixture.claim().await;
    end_in(&fixture, &*fixture.task, success()).await;
    works(add(&fixture, &*other, vec![large(100)]).await);
    let levels = ["default", "other"].map(|tenant| fixture.store.tenant_levels(tenant));
    let before = levels.each_ref().map(used);
    drop((other, levels));
    let fixture = fixture.die().await;
    let levels = ["default", "other"].map(|tenant| fixture.store.tenant_levels(tenant));
    assert_eq!((before[0].0, levels[0].waiting.used()), (2, 3), "the interrupted attempt is repeated");
    assert_eq!((before[1], used(&levels[1])), ((1, before[1].1), before[1]), "tasks that are not open count, too");
    levels[0].waiting.set_limit(Some(3));
    assert_exceeded(add(&fixture, &*fixture.task, vec![NewJob::new("[]")]).await, "waiting", 3);
    for id in 1..=4 {
        works(fixture.change(JobId(id), Change::Delete).await);
    }
    assert_eq!(used(&levels[0]), (0, 0));
}

pub(super) async fn steps_of_tenants_of_any_weight_are_all_done(locations: &dyn Locations) {
    const STEPS: usize = 300;
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tasks = Vec::new();
    for (name, weight) in [("light", 1), ("heavy", 10_000)] {
        let tenant = Tenant::new(name);
        tenant.set_weight(weight);
        fixture.store.know_tenant(&tenant);
        tasks.push(open(&fixture, name, "it").await);
    }
    let mut added = tokio::task::JoinSet::new();
    for _ in 0..STEPS {
        for task in &tasks {
            let (task, rules, now) = (Arc::clone(task), Arc::clone(&fixture.rules), fixture.now);
            added.spawn(async move { task.add(vec![NewJob::new("[]")], &rules, now).await });
        }
    }
    while let Some(added) = added.join_next().await {
        assert_eq!(works(added.expect("adding does not panic")).len(), 1);
    }
    for task in tasks {
        assert_eq!(works(task.counts_now().await).waiting, STEPS as _);
    }
}
