//! Stored bytes: counted as jobs are added, changed and removed, and limited per task and per store.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, JobKey, LogSource, Outcome, Status, TaskKey, Timestamp};

use super::callbacks::defer;
use super::{Fixture, Locations, problem, retries, success, works};
use crate::{AddError, Change, Delivery, End, Finish, ListQuery, LogLine, NewJob, Progress, Pruned, Rules, TaskStore};

/// Returns a job that uses every field that is counted.
fn full_job() -> NewJob {
    let parent = JobKey { task: TaskKey::new("default", "parent"), id: JobId(7) };
    NewJob {
        parent: Some(parent),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..NewJob::new(format!("[\"{}\"]", "é".repeat(300))).with_key("a key").with_unique("a fingerprint")
    }
}

fn large(bytes: usize) -> NewJob {
    NewJob::new(format!("[\"{}\"]", "x".repeat(bytes)))
}

async fn bytes(fixture: &Fixture) -> u64 {
    assert_eq!(fixture.store.kept_bytes(), fixture.counts().await.bytes, "there is only one task");
    fixture.counts().await.bytes
}

pub(super) async fn bytes_are_counted_and_freed(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(2, 0)).await;
    assert_eq!(bytes(&fixture).await, 0);
    let id = fixture.add(full_job()).await;
    let waiting = bytes(&fixture).await;
    assert!((600..1_500).contains(&waiting), "{waiting}: its texts, and some bytes for the job itself");
    let line = |text: &str| LogLine { at: fixture.now, source: LogSource::Stdout, text: text.to_owned() };
    works(fixture.task.append_log(id, vec![line(&"y".repeat(100)), line("")]).await);
    let logged = bytes(&fixture).await;
    assert!((waiting + 100..waiting + 500).contains(&logged), "{logged}: an empty line counts, too");
    for attempt in 1..=3_u64 {
        let job = fixture.claim().await;
        let end = End::Outcome(if attempt < 3 { Outcome::failure(FailureKind::Failed, problem()) } else { success() });
        let progress = Some(Progress { current: 1, total: 2, message: "half".repeat(10) });
        let finish = Finish { id, run: job.run, end, progress, cost: None, with_snapshot: false, chance: 0.5 };
        works(fixture.finish_step(finish, false).await);
        assert!(bytes(&fixture).await > logged, "attempt {attempt}: its problem and its record count");
        fixture.later(1);
    }
    works(fixture.change(id, Change::Retry).await);
    works(fixture.change(id, Change::Cancel).await);
    let plain = fixture.add(NewJob::new("[]")).await;
    works(fixture.change(plain, Change::Cancel).await);
    works(fixture.change(plain, Change::Delete).await);
    assert!(bytes(&fixture).await > waiting);
    works(fixture.change(id, Change::Delete).await);
    assert_eq!(bytes(&fixture).await, 0);
}

pub(super) async fn byte_counts_survive_a_restart(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(1, 0)).await;
    let id = fixture.add(full_job()).await;
    fixture.add_some(3).await;
    let job = fixture.claim().await;
    works(fixture.end(job.id, job.run, End::Outcome(Outcome::failure(FailureKind::Failed, problem()))).await);
    let line = LogLine { at: fixture.now, source: LogSource::Host, text: "z".repeat(50) };
    works(fixture.task.append_log(id, vec![line]).await);
    let before = bytes(&fixture).await;
    let fixture = fixture.die().await;
    assert_eq!(bytes(&fixture).await, before);
    for id in 1..=4 {
        works(fixture.change(JobId(id), Change::Delete).await);
    }
    assert_eq!(bytes(&fixture).await, 0);
}

pub(super) async fn adding_is_refused_beyond_keep_bytes(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { keep_bytes: 10_000, size: 3, ..Rules::default() }).await;
    let add = |jobs: Vec<NewJob>| fixture.task.add(jobs, &fixture.rules, fixture.now);
    works(add(vec![large(4_000).with_key("k"), large(4_000)]).await);
    let kept = bytes(&fixture).await;
    let Err(AddError::KeepBytesExceeded { kept: reported, most, of_task }) = add(vec![large(1_500)]).await else {
        panic!("the store accepted more bytes than `keep_bytes`");
    };
    assert_eq!((reported, most, of_task), (kept, 10_000, true));
    let over = add(vec![large(10), large(1_500)]).await;
    assert!(matches!(over, Err(AddError::QueueFull { .. })), "a full queue is reported first: {over:?}");
    assert_eq!((bytes(&fixture).await, fixture.counts().await.waiting), (kept, 2));
    let duplicate = works(add(vec![large(4_000).with_key("k")]).await);
    assert_eq!((duplicate[0].id, duplicate[0].is_new), (JobId(1), false), "a duplicate takes no more room");
    works(add(vec![large(1_000)]).await);
}

