//! Keys and fingerprints: which job is returned instead of adding one.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, Outcome, Run, Status};

use super::{Fixture, Locations, problem, retries, success, works};
use crate::{AddError, Added, Change, End, KeyOwner, KeyReuse, NewJob, Rules};

fn old(id: JobId) -> Added {
    Added { id, is_new: false }
}

fn new(id: u64) -> Added {
    Added { id: JobId(id), is_new: true }
}

async fn add(fixture: &Fixture, job: NewJob) -> Added {
    works(fixture.task.add(vec![job], &fixture.rules, fixture.now).await)[0]
}

pub(super) async fn a_key_returns_the_same_job_while_it_is_stored(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let keyed = |args: &str| NewJob::new(args).with_key("k");
    assert_eq!(add(&fixture, keyed("[1]")).await, new(1));
    let again = keyed("[1]").with_id(JobId(1)).with_delay_ms(9);
    assert_eq!(add(&fixture, again).await, old(JobId(1)), "the id and time of a job that is not added are ignored");
    assert_eq!(add(&fixture, NewJob::new("[]").with_key("K")).await, new(2), "keys are case-sensitive");
    let job = fixture.get(JobId(1)).await;
    assert_eq!((&*job.args, job.priority, job.key.as_deref()), ("[1]", 0, Some("k")), "the job does not change");
    fixture.finish(&fixture.claim().await, success()).await;
    assert_eq!(add(&fixture, keyed("[1]")).await, old(JobId(1)), "also after the end");
    fixture.later(fixture.rules.retention.success_ms);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1);
    assert_eq!(add(&fixture, keyed("[4]")).await, new(3), "until the job is removed");
    works(fixture.change(JobId(3), Change::Delete).await);
    assert_eq!(add(&fixture, keyed("[5]")).await, new(4));
    let other = fixture
        .store
        .open(&saggar_job::TaskKey::new("default", "other"), &fixture.rules, fixture.now, Arc::new(()))
        .await;
    assert_eq!(works(works(other).add(vec![keyed("[]")], &fixture.rules, fixture.now).await), [new(1)], "per task");
}

pub(super) async fn a_unique_job_exists_once_while_it_waits_or_runs(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 10)).await;
    let unique = || NewJob::new("[]").with_unique("f");
    assert_eq!(add(&fixture, unique()).await, new(1));
    assert_eq!(add(&fixture, NewJob::new("[]").with_unique("g")).await, new(2));
    assert_eq!(add(&fixture, NewJob::new("[]").with_key("f")).await, new(3), "a key is not a fingerprint");
    assert_eq!(add(&fixture, unique()).await, old(JobId(1)));
    let job = fixture.claim().await;
    assert_eq!(add(&fixture, unique()).await, old(JobId(1)), "while it runs");
    fixture.finish(&job, Outcome::failure(FailureKind::Failed, problem())).await;
    assert_eq!(add(&fixture, unique()).await, old(JobId(1)), "while it waits for its next attempt");
    fixture.later(10);
    for id in [JobId(2), JobId(3)] {
        works(fixture.change(id, Change::Cancel).await);
    }
    fixture.finish(&fixture.claim().await, success()).await;
    assert_eq!(add(&fixture, unique()).await, new(4), "not after its end");
    works(fixture.change(JobId(4), Change::Cancel).await);
    assert_eq!(add(&fixture, unique().with_key("x")).await, new(5));
    assert_eq!(add(&fixture, unique().with_key("y")).await, old(JobId(5)));
    works(fixture.change(JobId(5), Change::Cancel).await);
    assert_eq!(add(&fixture, unique().with_key("y")).await, new(6), "the key of a job that was not added is discarded");
    assert_eq!(add(&fixture, unique().with_key("x")).await, old(JobId(5)), "the key is checked before the fingerprint");
    works(fixture.change(JobId(6), Change::Delete).await);
    assert_eq!(add(&fixture, unique()).await, new(7));
    assert_eq!(fixture.get(JobId(7)).await.unique.as_deref(), Some("f"));
}

