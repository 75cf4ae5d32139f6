//! Keys and fingerprints: which job is answered instead of adding one.

use std::sync::Arc;

use saggar_job::{JobId, Outcome, Run, Status};

use super::{Bench, Places, problem, retries, success, works};
use crate::{AddError, Added, Change, End, KeyOwner, KeyReuse, NewJob, Rules};

pub(super) async fn all(places: &dyn Places) {
    a_key_answers_the_same_job_while_it_is_kept(places).await;
    a_unique_job_is_there_once_while_it_waits_or_runs(places).await;
    names_hold_within_a_batch(places).await;
    a_key_means_one_job(places).await;
    what_is_answered_needs_no_room(places).await;
}

fn old(id: JobId) -> Added {
    Added { id, is_new: false }
}

fn new(id: u64) -> Added {
    Added { id: JobId(id), is_new: true }
}

async fn add(bench: &Bench, job: NewJob) -> Added {
    works(bench.task.add(vec![job], &bench.rules, bench.now).await)[0]
}

async fn a_key_answers_the_same_job_while_it_is_kept(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let keyed = |args: &str| NewJob::new(args).with_key("k");
    assert_eq!(add(&bench, keyed("[1]")).await, new(1));
    let again = keyed("[1]").with_id(JobId(1)).with_delay_ms(9);
    assert_eq!(add(&bench, again).await, old(JobId(1)), "the id and time of a job that is not added say nothing");
    assert_eq!(add(&bench, NewJob::new("[]").with_key("K")).await, new(2), "keys are taken as they are");
    let job = bench.get(JobId(1)).await;
    assert_eq!((&*job.args, job.priority, job.key.as_deref()), ("[1]", 0, Some("k")), "the job stays as it is");
    bench.finish(&bench.claim().await, success()).await;
    assert_eq!(add(&bench, keyed("[1]")).await, old(JobId(1)), "after the end too");
    bench.later(bench.rules.retention.success_ms);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1);
    assert_eq!(add(&bench, keyed("[4]")).await, new(3), "until the job is gone");
    works(bench.change(JobId(3), Change::Delete).await);
    assert_eq!(add(&bench, keyed("[5]")).await, new(4));
    let other =
        bench.store.open(&saggar_job::TaskKey::new("default", "other"), &bench.rules, bench.now, Arc::new(())).await;
    assert_eq!(works(works(other).add(vec![keyed("[]")], &bench.rules, bench.now).await), [new(1)], "per task");
}

async fn a_unique_job_is_there_once_while_it_waits_or_runs(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(1, 10)).await;
    let unique = || NewJob::new("[]").with_unique("f");
    assert_eq!(add(&bench, unique()).await, new(1));
    assert_eq!(add(&bench, NewJob::new("[]").with_unique("g")).await, new(2));
    assert_eq!(add(&bench, NewJob::new("[]").with_key("f")).await, new(3), "a key is no fingerprint");
    assert_eq!(add(&bench, unique()).await, old(JobId(1)));
    let job = bench.claim().await;
    assert_eq!(add(&bench, unique()).await, old(JobId(1)), "while it runs");
    bench.finish(&job, Outcome::Retry(problem())).await;
    assert_eq!(add(&bench, unique()).await, old(JobId(1)), "while it waits for its next attempt");
    bench.later(10);
    for id in [JobId(2), JobId(3)] {
        works(bench.change(id, Change::Cancel).await);
    }
    bench.finish(&bench.claim().await, success()).await;
    assert_eq!(add(&bench, unique()).await, new(4), "no longer than that");
    works(bench.change(JobId(4), Change::Cancel).await);
    assert_eq!(add(&bench, unique().with_key("x")).await, new(5));
    assert_eq!(add(&bench, unique().with_key("y")).await, old(JobId(5)));
    works(bench.change(JobId(5), Change::Cancel).await);
    assert_eq!(add(&bench, unique().with_key("y")).await, new(6), "the key of a job that was not added is forgotten");
    assert_eq!(add(&bench, unique().with_key("x")).await, old(JobId(5)), "the key goes before the fingerprint");
    works(bench.change(JobId(6), Change::Delete).await);
    assert_eq!(add(&bench, unique()).await, new(7));
    assert_eq!(bench.get(JobId(7)).await.unique.as_deref(), Some("f"));
}