async fn end_one(fixture: &mut Fixture, outcome: Outcome) {
    let job = fixture.claim().await;
    fixture.finish(&job, outcome).await;
    fixture.later(10);
}

async fn kept_ids(fixture: &Fixture) -> Vec<u64> {
    let query = ListQuery { order: crate::ListOrder::OldestFirst, ..ListQuery::of_task(&super::task_key()) };
    works(fixture.store.list(&query).await).jobs.into_iter().map(|job| job.id.0).collect()
}

pub(super) async fn the_jobs_that_ended_first_are_evicted(locations: &dyn Locations) {
    let rules = Rules { keep_bytes: 1 << 20, size: 10, ..Rules::default() };
    let mut fixture = Fixture::new(locations, rules).await;
    for _ in 0..6 {
        fixture.add(large(1_000)).await;
    }
    for at in 0..5 {
        let rejected = Outcome::failure(FailureKind::Rejected, problem());
        end_one(&mut fixture, if at % 2 == 0 { success() } else { rejected }).await;
    }
    // The stale entry of a retried job is skipped.
    works(fixture.change(JobId(1), Change::Retry).await);
    let each = bytes(&fixture).await / 6;
    let tight = Arc::new(Rules { keep_bytes: bytes(&fixture).await + each / 2, ..(*fixture.rules).clone() });
    assert!(!fixture.task.has_room_for(each, &tight) && fixture.task.has_room_for(0, &fixture.rules));
    assert_eq!(works(fixture.task.make_room(0, 0, &fixture.rules).await), Pruned { jobs: 0, ..Pruned::default() });
    let made = works(fixture.task.make_room(each, 1, &tight).await);
    assert!(made.more, "it stops at the limit of work: {made:?}");
    let made = works(fixture.task.make_room(each, 100, &tight).await);
    assert_eq!((made, kept_ids(&fixture).await), (Pruned { jobs: 1, ..Pruned::default() }, vec![1, 3, 4, 5, 6]));
    let made = works(fixture.task.make_room(3 * each, 100, &tight).await);
    assert_eq!((made.jobs, kept_ids(&fixture).await), (2, vec![1, 5, 6]));
    let never = works(fixture.task.make_room(2 << 20, 100, &tight).await);
    assert_eq!((never, kept_ids(&fixture).await), (Pruned::default(), vec![1, 5, 6]), "so many bytes can never fit");
    assert!(works(fixture.task.get(JobId(2)).await).is_none());
    assert_eq!((fixture.counts().await.success, fixture.counts().await.failure), (1, 0));
    assert_eq!(fixture.status(JobId(5)).await, Status::Success);
}

pub(super) async fn of_jobs_that_ended_at_once_successes_are_evicted_first(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { keep_bytes: 1 << 20, size: 10, ..Rules::default() }).await;
    for outcome in [Outcome::failure(FailureKind::Rejected, problem()), success()] {
        fixture.add(large(1_000)).await;
        let job = fixture.claim().await;
        fixture.finish(&job, outcome).await;
    }
    let tight = Arc::new(Rules { keep_bytes: bytes(&fixture).await, ..(*fixture.rules).clone() });
    let made = works(fixture.task.make_room(100, 100, &tight).await);
    assert_eq!((made.jobs, kept_ids(&fixture).await), (1, vec![1]));
}

pub(super) async fn unfinished_jobs_are_not_evicted(locations: &dyn Locations) {
    let rules = Rules { success_handler: true, ..Rules::default() };
    let mut fixture = Fixture::new(locations, rules).await;
    for _ in 0..3 {
        fixture.add(large(1_000)).await;
    }
    end_one(&mut fixture, success()).await;
    fixture.claim().await;
    let tight = Arc::new(Rules { keep_bytes: bytes(&fixture).await, ..(*fixture.rules).clone() });
    let made = works(fixture.task.make_room(1_000, 100, &tight).await);
    assert_eq!(
        (made.jobs, kept_ids(&fixture).await),
        (0, vec![1, 2, 3]),
        "one has a pending callback, one runs, one waits"
    );
    let callback = works(fixture.task.claim_callbacks(crate::Lane::Ends, 1, fixture.now).await).callbacks.remove(0);
    works(fixture.task.settle_callback(callback.number, Delivery::Done, fixture.now).await);
    let made = works(fixture.task.make_room(1_000, 100, &tight).await);
    assert_eq!((made.jobs, kept_ids(&fixture).await), (1, vec![2, 3]));
}

