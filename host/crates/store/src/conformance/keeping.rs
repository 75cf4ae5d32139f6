//! Keeping: logs, and ended jobs until their retention is over.

use std::sync::Arc;

use saggar_job::{JobId, Outcome, Status};

use super::{Bench, Places, problem, some, success, works};
use crate::{Change, Delivery, JobLog, Lane, LogLevel, LogLine, LogSource, NewJob, Pruned, Retention, Rules};

pub(super) async fn all(places: &dyn Places) {
    a_log_keeps_its_lines_in_order(places).await;
    a_log_has_a_budget(places).await;
    ended_jobs_are_kept_as_long_as_the_rules_say(places).await;
    pruning_is_bounded_and_spares_what_is_to_be_told(places).await;
    pruning_counts_what_it_looks_at_and_long_logs(places).await;
}

async fn a_log_keeps_its_lines_in_order(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]")).await;
    assert_eq!(works(bench.task.history(id).await).map(|history| history.log), Some(Vec::new()));
    let sources = [LogSource::Stdout, LogSource::Stderr, LogSource::Log(LogLevel::Warn), LogSource::Host];
    let lines = sources.map(|source| LogLine { at: bench.now, source, text: "é\u{0}".to_owned() }).to_vec();
    for part in lines.chunks(2) {
        works(bench.task.append_log(id, part.to_vec()).await);
    }
    assert_eq!(works(bench.task.history(id).await).map(|history| history.log), Some(lines.clone()));
    bench.finish(&bench.claim().await, success()).await;
    works(bench.task.append_log(id, lines[..1].to_vec()).await);
    assert_eq!(
        some(works(bench.task.history(id).await).map(|history| history.log), "a log").len(),
        5,
        "an ended job's log goes on"
    );
    works(bench.task.append_log(JobId(9), lines).await);
    assert_eq!(works(bench.task.history(JobId(9)).await), None, "a job that never was has none");
}

async fn a_log_has_a_budget(places: &dyn Places) {
    let bench = Bench::new(places, Rules::default()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let lines = (0..JobLog::GUEST_LINES + 9).map(|number| LogLine {
        at: bench.now,
        source: LogSource::Stdout,
        text: number.to_string(),
    });
    let lines: Vec<_> = lines.collect();
    let mut expected = JobLog::default();
    for part in lines.chunks(301) {
        works(bench.task.append_log(id, part.to_vec()).await);
        expected.append(part.to_vec());
    }
    assert_eq!(works(bench.task.history(id).await).map(|history| history.log), Some(expected.lines()));
}

async fn ended_jobs_are_kept_as_long_as_the_rules_say(places: &dyn Places) {
    let retention = Retention { success_ms: 100, failure_ms: 200 };
    let mut bench = Bench::new(places, Rules { retention, ..Rules::default() }).await;
    let ids = bench.add_some(4).await;
    bench.finish(&bench.claim().await, success()).await;
    bench.finish(&bench.claim().await, Outcome::Reject(problem())).await;
    bench.claim().await;
    bench.later(99);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0);
    bench.later(1);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1);
    assert!(works(bench.task.get(ids[0]).await).is_none());
    assert_eq!(works(bench.task.history(ids[0]).await).map(|history| history.log), None);
    bench.later(100);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1);
    bench.later(1_000_000);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 0);
    assert_eq!(bench.status(ids[2]).await, Status::Running, "what runs or waits is never removed");
    assert_eq!(bench.status(ids[3]).await, Status::Waiting);
    let counts = bench.counts().await;
    assert_eq!((counts.success, counts.failure, counts.added), (0, 0, 4));
    assert_eq!(bench.add(NewJob::new("[]").with_id(ids[0])).await, ids[0], "the id of a removed job is free");
}

async fn pruning_is_bounded_and_spares_what_is_to_be_told(places: &dyn Places) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let mut bench = Bench::new(places, Rules { retention, success_handler: true, ..Rules::default() }).await;
    bench.add_some(6).await;
    bench.finish(&bench.claim().await, success()).await;
    bench.rules = Arc::new(Rules { success_handler: false, ..(*bench.rules).clone() });
    for _ in 0..5 {
        bench.finish(&bench.claim().await, success()).await;
    }
    assert_eq!(works(bench.task.prune(0, &bench.rules, bench.now).await).jobs, 0);
    let mut pruned = Vec::new();
    for _ in 0..4 {
        pruned.push(works(bench.task.prune(2, &bench.rules, bench.now).await).jobs);
    }
    assert_eq!(pruned, [2, 2, 1, 0], "no more than asked for, and the job with a callback stays");
    let callback =
        some(works(bench.task.claim_callbacks(Lane::Ends, 1, bench.now).await).callbacks.pop(), "a callback");
    assert_eq!(bench.status(callback.id).await, Status::Success);
    works(bench.task.settle_callback(callback.number, Delivery::Done, bench.now).await);
    assert_eq!(works(bench.task.prune(9, &bench.rules, bench.now).await).jobs, 1);
}

async fn pruning_counts_what_it_looks_at_and_long_logs(places: &dyn Places) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let bench = Bench::new(places, Rules { retention, ..Rules::default() }).await;
    let ids = bench.add_some(8).await;
    for _ in &ids {
        bench.finish(&bench.claim().await, success()).await;
    }
    for id in &ids[..4] {
        works(bench.change(*id, Change::Delete).await);
    }
    let lines = vec![LogLine::retried(bench.now); 2 * Pruned::LINES_LIKE_A_JOB];
    works(bench.task.append_log(ids[5], lines).await);
    let mut pruned = Vec::new();
    for _ in 0..5 {
        let Pruned { jobs, more, .. } = works(bench.task.prune(3, &bench.rules, bench.now).await);
        pruned.push((jobs, more));
    }
    let expected = [(0, true), (2, true), (2, false), (0, false), (0, false)];
    assert_eq!(pruned, expected, "deleted jobs are looked at as well, and a long log is as much as two jobs");
}
