//! The line: who is claimed when.

use saggar_job::{JobId, Outcome, Timestamp};

use super::{Bench, Places, problem, retries, success, works};
use crate::{Change, End, NewJob, NextDue, Rules};

pub(super) async fn all(places: &dyn Places) {
    ready_jobs_come_in_order(places).await;
    priority_goes_before_age(places).await;
    a_delayed_job_comes_when_it_is_due(places).await;
    places_are_taken_when_a_job_becomes_ready(places).await;
    an_attempt_that_the_host_cut_short_costs_no_position(places).await;
    a_dead_process_costs_no_position(places).await;
    what_was_due_stays_due(places).await;
    the_longest_delay_does_not_overflow(places).await;
    many_due_at_once_all_come(places).await;
    a_long_line_keeps_its_order(places).await;
}

async fn ids(bench: &Bench, most: usize) -> Vec<JobId> {
    bench.claimed(most).await.jobs.iter().map(|job| job.id).collect()
}

async fn ready_jobs_come_in_order(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    assert_eq!(bench.claimed(5).await.next_due, NextDue::Nothing);
    bench.add(NewJob::new("[]").with_id(JobId(9))).await;
    bench.add(NewJob::new("[]").with_id(JobId(4))).await;
    bench.later(5);
    bench.add_some(3).await;
    assert_eq!(bench.counts().await.first_ready_at, Some(Timestamp(bench.now.0 - 5)));
    let claimed = bench.claimed(2).await;
    assert_eq!(claimed.jobs.iter().map(|job| job.id.0).collect::<Vec<_>>(), [9, 4]);
    assert_eq!(claimed.next_due, NextDue::Now);
    assert_eq!(ids(&bench, 0).await, [], "none are claimed when none are wanted");
    assert_eq!(ids(&bench, 99).await, [JobId(10), JobId(11), JobId(12)]);
    assert_eq!(bench.claimed(1).await.next_due, NextDue::Nothing);
    assert_eq!(bench.counts().await.first_ready_at, None);
}

async fn priority_goes_before_age(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    for priority in [0, i16::MIN, 5, i16::MAX, 5, 0] {
        bench.add(NewJob::new("[]").with_priority(priority)).await;
    }
    assert_eq!(ids(&bench, 99).await, [4, 3, 5, 1, 6, 2].map(JobId));
}

async fn a_delayed_job_comes_when_it_is_due(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let late = bench.add(NewJob::new("[]").with_delay_ms(200)).await;
    let early = bench.add(NewJob::new("[]").with_delay_ms(100)).await;
    assert_eq!(bench.claimed(9).await.next_due, NextDue::At(bench.now.plus_ms(100)));
    assert_eq!((bench.counts().await.waiting, bench.counts().await.delayed), (2, 2));
    bench.later(99);
    assert_eq!(ids(&bench, 9).await, []);
    bench.later(1);
    let claimed = bench.claimed(9).await;
    assert_eq!((claimed.jobs[0].id, claimed.jobs.len()), (early, 1));
    assert_eq!(claimed.jobs[0].ready_at, bench.now, "it could not begin when it was added");
    assert_eq!(claimed.next_due, NextDue::At(bench.now.plus_ms(100)));
    bench.later(100);
    assert_eq!(ids(&bench, 9).await, [late]);
    let plain = (bench.add(NewJob::new("[]")).await, bench.now);
    bench.later(7);
    let claimed = bench.claimed(1).await.jobs.pop().map(|job| (job.id, job.ready_at));
    assert_eq!(claimed, Some(plain));
}

async fn places_are_taken_when_a_job_becomes_ready(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(1, 50)).await;
    bench.add_some(2).await;
    let (retried, requeued) = (bench.claim().await, bench.claim().await);
    let delayed = bench.add(NewJob::new("[]").with_delay_ms(40)).await;
    let urgent = bench.add(NewJob::new("[]").with_delay_ms(60).with_priority(1)).await;
    bench.finish(&retried, Outcome::Retry(problem())).await;
    let plain = bench.add(NewJob::new("[]")).await;
    works(bench.end(requeued.id, requeued.run, End::Requeue).await);
    bench.later(60);
    let due = [urgent, requeued.id, plain, delayed, retried.id];
    assert_eq!(ids(&bench, 99).await, due);
}

