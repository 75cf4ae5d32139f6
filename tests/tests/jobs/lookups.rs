//! Looking up, listing, deleting and expiring jobs.

use std::time::Duration;

use saggar::{FailureKind, ListQuery, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use saggar_tests::timeout::within;
use serde_json::json;

use crate::app;

/// After the end of a job, a lookup returns SUCCESS with the response, or FAILURE with the problem.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_can_be_looked_up() {
    let host = TestHost::start(App::new().simple_task("failing", guests::FAILING)).await;
    host.run("failing", json!(["reject", 0, 0])).await;
    host.run("failing", json!(["reject", 1, 0])).await;
    let (good, bad) = (host.job("failing", 1).await, host.job("failing", 2).await);
    assert_eq!((good.status, response(&good), good.problem, good.reason), (Status::Success, json!(1), None, None));
    assert_eq!((bad.status, bad.response, bad.reason), (Status::Failure, None, Some(FailureKind::Rejected)));
    let problem = bad.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.message.as_str()), ("not-yet", "attempt 1 fails by reject"));
    assert_eq!(problem.details.as_deref(), Some(r#"{"attempt":1}"#));
    assert_eq!(host.try_job("failing", 3).await.unwrap_err(), "unknown-job");
    assert_eq!(host.try_job("fail", 1).await.unwrap_err(), "unknown-task");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_page_by_page() {
    let host = TestHost::start(app()).await;
    for number in 0..5 {
        host.run("echo", json!([number])).await;
    }
    host.run("failing", json!([])).await;
    let mut query = ListQuery { limit: 2, ..ListQuery::of_tenant("default") };
    let mut seen = Vec::new();
    loop {
        let page = host.inner().list(&query).await.unwrap();
        seen.extend(page.jobs.iter().map(|job| (job.task.task.to_string(), job.id.0)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let expected = [("failing", 1), ("echo", 5), ("echo", 4), ("echo", 3), ("echo", 2), ("echo", 1)];
    assert_eq!(seen, expected.map(|(task, id)| (task.to_owned(), id)));
    let successes = ListQuery { statuses: vec![Status::Success], ..ListQuery::of_tenant("default") };
    assert_eq!(host.inner().list(&successes).await.unwrap().jobs.len(), 5);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_counts_of_a_task_are_shown() {
    let host = TestHost::start(app()).await;
    for _ in 0..3 {
        host.run("echo", json!([])).await;
    }
    let rates = host.inner().rates("echo").unwrap();
    assert_eq!((rates.added.total, rates.started.total, rates.succeeded.total, rates.failed.total), (3, 3, 3, 0));
    assert_eq!(host.inner().counts("echo").unwrap().success, 3);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_run_can_be_deleted() {
    let host = TestHost::start(app()).await;
    let running = host.close_gate("gated").await;
    assert_eq!(host.inner().delete("gated", running).await.unwrap_err().code(), "running");
    let waiting = host.add("gated", json!([])).await;
    host.inner().delete("gated", waiting).await.unwrap();
    assert_eq!(host.try_job("gated", waiting).await.unwrap_err(), "unknown-job");
    host.cancel("gated", running).await.unwrap();
    host.end("gated", running).await;
    host.inner().delete("gated", running).await.unwrap();
    assert_eq!(host.inner().logs("gated", running).await.unwrap_err().code(), "unknown-job");
    host.shutdown().await;
}

/// An ended job is retained for the time that its task defines, and its id is not reused.
#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_ended_jobs() {
    let task = json!({ "process": "plugins.failing", "retention": { "success": "1s", "failure": "1h" } });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("failing", &task)).await;
    host.run("failing", json!(["reject", 1, 0])).await;
    let good = host.run("failing", json!(["reject", 0, 0])).await;
    assert_eq!(host.job("failing", good.id).await, good, "the job is retained at first");
    within("the removal of the job", async {
        let mut interval = tokio::time::interval(Duration::from_millis(100));
        while host.try_job("failing", good.id).await != Err("unknown-job".into()) {
            interval.tick().await;
        }
    })
    .await;
    assert_eq!(host.job("failing", 1).await.status, Status::Failure, "failed jobs are retained longer");
    assert_eq!(host.cancel("failing", good.id).await, Err("unknown-job".into()));
    assert_eq!(host.add("failing", json!(["reject", 0, 0])).await, 3);
    host.idle().await;
    host.shutdown().await;
}
