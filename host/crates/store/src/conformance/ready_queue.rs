//! The ready queue: the order in which jobs are claimed.

use saggar_job::{Failure, FailureKind, JobId, Outcome, Timestamp};

use super::{Fixture, Locations, problem, retries, success, works};
use crate::{Change, End, NewJob, NextDue, Rules};

async fn ids(fixture: &Fixture, most: usize) -> Vec<JobId> {
    fixture.claimed(most).await.jobs.iter().map(|job| job.id).collect()
}

pub(super) async fn ready_jobs_are_claimed_in_order(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    assert_eq!(fixture.claimed(5).await.next_due, NextDue::Nothing);
    fixture.add(NewJob::new("[]").with_id(JobId(9))).await;
    fixture.add(NewJob::new("[]").with_id(JobId(4))).await;
    fixture.later(5);
    fixture.add_some(3).await;
    assert_eq!(fixture.counts().await.first_ready_at, Some(Timestamp(fixture.now.0 - 5)));
    let claimed = fixture.claimed(2).await;
    assert_eq!(claimed.jobs.iter().map(|job| job.id.0).collect::<Vec<_>>(), [9, 4]);
    assert_eq!(claimed.next_due, NextDue::Now);
    assert_eq!(ids(&fixture, 0).await, [], "no jobs are claimed when none are requested");
    assert_eq!(ids(&fixture, 99).await, [JobId(10), JobId(11), JobId(12)]);
    assert_eq!(fixture.claimed(1).await.next_due, NextDue::Nothing);
    assert_eq!(fixture.counts().await.first_ready_at, None);
}

pub(super) async fn priority_goes_before_age(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    for priority in [0, i16::MIN, 5, i16::MAX, 5, 0] {
        fixture.add(NewJob::new("[]").with_priority(priority)).await;
    }
    assert_eq!(ids(&fixture, 99).await, [4, 3, 5, 1, 6, 2].map(JobId));
}

pub(super) async fn a_delayed_job_is_claimed_when_it_is_due(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let late = fixture.add(NewJob::new("[]").with_delay_ms(200)).await;
    let early = fixture.add(NewJob::new("[]").with_delay_ms(100)).await;
    assert_eq!(fixture.claimed(9).await.next_due, NextDue::At(fixture.now.plus_ms(100)));
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.delayed), (2, 2));
    fixture.later(99);
    assert_eq!(ids(&fixture, 9).await, []);
    fixture.later(1);
    let claimed = fixture.claimed(9).await;
    assert_eq!((claimed.jobs[0].id, claimed.jobs.len()), (early, 1));
    assert_eq!(claimed.jobs[0].ready_at, fixture.now, "it could not begin when it was added");
    assert_eq!(claimed.next_due, NextDue::At(fixture.now.plus_ms(100)));
    fixture.later(100);
    assert_eq!(ids(&fixture, 9).await, [late]);
    let plain = (fixture.add(NewJob::new("[]")).await, fixture.now);
    fixture.later(7);
    let claimed = fixture.claimed(1).await.jobs.pop().map(|job| (job.id, job.ready_at));
    assert_eq!(claimed, Some(plain));
}

pub(super) async fn a_job_gets_its_position_when_it_becomes_ready(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 50)).await;
    fixture.add_some(2).await;
    let (retried, requeued) = (fixture.claim().await, fixture.claim().await);
    let delayed = fixture.add(NewJob::new("[]").with_delay_ms(40)).await;
    let urgent = fixture.add(NewJob::new("[]").with_delay_ms(60).with_priority(1)).await;
    fixture.finish(&retried, Outcome::failure(FailureKind::Failed, problem())).await;
    let plain = fixture.add(NewJob::new("[]")).await;
    works(fixture.end(requeued.id, requeued.run, End::Requeue).await);
    fixture.later(60);
    let due = [urgent, requeued.id, plain, delayed, retried.id];
    assert_eq!(ids(&fixture, 99).await, due);
}

