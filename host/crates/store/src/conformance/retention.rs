//! Retention: logs, and ended jobs until their retention is over.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, LogLevel, LogSource, Outcome, Status};

use super::{Fixture, Locations, problem, some, success, works};
use crate::{Change, Delivery, JobLog, Lane, LogLine, NewJob, Pruned, Retention, Rules};

pub(super) async fn a_log_keeps_its_lines_in_order(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    assert_eq!(works(fixture.task.history(id).await).map(|history| history.log), Some(Vec::new()));
    let sources = [LogSource::Stdout, LogSource::Stderr, LogSource::Log(LogLevel::Warn), LogSource::Host];
    let lines = sources.map(|source| LogLine { at: fixture.now, source, text: "é\u{0}".to_owned() }).to_vec();
    for part in lines.chunks(2) {
        works(fixture.task.append_log(id, part.to_vec()).await);
    }
    assert_eq!(works(fixture.task.history(id).await).map(|history| history.log), Some(lines.clone()));
    fixture.finish(&fixture.claim().await, success()).await;
    works(fixture.task.append_log(id, lines[..1].to_vec()).await);
    assert_eq!(
        some(works(fixture.task.history(id).await).map(|history| history.log), "a log").len(),
        5,
        "lines can be appended to an ended job's log"
    );
    works(fixture.task.append_log(JobId(9), lines).await);
    assert_eq!(works(fixture.task.history(JobId(9)).await), None, "a job that never existed has no history");
}

pub(super) async fn a_log_has_a_budget(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let lines = (0..JobLog::GUEST_LINES + 9).map(|number| LogLine {
        at: fixture.now,
        source: LogSource::Stdout,
        text: number.to_string(),
    });
    let lines: Vec<_> = lines.collect();
    let mut expected = JobLog::default();
    for part in lines.chunks(301) {
        works(fixture.task.append_log(id, part.to_vec()).await);
        expected.append(part.to_vec());
    }
    assert_eq!(works(fixture.task.history(id).await).map(|history| history.log), Some(expected.lines()));
}

pub(super) async fn ended_jobs_are_retained_as_configured(locations: &dyn Locations) {
    let retention = Retention { success_ms: 100, failure_ms: 200 };
    let mut fixture = Fixture::new(locations, Rules { retention, ..Rules::default() }).await;
    let ids = fixture.add_some(4).await;
    fixture.finish(&fixture.claim().await, success()).await;
    fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Rejected, problem())).await;
    fixture.claim().await;
    fixture.later(99);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0);
    fixture.later(1);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1);
    assert!(works(fixture.task.get(ids[0]).await).is_none());
    assert_eq!(works(fixture.task.history(ids[0]).await).map(|history| history.log), None);
    fixture.later(100);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1);
    fixture.later(1_000_000);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 0);
    assert_eq!(fixture.status(ids[2]).await, Status::Running, "running and waiting jobs are never removed");
    assert_eq!(fixture.status(ids[3]).await, Status::Waiting);
    let counts = fixture.counts().await;
    assert_eq!((counts.success, counts.failure, counts.added), (0, 0, 4));
    assert_eq!(fixture.add(NewJob::new("[]").with_id(ids[0])).await, ids[0], "the id of a removed job is free");
}

pub(super) async fn pruning_is_bounded_and_spares_jobs_with_pending_callbacks(locations: &dyn Locations) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let mut fixture = Fixture::new(locations, Rules { retention, success_handler: true, ..Rules::default() }).await;
    fixture.add_some(6).await;
    fixture.finish(&fixture.claim().await, success()).await;
    fixture.rules = Arc::new(Rules { success_handler: false, ..(*fixture.rules).clone() });
    for _ in 0..5 {
        fixture.finish(&fixture.claim().await, success()).await;
    }
    assert_eq!(works(fixture.task.prune(0, &fixture.rules, fixture.now).await).jobs, 0);
    let mut pruned = Vec::new();
    for _ in 0..4 {
        pruned.push(works(fixture.task.prune(2, &fixture.rules, fixture.now).await).jobs);
    }
    assert_eq!(pruned, [2, 2, 1, 0], "no more than requested, and the job with a callback is retained");
    let callback =
        some(works(fixture.task.claim_callbacks(Lane::Ends, 1, fixture.now).await).callbacks.pop(), "a callback");
    assert_eq!(fixture.status(callback.id).await, Status::Success);
    works(fixture.task.settle_callback(callback.number, Delivery::Done, fixture.now).await);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1);
}

pub(super) async fn pruning_counts_examined_jobs_and_long_logs_as_work(locations: &dyn Locations) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let fixture = Fixture::new(locations, Rules { retention, ..Rules::default() }).await;
    let ids = fixture.add_some(8).await;
    for _ in &ids {
        fixture.finish(&fixture.claim().await, success()).await;
    }
    for id in &ids[..4] {
        works(fixture.change(*id, Change::Delete).await);
    }
    let lines = vec![LogLine::retried(fixture.now); 2 * Pruned::LINES_LIKE_A_JOB];
    works(fixture.task.append_log(ids[5], lines).await);
    let mut pruned = Vec::new();
    for _ in 0..5 {
        let Pruned { jobs, more, .. } = works(fixture.task.prune(3, &fixture.rules, fixture.now).await);
        pruned.push((jobs, more));
    }
    let expected = [(0, true), (2, true), (2, false), (0, false), (0, false)];
    assert_eq!(pruned, expected, "deleted jobs count as examined, and a long log counts like two jobs");
}

pub(super) async fn pruning_and_eviction_count_bytes_as_work(locations: &dyn Locations) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let fixture = Fixture::new(locations, Rules { retention, ..Rules::default() }).await;
    let large = NewJob::new(format!("[\"{}\"]", "x".repeat(4 * Pruned::BYTES_LIKE_A_JOB as usize)));
    for _ in 0..6 {
        fixture.add(large.clone()).await;
        fixture.finish(&fixture.claim().await, success()).await;
    }
    for jobs in [2, 1] {
        let most = 5 * jobs;
        let pruned = works(fixture.task.prune(most, &fixture.rules, fixture.now).await);
        assert_eq!(pruned, Pruned { jobs, undelivered: 0, more: true }, "a large job counts like five");
    }
    let none = Arc::new(Rules { keep_bytes: 0, ..(*fixture.rules).clone() });
    let made = works(fixture.task.make_room(0, 6, &none).await);
    assert_eq!(made, Pruned { jobs: 2, undelivered: 0, more: true });
    let made = works(fixture.task.make_room(0, 6, &none).await);
    assert_eq!(made, Pruned { jobs: 1, undelivered: 0, more: false });
}
