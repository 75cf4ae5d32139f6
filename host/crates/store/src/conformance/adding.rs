//! Adding jobs: ids, the counter, the limits, atomic batches.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Status, TaskKey};

use super::{Fixture, Locations, ids_of, success, works};
use crate::{AddError, NewJob, Rules};

pub(super) async fn an_added_job_is_stored_as_given(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let parent = JobKey { task: TaskKey::new("default", "other"), id: JobId(3) };
    let trace: Arc<str> = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
    let mut job = NewJob::new("[1,\"é\"]").with_priority(-4).with_delay_ms(50);
    (job.parent, job.trace_parent) = (Some(parent.clone()), Some(Arc::clone(&trace)));
    let id = fixture.add(job).await;
    let job = fixture.get(id).await;
    assert_eq!((job.id, &*job.args, job.priority, job.added_at), (id, "[1,\"é\"]", -4, fixture.now));
    assert_eq!((job.status(), job.run_at(), job.life.attempt), (Status::Waiting, Some(fixture.now.plus_ms(50)), 0));
    let origin = super::some(job.origin, "an origin");
    assert_eq!((origin.parent.as_ref(), origin.trace_parent.as_ref()), (Some(&parent), Some(&trace)));
    assert!(works(fixture.task.get(JobId(99)).await).is_none(), "a job that never existed is not found");
}

pub(super) async fn ids_continue_from_the_highest(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    assert_eq!(fixture.add_some(2).await, [JobId(1), JobId(2)]);
    assert_eq!(fixture.add(NewJob::new("[]").with_id(JobId(1024))).await, JobId(1024));
    assert_eq!(fixture.add_some(1).await, [JobId(1025)]);
    assert_eq!(
        fixture.add(NewJob::new("[]").with_id(JobId(7))).await,
        JobId(7),
        "an unused id below the counter can be requested"
    );
    assert_eq!(fixture.add_some(1).await, [JobId(1026)]);
    // Not even after the job with the highest id was removed.
    for _ in 0..6 {
        fixture.finish(&fixture.claim().await, success()).await;
    }
    fixture.later(fixture.rules.retention.success_ms);
    assert_eq!(works(fixture.task.prune(100, &fixture.rules, fixture.now).await).jobs, 6);
    assert_eq!(fixture.add_some(1).await, [JobId(1027)]);
}

pub(super) async fn invalid_and_duplicate_ids_are_refused(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let zero = fixture.task.add(vec![NewJob::new("[]").with_id(JobId(0))], &fixture.rules, fixture.now).await;
    assert!(matches!(zero, Err(AddError::InvalidId { at: 0 })), "the id 0 must be refused");
    let id = fixture.add(NewJob::new("[1]")).await;
    let again = || fixture.task.add(vec![NewJob::new("[2]").with_id(id)], &fixture.rules, fixture.now);
    assert!(matches!(again().await, Err(AddError::DuplicateId { id: of, .. }) if of == id), "while the job waits");
    fixture.finish(&fixture.claim().await, success()).await;
    assert!(matches!(again().await, Err(AddError::DuplicateId { .. })), "and while the ended job is stored");
    assert_eq!(&*fixture.get(id).await.args, "[1]", "the existing job does not change");
    assert_eq!(fixture.counts().await.waiting, 0);
}

pub(super) async fn the_counter_can_be_exhausted(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let last = JobId(u64::MAX);
    assert_eq!(fixture.add(NewJob::new("[]").with_id(last)).await, last);
    let next = fixture.task.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await;
    assert!(matches!(next, Err(AddError::IdsExhausted { at: 0 })), "there is no id above the highest");
    assert_eq!(fixture.add(NewJob::new("[]").with_id(JobId(5))).await, JobId(5), "but a requested id can be free");
    assert_eq!(fixture.claim().await.id, last);
}

pub(super) async fn a_batch_is_added_whole_or_not_at_all(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { size: 5, ..Rules::default() }).await;
    let plain = || NewJob::new("[]");
    let add = |jobs| fixture.task.add(jobs, &fixture.rules, fixture.now);
    let ids = ids_of(works(add(vec![plain(), plain().with_id(JobId(10)), plain()]).await));
    assert_eq!(ids, [JobId(1), JobId(10), JobId(11)]);
    let taken = add(vec![plain(), plain().with_id(JobId(10))]).await;
    assert!(matches!(taken, Err(AddError::DuplicateId { id: JobId(10), .. })));
    let twice = add(vec![plain().with_id(JobId(20)), plain().with_id(JobId(20))]).await;
    assert!(matches!(twice, Err(AddError::DuplicateId { id: JobId(20), at: 1 })), "an id twice in one batch");
    let crossed = add(vec![plain(), plain().with_id(JobId(12))]).await;
    assert!(
        matches!(crossed, Err(AddError::DuplicateId { id: JobId(12), .. })),
        "an id that the counter assigned earlier in the batch"
    );
    let full = add(vec![plain(), plain(), plain().with_id(JobId(0))]).await;
    assert!(matches!(full, Err(AddError::QueueFull { size: 5 })), "a full queue is reported first");
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.added), (3, 3));
    assert_eq!(ids_of(works(add(Vec::new()).await)), []);
    assert_eq!(ids_of(works(add(vec![plain(), plain()]).await)), [JobId(12), JobId(13)], "a refused batch uses no ids");
}