pub(super) async fn a_requeued_or_lost_job_keeps_its_position(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(2, 0)).await;
    fixture.add_some(20).await;
    let urgent = fixture.add(NewJob::new("[]").with_priority(1)).await;
    let delayed = fixture.add(NewJob::new("[]").with_delay_ms(5)).await;
    fixture.later(5);
    let claimed = fixture.claimed(5).await.jobs;
    assert_eq!((claimed[0].id, claimed[4].id), (urgent, JobId(4)));
    fixture.later(3);
    // In arbitrary order, and some of them twice.
    works(fixture.end(JobId(3), claimed[3].run, End::Requeue).await);
    works(fixture.end(urgent, claimed[0].run, End::Requeue).await);
    fixture.finish(&claimed[1], Outcome::Failure(Failure::lost())).await;
    let again = fixture.claimed(2).await.jobs;
    assert_eq!([again[0].id, again[1].id], [urgent, JobId(1)]);
    assert_eq!(again[1].ready_at, fixture.now, "it has been ready since the attempt was lost");
    fixture.finish(&again[1], Outcome::Failure(Failure::lost())).await;
    works(fixture.end(urgent, again[0].run, End::Requeue).await);
    fixture.finish(&claimed[2], Outcome::failure(FailureKind::Failed, problem())).await;
    works(fixture.end(JobId(4), claimed[4].run, End::Requeue).await);
    let seen: Vec<u64> = ids(&fixture, 99).await.iter().map(|id| id.0).collect();
    let expected: Vec<u64> = [urgent.0, 1].into_iter().chain(3..=20).chain([delayed.0, 2]).collect();
    assert_eq!(seen, expected, "a retry after a failure takes a new position");
}

pub(super) async fn a_job_keeps_its_position_when_the_process_dies(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(0, 60_000)).await;
    fixture.add_some(12).await;
    let late = fixture.add(NewJob::new("[]").with_delay_ms(1)).await;
    fixture.later(1);
    for _ in 0..11 {
        fixture.finish(&fixture.claim().await, success()).await;
    }
    // One got its position when it was added, the other when it became due.
    assert_eq!(ids(&fixture, 2).await, [JobId(12), late]);
    fixture.add_some(9).await;
    fixture = fixture.die().await;
    fixture.add_some(1).await;
    fixture = fixture.die().await;
    let seen: Vec<u64> = ids(&fixture, 99).await.iter().map(|id| id.0).collect();
    assert_eq!(seen, (12..=23).collect::<Vec<_>>());
}

pub(super) async fn a_due_job_stays_due_when_the_clock_goes_back(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    fixture.now = Timestamp(fixture.now.0 - 5_000);
    let job = fixture.claim().await;
    assert_eq!(job.id, id, "a ready job can be claimed after the clock went back");
    fixture.finish(&job, success()).await;
}

pub(super) async fn the_longest_delay_does_not_overflow(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]").with_delay_ms(u64::MAX)).await;
    assert_eq!(ids(&fixture, 9).await, []);
    works(fixture.change(id, Change::Cancel).await);
    assert_eq!(fixture.claimed(1).await.next_due, NextDue::Nothing);
}

pub(super) async fn many_jobs_due_at_once_are_all_claimed(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { size: 10_000, ..Rules::default() }).await;
    works(fixture.task.add(vec![NewJob::new("[]").with_delay_ms(10); 3_000], &fixture.rules, fixture.now).await);
    fixture.later(10);
    let mut seen = Vec::new();
    loop {
        let claimed = fixture.claimed(1_000).await;
        seen.extend(claimed.jobs.iter().map(|job| job.id.0));
        if claimed.next_due == NextDue::Nothing {
            break;
        }
        assert!(!claimed.jobs.is_empty(), "a claim that reports more due jobs returns some");
    }
    assert_eq!(seen, (1..=3_000).collect::<Vec<_>>());
}

/// More jobs than a store buffers at a time, with arguments that it may store elsewhere.
pub(super) async fn a_long_queue_keeps_its_order(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { size: 10_000, ..Rules::default() }).await;
    let args = |number: u64| format!("[{number},\"{}\"]", "x".repeat(300));
    let jobs = (1..=1_300).map(|number| NewJob::new(args(number))).collect();
    works(fixture.task.add(jobs, &fixture.rules, fixture.now).await);
    for id in (1..=1_300).filter(|id| id % 100 == 37) {
        works(fixture.change(JobId(id), Change::Cancel).await);
    }
    let mut seen = Vec::new();
    while seen.len() < 700 {
        seen.extend(fixture.claimed(300).await.jobs);
    }
    for job in &seen {
        fixture.finish(job, success()).await;
    }
    fixture = fixture.die().await;
    while fixture.counts().await.waiting > 0 {
        let claimed = fixture.claimed(300).await.jobs;
        assert!(!claimed.is_empty(), "a waiting job can be claimed");
        seen.extend(claimed);
    }
    let expected = (1..=1_300).filter(|id| id % 100 != 37).map(|id| (JobId(id), args(id)));
    let seen = seen.into_iter().map(|job| (job.id, job.args.to_string()));
    assert!(seen.eq(expected), "in the order in which they were added, and none twice");
}