async fn names_hold_within_a_batch(places: &dyn Places) {
    let bench = Bench::new(places, Rules { size: 3, ..Rules::default() }).await;
    let plain = || NewJob::new("[]");
    let batch = vec![
        plain().with_key("k"),
        plain().with_unique("f").with_id(JobId(9)),
        plain().with_key("k").with_id(JobId(0)),
        plain().with_unique("f"),
        plain().with_key("l").with_unique("f"),
        plain(),
    ];
    let added = works(bench.task.add(batch.clone(), &bench.rules, bench.now).await);
    let (one, nine) = (JobId(1), JobId(9));
    assert_eq!(added, [new(1), new(9), old(one), old(nine), old(nine), new(10)]);
    assert_eq!((bench.counts().await.waiting, bench.counts().await.added), (3, 3));
    let refused = bench.task.add(batch, &bench.rules, bench.now).await;
    assert!(matches!(refused, Err(AddError::QueueFull { size: 3 })), "the last one of it would be new");
}

async fn a_key_means_one_job(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules { size: 3, ..Rules::default() }).await;
    let long = format!("[\"{}\"]", "x".repeat(2_000));
    let kept = || NewJob::new(long.as_str()).with_key("k").with_priority(1);
    assert_eq!(add(&bench, kept()).await, new(1));
    let other = NewJob::new(format!("[\"{}y\"]", "x".repeat(1_999))).with_key("k").with_priority(1);
    let others = [other, kept().with_priority(2), kept().with_unique("f"), NewJob::new("[]").with_key("k")];
    let batch = |job: &NewJob| vec![NewJob::new("[]"), kept(), job.clone()];
    for _ in 0..4 {
        for job in &others {
            let refused = bench.task.add(batch(job), &bench.rules, bench.now).await;
            let Err(AddError::KeyReused(reused)) = &refused else { panic!("{refused:?}") };
            assert_eq!(*reused, [KeyReuse { at: 2, key: "k".into(), of: KeyOwner::Kept(JobId(1)) }]);
        }
        assert_eq!(add(&bench, kept()).await, old(JobId(1)), "the same one is answered");
        // While it waits, while it runs, when it has ended, and in another process.
        match bench.status(JobId(1)).await {
            Status::Waiting => drop(bench.claim().await),
            Status::Running => drop(works(bench.end(JobId(1), Run(1), End::Outcome(success())).await)),
            _ => bench = bench.die().await,
        }
    }
    assert_eq!(bench.counts().await.added, 1, "nothing of a refused batch is added");
    let twice = vec![NewJob::new("[1]").with_key("new"), NewJob::new("[2]").with_key("new"), others[3].clone()];
    let refused = bench.task.add(twice, &bench.rules, bench.now).await;
    let Err(AddError::KeyReused(reused)) = &refused else { panic!("{refused:?}") };
    let of: Vec<_> = reused.iter().map(|reuse| (reuse.at, reuse.of)).collect();
    assert_eq!(of, [(1, KeyOwner::Earlier(0)), (2, KeyOwner::Kept(JobId(1)))], "all of them");
    let full = Bench { rules: Rules { size: 0, ..Rules::default() }.into(), ..bench };
    let refused = full.task.add(batch(&others[0]), &full.rules, full.now).await;
    assert_eq!(refused.err().map(|error| error.code()), Some("key-reused"), "it is said first");
}

async fn what_is_answered_needs_no_room(places: &dyn Places) {
    let bench = Bench::new(places, Rules { size: 1, ..Rules::default() }).await;
    assert_eq!(add(&bench, NewJob::new("[]").with_key("k").with_unique("f")).await, new(1));
    let same = || NewJob::new("[]").with_key("k").with_unique("f");
    assert_eq!(add(&bench, same()).await, old(JobId(1)));
    assert_eq!(add(&bench, NewJob::new("[]").with_unique("f")).await, old(JobId(1)));
    let bad = vec![same(), NewJob::new("[]").with_key("new").with_id(JobId(1))];
    let full = bench.task.add(bad, &bench.rules, bench.now).await;
    assert!(matches!(full, Err(AddError::QueueFull { .. })), "a full queue is said before a bad id");
    bench.claim().await;
    let bad = vec![NewJob::new("[]").with_key("new"), NewJob::new("[]").with_id(JobId(1))];
    let bench = Bench { rules: Rules::default().into(), ..bench };
    assert!(matches!(
        bench.task.add(bad, &bench.rules, bench.now).await,
        Err(AddError::DuplicateId { id: JobId(1), .. })
    ));
    assert_eq!(add(&bench, NewJob::new("[]").with_key("new")).await, new(2), "a refused batch leaves no names");
    assert_eq!(bench.status(JobId(2)).await, Status::Waiting);
}
