//! Bytes that are kept: they are counted as jobs come, change and go, and bounded per task and store.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Outcome, Status, TaskKey, Timestamp};

use super::{Bench, Places, problem, retries, success, works};
use crate::{
    AddError, Change, Delivery, End, Finish, ListQuery, LogLine, LogSource, NewJob, Progress, Pruned, Rules, TaskStore,
};

pub(super) async fn all(places: &dyn Places) {
    bytes_are_counted_and_given_back(places).await;
    bytes_outlive_the_process(places).await;
    adding_is_refused_when_no_byte_is_left(places).await;
    those_that_ended_first_make_room(places).await;
    what_is_not_over_makes_no_room(places).await;
    the_store_has_a_bound_over_all_tasks(places).await;
}

/// A job with everything that can be counted.
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

async fn bytes(bench: &Bench) -> u64 {
    assert_eq!(bench.store.kept_bytes(), bench.counts().await.bytes, "there is one task only");
    bench.counts().await.bytes
}

async fn bytes_are_counted_and_given_back(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(2, 0)).await;
    assert_eq!(bytes(&bench).await, 0);
    let id = bench.add(full_job()).await;
    let waiting = bytes(&bench).await;
    assert!((600..1_500).contains(&waiting), "{waiting}: its texts, and something for the job itself");
    let line = |text: &str| LogLine { at: bench.now, source: LogSource::Stdout, text: text.to_owned() };
    works(bench.task.append_log(id, vec![line(&"y".repeat(100)), line("")]).await);
    let logged = bytes(&bench).await;
    assert!((waiting + 100..waiting + 500).contains(&logged), "{logged}: an empty line costs something too");
    for attempt in 1..=3_u64 {
        let job = bench.claim().await;
        let end = End::Outcome(if attempt < 3 { Outcome::Retry(problem()) } else { success() });
        let progress = Some(Progress { current: 1, total: 2, message: "half".repeat(10) });
        let finish = Finish { id, run: job.run, end, progress, cost: None, with_snapshot: false, chance: 0.5 };
        works(bench.finish_step(finish, false).await);
        assert!(bytes(&bench).await > logged, "attempt {attempt}: its problem and its record");
        bench.later(1);
    }
    works(bench.change(id, Change::Retry).await);
    works(bench.change(id, Change::Cancel).await);
    let plain = bench.add(NewJob::new("[]")).await;
    works(bench.change(plain, Change::Cancel).await);
    works(bench.change(plain, Change::Delete).await);
    assert!(bytes(&bench).await > waiting);
    works(bench.change(id, Change::Delete).await);
    assert_eq!(bytes(&bench).await, 0);
}

async fn bytes_outlive_the_process(places: &dyn Places) {
    let bench = Bench::new(places, retries(1, 0)).await;
    let id = bench.add(full_job()).await;
    bench.add_some(3).await;
    let job = bench.claim().await;
    works(bench.end(job.id, job.run, End::Outcome(Outcome::Retry(problem()))).await);
    let line = LogLine { at: bench.now, source: LogSource::Host, text: "z".repeat(50) };
    works(bench.task.append_log(id, vec![line]).await);
    let before = bytes(&bench).await;
    let bench = bench.die().await;
    assert_eq!(bytes(&bench).await, before);
    for id in 1..=4 {
        works(bench.change(JobId(id), Change::Delete).await);
    }
    assert_eq!(bytes(&bench).await, 0);
}

async fn adding_is_refused_when_no_byte_is_left(places: &dyn Places) {
    let bench = Bench::new(places, Rules { keep_bytes: 10_000, size: 3, ..Rules::default() }).await;
    let add = |jobs: Vec<NewJob>| bench.task.add(jobs, &bench.rules, bench.now);
    works(add(vec![large(4_000).with_key("k"), large(4_000)]).await);
    let kept = bytes(&bench).await;
    let Err(AddError::KeepBytesExceeded { kept: said, most, of_task }) = add(vec![large(1_500)]).await else {
        panic!("more bytes than may be kept were added");
    };
    assert_eq!((said, most, of_task), (kept, 10_000, true));
    let over = add(vec![large(10), large(1_500)]).await;
    assert!(matches!(over, Err(AddError::QueueFull { .. })), "a full queue is said first: {over:?}");
    assert_eq!((bytes(&bench).await, bench.counts().await.waiting), (kept, 2));
    let twin = works(add(vec![large(4_000).with_key("k")]).await);
    assert_eq!((twin[0].id, twin[0].is_new), (JobId(1), false), "what is there already takes no more room");
    works(add(vec![large(1_000)]).await);
}

async fn end_one(bench: &mut Bench, outcome: Outcome) {
    let job = bench.claim().await;
    bench.finish(&job, outcome).await;
    bench.later(10);
}

async fn kept_ids(bench: &Bench) -> Vec<u64> {
    let query = ListQuery { order: crate::ListOrder::OldestFirst, ..ListQuery::of_task(&super::bench_key()) };
    works(bench.store.list(&query).await).jobs.into_iter().map(|job| job.id.0).collect()
}

