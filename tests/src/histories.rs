//! Checks the histories of all jobs of a host that was killed, or whose disk was full: no confirmed job is lost, no id
//! is reused, no two attempts run at once, attempts are counted, and every end is reported.

use std::collections::{BTreeMap, BTreeSet};

use saggar::{Host, ListOrder, ListQuery, ListedJob, Status};

/// A job is given up after this many lost attempts.
const LOST_AT_MOST: usize = 3;

/// The expectations for the jobs of a task.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The ids that `add` returned, in that order.
    pub answered: Vec<u64>,
    /// The events whose handlers write to the job's log: `add`, `success`, `error`.
    pub delivered: &'static [&'static str],
}

/// Totals over all jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Jobs.
    pub jobs: usize,
    /// Attempts that were lost.
    pub lost: usize,
}

/// Checks every job of the tasks, all of which must have ended.
///
/// # Panics
///
/// Panics if a history violates a guarantee.
pub async fn check(host: &Host, tasks: &BTreeMap<&str, Expected>) -> Found {
    let mut found = Found::default();
    for (task, expected) in tasks {
        let answered: BTreeSet<u64> = expected.answered.iter().copied().collect();
        assert_eq!(answered.len(), expected.answered.len(), "an id of {task} was answered twice");
        let mut stored = BTreeSet::new();
        for job in jobs(host, task).await {
            assert!(stored.insert(job.id.0), "{task} #{} is stored twice", job.id);
            found.jobs += 1;
            found.lost += attempts(host, task, &job).await;
            delivered(host, task, &job, expected.delivered).await;
        }
        let missing: Vec<_> = answered.difference(&stored).collect();
        assert!(missing.is_empty(), "{task}: answered and lost: {missing:?}");
    }
    found
}

async fn jobs(host: &Host, task: &str) -> Vec<ListedJob> {
    let mut query = ListQuery {
        task: Some(task.into()),
        order: ListOrder::OldestFirst,
        limit: ListQuery::PAGE,
        ..ListQuery::of_tenant("default")
    };
    let mut jobs = Vec::new();
    loop {
        let page = host.list(&query).await.expect("a page");
        jobs.extend(page.jobs);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return jobs,
        }
    }
}

/// Checks the attempts of an ended job; returns how many of them were lost.
async fn attempts(host: &Host, task: &str, job: &ListedJob) -> usize {
    let (id, status) = (job.id.0, job.status);
    let attempts = host.attempts(task, id).await.expect("attempts");
    for pair in attempts.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        assert!(one.run < next.run, "{task} #{id}: a fence was assigned twice: {pair:?}");
        assert!(one.ended_at <= next.started_at, "{task} #{id}: two attempts at once: {pair:?}");
        let counts = u32::from(one.ending.name() != "requeued");
        assert_eq!(next.number, one.number + counts, "{task} #{id}: an attempt is not counted: {pair:?}");
    }
    let first = attempts.first().unwrap_or_else(|| panic!("{task} #{id} is {status:?} without an attempt"));
    let (last, before) = attempts.split_last().unwrap_or((first, &[]));
    assert_eq!((first.number, last.number), (1, job.attempt), "{task} #{id}: an attempt is missing: {attempts:?}");
    let stopped = |ending: &str| matches!(ending, "lost" | "requeued");
    assert!(before.iter().all(|attempt| stopped(attempt.ending.name())), "{task} #{id}: {attempts:?}");
    let lost = attempts.iter().filter(|attempt| attempt.ending.name() == "lost").count();
    match status {
        Status::Success => assert_eq!(last.ending.name(), "success", "{task} #{id}"),
        Status::Failure => {
            assert_eq!(lost, LOST_AT_MOST, "{task} #{id} failed, but not all of its attempts were lost: {attempts:?}")
        }
        Status::Waiting | Status::Running => panic!("{task} #{id} is {status:?}"),
    }
    lost
}

/// Checks that the handlers were called for an ended job.
async fn delivered(host: &Host, task: &str, job: &ListedJob, events: &[&str]) {
    if events.is_empty() {
        return;
    }
    let id = job.id.0;
    let log = host.logs(task, id).await.expect("a log");
    let end = if job.status == Status::Success { "success" } else { "error" };
    for event in events.iter().filter(|event| matches!(**event, "add") || **event == end) {
        let line = format!("{event} {id}");
        assert!(
            log.iter().any(|entry| entry.text.contains(&line)),
            "{task} #{id}: `{line}` was not delivered: {log:?}"
        );
    }
}