async fn add(fixture: &Fixture, jobs: Vec<NewJob>) -> Result<Vec<JobId>, AddError> {
    fixture.task.add(jobs, &fixture.rules, fixture.now).await.map(ids_of)
}

fn plain() -> NewJob {
    NewJob::new("[]")
}

pub(super) async fn a_full_queue_refuses_new_jobs(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { size: 2, ..super::retries(1, 10) }).await;
    let full =
        async |fixture: &Fixture| matches!(add(fixture, vec![plain()]).await, Err(AddError::QueueFull { size: 2 }));
    fixture.add_some(2).await;
    assert!(full(&fixture).await);
    let job = fixture.claim().await;
    fixture.add(plain()).await;
    fixture.finish(&job, saggar_job::Outcome::failure(saggar_job::FailureKind::Failed, super::problem())).await;
    assert_eq!(fixture.counts().await.waiting, 3, "a retry is not refused");
    assert!(full(&fixture).await);
    fixture.claim().await;
    fixture.add(plain()).await;
    fixture.later(10);
    assert!(full(&fixture).await, "an overdue retry counts");
    fixture.claimed(2).await;
    fixture.add(plain()).await;
    fixture.rules = Arc::new(Rules { size: 0, ..Rules::default() });
    let none = add(&fixture, vec![plain()]).await;
    assert!(matches!(none, Err(AddError::QueueFull { size: 0 })), "the current rules apply");
}

pub(super) async fn delayed_jobs_have_their_own_limit(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { size: 2, delayed_size: 3, ..super::retries(1, 50) }).await;
    let later = |ms| plain().with_delay_ms(ms);
    let at = plain().with_run_at(fixture.now.plus_ms(10));
    assert_eq!(works(add(&fixture, vec![later(10), later(90), at]).await).len(), 3, "more than `size`");
    let full =
        async |fixture: &Fixture| matches!(add(fixture, vec![later(1)]).await, Err(AddError::DelayedFull { .. }));
    assert!(full(&fixture).await);
    assert_eq!(works(add(&fixture, vec![plain(), plain()]).await).len(), 2, "delayed jobs leave room for ready jobs");
    let both = add(&fixture, vec![later(1), plain()]).await;
    assert!(matches!(both, Err(AddError::QueueFull { size: 2 })), "the limit of ready jobs is reported first");
    assert!(matches!(&add(&fixture, vec![later(1)]).await, Err(error) if error.code() == "queue-full"));
    let job = fixture.claim().await;
    fixture.finish(&job, saggar_job::Outcome::failure(saggar_job::FailureKind::Failed, super::problem())).await;
    assert_eq!(fixture.counts().await.delayed, 4, "a retry is not refused");
    fixture.later(10);
    // Two delayed jobs are due now: they count as ready, although no claim has promoted them and the task is paused.
    fixture.set_paused(true).await;
    let late = add(&fixture, vec![plain()]).await;
    assert!(matches!(late, Err(AddError::QueueFull { .. })), "{late:?}");
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.delayed), (5, 2));
    works(add(&fixture, vec![later(1)]).await);
    assert!(full(&fixture).await, "a retry counts");
    fixture = fixture.die().await;
    assert!(full(&fixture).await, "over restarts too");
    fixture.set_paused(false).await;
    assert_eq!(fixture.claimed(9).await.jobs.len(), 3);
    works(add(&fixture, vec![plain(), plain()]).await);
    fixture.rules = Arc::new(Rules { delayed_size: 0, ..Rules::default() });
    assert!(full(&fixture).await, "the current rules apply");
}

pub(super) async fn jobs_on_hold_count_as_ready(locations: &dyn Locations) {
    let rules = Rules { size: 1, delayed_size: 0, add_handler: true, ..Rules::default() };
    let fixture = Fixture::new(locations, rules).await;
    fixture.add(plain().with_delay_ms(5)).await;
    let full = add(&fixture, vec![plain().with_delay_ms(5)]).await;
    assert!(matches!(full, Err(AddError::QueueFull { size: 1 })), "{full:?}");
    let callback = super::some(
        works(fixture.task.claim_callbacks(crate::Lane::Adds, 1, fixture.now).await).callbacks.pop(),
        "a callback",
    );
    works(fixture.task.settle_callback(callback.number, crate::Delivery::Done, fixture.now).await);
    assert_eq!(fixture.counts().await.delayed, 1, "a released job is not refused");
    fixture.add(plain()).await;
}

pub(super) async fn tasks_are_independent(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    fixture.add_some(3).await;
    for key in [TaskKey::new("default", "other"), TaskKey::new("else", "bench")] {
        let other = works(fixture.store.open(&key, &fixture.rules, fixture.now, Arc::new(())).await);
        assert_eq!(ids_of(works(other.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await)), [JobId(1)]);
        assert_eq!(works(other.counts_now().await).waiting, 1);
        assert!(works(other.get(JobId(2)).await).is_none());
    }
    let same =
        works(fixture.store.open(&TaskKey::new("default", "BENCH"), &fixture.rules, fixture.now, Arc::new(())).await);
    assert_eq!(works(same.counts_now().await).waiting, 3, "a task that is opened again has the same jobs");
}