async fn those_that_ended_first_make_room(places: &dyn Places) {
    let rules = Rules { keep_bytes: 1 << 20, size: 10, ..Rules::default() };
    let mut bench = Bench::new(places, rules).await;
    for _ in 0..6 {
        bench.add(large(1_000)).await;
    }
    for at in 0..5 {
        let rejected = Outcome::Reject(problem());
        end_one(&mut bench, if at % 2 == 0 { success() } else { rejected }).await;
    }
    // One that lives again is passed over.
    works(bench.change(JobId(1), Change::Retry).await);
    let each = bytes(&bench).await / 6;
    let tight = Arc::new(Rules { keep_bytes: bytes(&bench).await + each / 2, ..(*bench.rules).clone() });
    assert!(!bench.task.has_room_for(each, &tight) && bench.task.has_room_for(0, &bench.rules));
    assert_eq!(works(bench.task.make_room(0, 0, &bench.rules).await), Pruned { jobs: 0, ..Pruned::default() });
    let made = works(bench.task.make_room(each, 1, &tight).await);
    assert!(made.more, "it stops when it has done its work: {made:?}");
    let made = works(bench.task.make_room(each, 100, &tight).await);
    assert_eq!((made, kept_ids(&bench).await), (Pruned { jobs: 1, ..Pruned::default() }, vec![1, 3, 4, 5, 6]));
    let made = works(bench.task.make_room(3 * each, 100, &tight).await);
    assert_eq!((made.jobs, kept_ids(&bench).await), (2, vec![1, 5, 6]));
    let never = works(bench.task.make_room(2 << 20, 100, &tight).await);
    assert_eq!((never, kept_ids(&bench).await), (Pruned::default(), vec![1, 5, 6]), "so much will never fit");
    assert!(works(bench.task.get(JobId(2)).await).is_none());
    assert_eq!((bench.counts().await.success, bench.counts().await.failure), (1, 0));
    assert_eq!(bench.status(JobId(5)).await, Status::Success);
}

async fn what_is_not_over_makes_no_room(places: &dyn Places) {
    let rules = Rules { success_handler: true, ..Rules::default() };
    let mut bench = Bench::new(places, rules).await;
    for _ in 0..3 {
        bench.add(large(1_000)).await;
    }
    end_one(&mut bench, success()).await;
    bench.claim().await;
    let tight = Arc::new(Rules { keep_bytes: bytes(&bench).await, ..(*bench.rules).clone() });
    let made = works(bench.task.make_room(1_000, 100, &tight).await);
    assert_eq!((made.jobs, kept_ids(&bench).await), (0, vec![1, 2, 3]), "told of, running and waiting");
    let callback = works(bench.task.claim_callbacks(crate::Lane::Ends, 1, bench.now).await).callbacks.remove(0);
    works(bench.task.settle_callback(callback.number, Delivery::Done, bench.now).await);
    let made = works(bench.task.make_room(1_000, 100, &tight).await);
    assert_eq!((made.jobs, kept_ids(&bench).await), (1, vec![2, 3]));
}

async fn end_in(task: &dyn TaskStore, rules: &Arc<Rules>, now: Timestamp) {
    works(task.add(vec![large(1_000)], rules, now).await);
    let job = works(task.claim(1, now).await).jobs.remove(0);
    let end = End::Outcome(success());
    let finish =
        Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
    works(task.finish(finish, false, rules, now).await);
}

async fn the_store_has_a_bound_over_all_tasks(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let key = |name: &str| TaskKey::new("default", name);
    let one = works(bench.store.open(&key("one"), &bench.rules, bench.now, Arc::new(())).await);
    let two = works(bench.store.open(&key("two"), &bench.rules, bench.now, Arc::new(())).await);
    // In turns, so that the first ones are of both.
    for _ in 0..3 {
        for task in [&one, &two] {
            end_in(&**task, &bench.rules, bench.now).await;
            bench.later(10);
        }
    }
    let (all, each) = (bench.store.kept_bytes(), works(one.counts_now().await).bytes / 3);
    assert_eq!(
        (all, bench.counts().await.bytes),
        (works(one.counts_now().await).bytes + works(two.counts_now().await).bytes, 0)
    );
    bench.store.set_keep_bytes(all + each / 2);
    assert!(!bench.task.has_room_for(each, &bench.rules) && bench.task.has_room_for(1, &bench.rules));
    let refused = bench.task.add(vec![large(1_000)], &bench.rules, bench.now).await;
    assert!(matches!(refused, Err(AddError::KeepBytesExceeded { of_task: false, .. })), "{refused:?}");
    let made = works(bench.task.make_room(3 * each - each / 4, 100, &bench.rules).await);
    assert_eq!(made, Pruned { jobs: 3, ..Pruned::default() });
    assert_eq!(
        (works(one.counts_now().await).success, works(two.counts_now().await).success),
        (1, 2),
        "those that ended first, whatever their task"
    );
    assert_eq!(bench.store.kept_bytes(), works(one.counts_now().await).bytes + works(two.counts_now().await).bytes);
    works(bench.task.add(vec![large(1_000); 2], &bench.rules, bench.now).await);
    drop((one, two));
    let before = bench.store.kept_bytes();
    let bench = bench.die().await;
    assert_eq!(bench.store.kept_bytes(), before, "also of tasks that are not open");
}