pub(super) async fn keys_and_fingerprints_apply_within_a_batch(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { size: 3, ..Rules::default() }).await;
    let plain = || NewJob::new("[]");
    let batch = vec![
        plain().with_key("k"),
        plain().with_unique("f").with_id(JobId(9)),
        plain().with_key("k").with_id(JobId(0)),
        plain().with_unique("f"),
        plain().with_key("l").with_unique("f"),
        plain(),
    ];
    let added = works(fixture.task.add(batch.clone(), &fixture.rules, fixture.now).await);
    let (one, nine) = (JobId(1), JobId(9));
    assert_eq!(added, [new(1), new(9), old(one), old(nine), old(nine), new(10)]);
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.added), (3, 3));
    let refused = fixture.task.add(batch, &fixture.rules, fixture.now).await;
    assert!(matches!(refused, Err(AddError::QueueFull { size: 3 })), "the last job of the batch would be new");
}

pub(super) async fn reusing_a_key_for_another_job_is_refused(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { size: 3, ..Rules::default() }).await;
    let long = format!("[\"{}\"]", "x".repeat(2_000));
    let kept = || NewJob::new(long.as_str()).with_key("k").with_priority(1);
    assert_eq!(add(&fixture, kept()).await, new(1));
    let other = NewJob::new(format!("[\"{}y\"]", "x".repeat(1_999))).with_key("k").with_priority(1);
    let others = [other, kept().with_priority(2), kept().with_unique("f"), NewJob::new("[]").with_key("k")];
    let batch = |job: &NewJob| vec![NewJob::new("[]"), kept(), job.clone()];
    for _ in 0..4 {
        for job in &others {
            let refused = fixture.task.add(batch(job), &fixture.rules, fixture.now).await;
            let Err(AddError::KeyReused(reused)) = &refused else { panic!("{refused:?}") };
            assert_eq!(*reused, [KeyReuse { at: 2, key: "k".into(), of: KeyOwner::Kept(JobId(1)) }]);
        }
        assert_eq!(add(&fixture, kept()).await, old(JobId(1)), "the same job is returned");
        // While it waits, while it runs, after its end, and in another process.
        match fixture.status(JobId(1)).await {
            Status::Waiting => drop(fixture.claim().await),
            Status::Running => drop(works(fixture.end(JobId(1), Run(1), End::Outcome(success())).await)),
            _ => fixture = fixture.die().await,
        }
    }
    assert_eq!(fixture.counts().await.added, 1, "nothing of a refused batch is added");
    let twice = vec![NewJob::new("[1]").with_key("new"), NewJob::new("[2]").with_key("new"), others[3].clone()];
    let refused = fixture.task.add(twice, &fixture.rules, fixture.now).await;
    let Err(AddError::KeyReused(reused)) = &refused else { panic!("{refused:?}") };
    let of: Vec<_> = reused.iter().map(|reuse| (reuse.at, reuse.of)).collect();
    assert_eq!(of, [(1, KeyOwner::Earlier(0)), (2, KeyOwner::Kept(JobId(1)))], "all reused keys are reported");
    let full = Fixture { rules: Rules { size: 0, ..Rules::default() }.into(), ..fixture };
    let refused = full.task.add(batch(&others[0]), &full.rules, full.now).await;
    assert_eq!(refused.err().map(|error| error.code()), Some("key-reused"), "a reused key is reported first");
}

pub(super) async fn a_duplicate_needs_no_room_in_the_queue(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { size: 1, ..Rules::default() }).await;
    assert_eq!(add(&fixture, NewJob::new("[]").with_key("k").with_unique("f")).await, new(1));
    let same = || NewJob::new("[]").with_key("k").with_unique("f");
    assert_eq!(add(&fixture, same()).await, old(JobId(1)));
    assert_eq!(add(&fixture, NewJob::new("[]").with_unique("f")).await, old(JobId(1)));
    let bad = vec![same(), NewJob::new("[]").with_key("new").with_id(JobId(1))];
    let full = fixture.task.add(bad, &fixture.rules, fixture.now).await;
    assert!(matches!(full, Err(AddError::QueueFull { .. })), "a full queue is reported before an invalid id");
    fixture.claim().await;
    let bad = vec![NewJob::new("[]").with_key("new"), NewJob::new("[]").with_id(JobId(1))];
    let fixture = Fixture { rules: Rules::default().into(), ..fixture };
    assert!(matches!(
        fixture.task.add(bad, &fixture.rules, fixture.now).await,
        Err(AddError::DuplicateId { id: JobId(1), .. })
    ));
    assert_eq!(add(&fixture, NewJob::new("[]").with_key("new")).await, new(2), "a refused batch leaves no names");
    assert_eq!(fixture.status(JobId(2)).await, Status::Waiting);
}