pub(super) async fn evicted_jobs_with_a_deferred_callback_are_counted(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { success_handler: true, ..Rules::default() }).await;
    let evicted = Pruned { jobs: 1, undelivered: 1, more: false };
    for limits_task in [true, false] {
        fixture.add(large(1_000)).await;
        end_one(&mut fixture, success()).await;
        defer(&mut fixture).await;
        let kept = bytes(&fixture).await;
        let tight =
            Arc::new(Rules { keep_bytes: if limits_task { kept } else { u64::MAX }, ..(*fixture.rules).clone() });
        fixture.store.set_keep_bytes(if limits_task { u64::MAX } else { kept });
        assert_eq!(works(fixture.task.make_room(kept, 100, &tight).await), evicted, "of the task: {limits_task}");
        assert_eq!((fixture.counts().await.callbacks, fixture.counts().await.deferred), (0, 0));
        fixture.store.set_keep_bytes(u64::MAX);
    }
}

async fn end_in(task: &dyn TaskStore, rules: &Arc<Rules>, now: Timestamp) {
    works(task.add(vec![large(1_000)], rules, now).await);
    let job = works(task.claim(1, now).await).jobs.remove(0);
    let end = End::Outcome(success());
    let finish =
        Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
    works(task.finish(finish, false, rules, now).await);
}

pub(super) async fn the_byte_limit_of_the_store_covers_all_tasks(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let key = |name: &str| TaskKey::new("default", name);
    let one = works(fixture.store.open(&key("one"), &fixture.rules, fixture.now, Arc::new(())).await);
    let two = works(fixture.store.open(&key("two"), &fixture.rules, fixture.now, Arc::new(())).await);
    // In turns, so that both tasks have jobs that ended first.
    for _ in 0..3 {
        for task in [&one, &two] {
            end_in(&**task, &fixture.rules, fixture.now).await;
            fixture.later(10);
        }
    }
    let (all, each) = (fixture.store.kept_bytes(), works(one.counts_now().await).bytes / 3);
    assert_eq!(
        (all, fixture.counts().await.bytes),
        (works(one.counts_now().await).bytes + works(two.counts_now().await).bytes, 0)
    );
    fixture.store.set_keep_bytes(all + each / 2);
    assert!(!fixture.task.has_room_for(each, &fixture.rules) && fixture.task.has_room_for(1, &fixture.rules));
    let refused = fixture.task.add(vec![large(1_000)], &fixture.rules, fixture.now).await;
    assert!(matches!(refused, Err(AddError::KeepBytesExceeded { of_task: false, .. })), "{refused:?}");
    let made = works(fixture.task.make_room(3 * each - each / 4, 100, &fixture.rules).await);
    assert_eq!(made, Pruned { jobs: 3, ..Pruned::default() });
    assert_eq!(
        (works(one.counts_now().await).success, works(two.counts_now().await).success),
        (1, 2),
        "those that ended first, whatever their task"
    );
    assert_eq!(fixture.store.kept_bytes(), works(one.counts_now().await).bytes + works(two.counts_now().await).bytes);
    works(fixture.task.add(vec![large(1_000); 2], &fixture.rules, fixture.now).await);
    drop((one, two));
    let before = fixture.store.kept_bytes();
    let fixture = fixture.die().await;
    assert_eq!(fixture.store.kept_bytes(), before, "tasks that are not open count, too");
}

pub(super) async fn the_tenant_with_the_most_bytes_makes_room_for_all(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let mut tasks = Vec::new();
    for (tenant, task) in [("small", "it"), ("large", "one"), ("large", "two")] {
        let key = TaskKey::new(tenant, task);
        tasks.push(works(fixture.store.open(&key, &fixture.rules, fixture.now, Arc::new(())).await));
    }
    // The jobs of the small tenant ended first.
    for (task, jobs) in [(0, 2), (1, 4), (2, 4)] {
        for _ in 0..jobs {
            end_in(&*tasks[task], &fixture.rules, fixture.now).await;
            fixture.later(10);
        }
    }
    let (all, each) = (fixture.store.kept_bytes(), works(tasks[0].counts_now().await).bytes / 2);
    fixture.store.set_keep_bytes(all);
    for (jobs, expected) in [(5, [2, 0, 3]), (8, [1, 0, 1])] {
        let before = fixture.store.kept_bytes();
        let made = works(fixture.task.make_room(jobs * each - each / 4, 100, &fixture.rules).await);
        assert_eq!(made.jobs as u64, (before - fixture.store.kept_bytes()) / each);
        let mut left = Vec::new();
        for task in &tasks {
            left.push(works(task.counts_now().await).success);
        }
        assert_eq!(left, expected, "what ended first, of the tenant with the most bytes");
    }
}
