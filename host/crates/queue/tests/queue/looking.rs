//! Reading jobs: progress while they run and after, waiting for their end, logs, retention.

use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use saggar_job::{JobId, LogSource, Status, Timestamp};
use saggar_queue::{JobLog, LogLine, LogTail, Progress, Retention, Rules, Running};

use crate::{Fixture, retries, retry, success};

#[tokio::test]
async fn progress_is_visible_at_once_and_stored_after_the_end() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let running = Arc::clone(claim.running());
    let seen = async || fixture.task.get(id).await.unwrap().unwrap().progress;
    assert_eq!(seen().await, Progress::default());
    running.report(1, 4, "first");
    running.report(2, 4, "second");
    let second = Progress { current: 2, total: 4, message: "second".to_owned() };
    assert_eq!((seen().await, running.latest()), (second.clone(), second.clone()));
    fixture.finish(claim, success()).await;
    running.report(3, 4, "too late");
    assert_eq!(seen().await, second);
}

#[tokio::test]
async fn progress_is_cut_to_its_bounds() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.add().await;
    let claim = fixture.claim().await;
    let running = claim.running();
    running.report(5, 4, &format!("x{}", "é".repeat(1_000)));
    let latest = running.latest();
    assert_eq!((latest.current, latest.total, latest.message.len()), (4, 4, Running::MESSAGE_BYTES - 1));
    running.report(u64::MAX, 0, "");
    assert_eq!(running.latest(), Progress::default());
}

#[tokio::test]
async fn waiters_for_progress_are_woken_by_a_report() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.add().await;
    let claim = fixture.claim().await;
    let running = claim.running();
    let mut changed = pin!(running.changed(0));
    assert!(poll!(&mut changed).is_pending());
    running.report(1, 2, "");
    assert_eq!(changed.await, 1);
    running.report(2, 2, "");
    assert_eq!(running.changed(1).await, 2, "an earlier report is not missed");
    assert_eq!(running.generation(), 2);
}

#[tokio::test]
async fn many_callers_can_wait_for_one_job() {
    let fixture = Fixture::new(retries(1, 0)).await;
    let (id, other) = (fixture.add().await, fixture.add().await);
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(fixture.task.wait(id))).collect();
    for wait in &mut waits {
        assert!(poll!(wait).is_pending());
    }
    drop(waits.pop());
    let (_, claim) = fixture.task.finish_and_claim(fixture.claim().await, retry()).await.unwrap();
    fixture.finish(claim.unwrap(), success()).await;
    for wait in &mut waits {
        assert!(poll!(wait).is_pending(), "neither a retry nor another job's end is its end");
    }
    fixture.finish(fixture.claim().await, success()).await;
    for wait in waits {
        assert_eq!(wait.await.unwrap().response(), Some("7"));
    }
    assert_eq!(fixture.task.wait(other).await.unwrap().status(), Status::Success, "at once, because it has ended");
    assert_eq!(fixture.task.wait(JobId(99)).await.unwrap_err().code(), "unknown-job");
}

#[tokio::test]
async fn a_job_has_a_log() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    let line = LogLine { at: Timestamp(1), source: LogSource::Host, text: "the add handler failed".to_owned() };
    fixture.task.log(id, vec![line.clone()]).await.unwrap();
    fixture.task.log(id, Vec::new()).await.unwrap();
    assert_eq!(fixture.task.logs(id).await.unwrap(), Some(vec![line]));
    assert_eq!(fixture.task.logs(JobId(9)).await.unwrap(), None);
}

fn said(text: &str) -> LogLine {
    LogLine { at: Timestamp(1), source: LogSource::Stdout, text: text.to_owned() }
}

#[tokio::test]
async fn a_log_is_read_while_it_grows() {
    let fixture = Fixture::new(retries(1, 0)).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    fixture.task.log(id, vec![said("one"), said("two")]).await.unwrap();
    let tail = async |read| {
        let LogTail { lines, is_over, .. } = fixture.task.log_after(id, read).await.unwrap().unwrap();
        (lines, is_over)
    };
    assert_eq!(tail(1).await, (vec![said("two")], false));
    let mut next = Box::pin(tail(2));
    assert!(poll!(&mut next).is_pending());
    fixture.finish(claim, retry()).await;
    assert!(poll!(&mut next).is_pending(), "the end of an attempt adds no line");
    let claim = fixture.claim().await;
    fixture.task.log(id, vec![said("three")]).await.unwrap();
    assert_eq!(next.await, (vec![said("three")], false));
    let mut next = Box::pin(tail(3));
    assert!(poll!(&mut next).is_pending());
    fixture.finish(claim, success()).await;
    assert_eq!(next.await, (Vec::new(), true));
    assert_eq!(tail(99).await, (Vec::new(), true));
    assert_eq!(fixture.task.log_after(JobId(9), 0).await.unwrap(), None);
}

#[tokio::test]
async fn a_log_that_is_followed_ends_when_its_job_is_deleted() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    let mut next = Box::pin(fixture.task.log_after(id, 0));
    assert!(poll!(&mut next).is_pending());
    fixture.task.delete(id).await.unwrap();
    assert_eq!(next.await.unwrap(), None);
}

#[tokio::test]
async fn the_line_about_dropped_log_lines_is_returned_once_and_last() {
    let fixture = Fixture::new(Rules::default()).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let full = JobLog::GUEST_LINES;
    fixture.task.log(id, (0..full + 3).map(|_| said("x")).collect()).await.unwrap();
    let tail = async |read| fixture.task.log_after(id, read).await.unwrap().unwrap();
    assert_eq!(tail(0).await.lines.len(), full);
    let mut next = Box::pin(tail(full));
    assert!(poll!(&mut next).is_pending());
    let failed = LogLine::host(Timestamp(2), "attempt 1 failed");
    fixture.task.log(id, vec![said("x"), failed.clone()]).await.unwrap();
    assert_eq!(next.await.lines, [failed]);
    fixture.finish(claim, success()).await;
    let LogTail { lines, is_over, .. } = tail(full + 1).await;
    assert!(is_over && lines.len() == 1 && lines[0].is_of_dropped(), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_can_be_looked_up_until_its_retention_is_over() {
    let retention = Retention { success_ms: 1_000, failure_ms: 0 };
    let fixture = Fixture::new(Rules { retention, ..Rules::default() }).await;
    let id = fixture.add().await;
    fixture.finish(fixture.claim().await, success()).await;
    tokio::time::advance(tokio::time::Duration::from_millis(999)).await;
    assert_eq!(fixture.task.prune(100).await.unwrap().jobs, 0);
    assert!(fixture.task.get(id).await.unwrap().is_some());
    tokio::time::advance(tokio::time::Duration::from_millis(1)).await;
    assert_eq!(fixture.task.prune(100).await.unwrap().jobs, 1);
    assert!(fixture.task.get(id).await.unwrap().is_none());
}