async fn an_attempt_that_the_host_cut_short_costs_no_position(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(2, 0)).await;
    bench.add_some(20).await;
    let urgent = bench.add(NewJob::new("[]").with_priority(1)).await;
    let delayed = bench.add(NewJob::new("[]").with_delay_ms(5)).await;
    bench.later(5);
    let claimed = bench.claimed(5).await.jobs;
    assert_eq!((claimed[0].id, claimed[4].id), (urgent, JobId(4)));
    bench.later(3);
    // In no order, and one of them twice.
    works(bench.end(JobId(3), claimed[3].run, End::Requeue).await);
    works(bench.end(urgent, claimed[0].run, End::Requeue).await);
    bench.finish(&claimed[1], Outcome::Lost).await;
    let again = bench.claimed(2).await.jobs;
    assert_eq!([again[0].id, again[1].id], [urgent, JobId(1)]);
    assert_eq!(again[1].ready_at, bench.now, "it waits since the attempt was lost");
    bench.finish(&again[1], Outcome::Lost).await;
    works(bench.end(urgent, again[0].run, End::Requeue).await);
    bench.finish(&claimed[2], Outcome::Retry(problem())).await;
    works(bench.end(JobId(4), claimed[4].run, End::Requeue).await);
    let seen: Vec<u64> = ids(&bench, 99).await.iter().map(|id| id.0).collect();
    let expected: Vec<u64> = [urgent.0, 1].into_iter().chain(3..=20).chain([delayed.0, 2]).collect();
    assert_eq!(seen, expected, "a retry after a failure takes a new position");
}

async fn a_dead_process_costs_no_position(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(0, 60_000)).await;
    bench.add_some(12).await;
    let late = bench.add(NewJob::new("[]").with_delay_ms(1)).await;
    bench.later(1);
    for _ in 0..11 {
        bench.finish(&bench.claim().await, success()).await;
    }
    // One that took its place when it was added, and one that did when it was due.
    assert_eq!(ids(&bench, 2).await, [JobId(12), late]);
    bench.add_some(9).await;
    bench = bench.die().await;
    bench.add_some(1).await;
    bench = bench.die().await;
    let seen: Vec<u64> = ids(&bench, 99).await.iter().map(|id| id.0).collect();
    assert_eq!(seen, (12..=23).collect::<Vec<_>>());
}

async fn what_was_due_stays_due(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]")).await;
    bench.now = Timestamp(bench.now.0 - 5_000);
    let job = bench.claim().await;
    assert_eq!(job.id, id, "a clock that was set back does not hide a ready job");
    bench.finish(&job, success()).await;
}

async fn the_longest_delay_does_not_overflow(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]").with_delay_ms(u64::MAX)).await;
    assert_eq!(ids(&bench, 9).await, []);
    works(bench.change(id, Change::Cancel).await);
    assert_eq!(bench.claimed(1).await.next_due, NextDue::Nothing);
}

async fn many_due_at_once_all_come(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules { size: 10_000, ..Rules::default() }).await;
    works(bench.task.add(vec![NewJob::new("[]").with_delay_ms(10); 3_000], &bench.rules, bench.now).await);
    bench.later(10);
    let mut seen = Vec::new();
    loop {
        let claimed = bench.claimed(1_000).await;
        seen.extend(claimed.jobs.iter().map(|job| job.id.0));
        if claimed.next_due == NextDue::Nothing {
            break;
        }
        assert!(!claimed.jobs.is_empty(), "whoever says that more is due hands some of it out");
    }
    assert_eq!(seen, (1..=3_000).collect::<Vec<_>>());
}

/// More jobs than a store has in its hands at a time, with arguments that it may keep elsewhere.
async fn a_long_line_keeps_its_order(places: &dyn Places) {
    let mut bench = Bench::new(places, Rules { size: 10_000, ..Rules::default() }).await;
    let args = |number: u64| format!("[{number},\"{}\"]", "x".repeat(300));
    let jobs = (1..=1_300).map(|number| NewJob::new(args(number))).collect();
    works(bench.task.add(jobs, &bench.rules, bench.now).await);
    for id in (1..=1_300).filter(|id| id % 100 == 37) {
        works(bench.change(JobId(id), Change::Cancel).await);
    }
    let mut seen = Vec::new();
    while seen.len() < 700 {
        seen.extend(bench.claimed(300).await.jobs);
    }
    for job in &seen {
        bench.finish(job, success()).await;
    }
    bench = bench.die().await;
    while bench.counts().await.waiting > 0 {
        let claimed = bench.claimed(300).await.jobs;
        assert!(!claimed.is_empty(), "what waits can be claimed");
        seen.extend(claimed);
    }
    let expected = (1..=1_300).filter(|id| id % 100 != 37).map(|id| (JobId(id), args(id)));
    let seen = seen.into_iter().map(|job| (job.id, job.args.to_string()));
    assert!(seen.eq(expected), "in the order of adding, and none twice");
}
