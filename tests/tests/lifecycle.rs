//! What users of a job system expect beyond running jobs: keys, unique jobs, batches, retries, pauses, records, lists.

use saggar::{ListQuery, NewJob, Status, UniqueBy, fingerprint};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use serde_json::json;

fn app() -> App {
    App::new()
        .simple_task("echo", guests::ECHO)
        .simple_task("failing", guests::FAILING)
        .simple_task("gated", guests::GATED)
        .simple_task("keys", guests::ECHO)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_answers_the_same_job() {
    let host = TestHost::start(app()).await;
    let job = || NewJob { key: Some("order-7".into()), ..NewJob::new("[1]") };
    let first = host.inner().add_jobs("echo", vec![job()]).await.unwrap();
    host.end("echo", first[0].id.0).await;
    let again = host.inner().add_jobs("echo", vec![job(), NewJob::new("[2]")]).await.unwrap();
    assert_eq!((again[0].id, again[0].is_new), (first[0].id, false));
    assert!(again[1].is_new);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_job_is_there_once_while_it_waits_or_runs() {
    let host = TestHost::start(app()).await;
    host.inner().pause("echo").await.unwrap();
    let job = |args: &str| NewJob { unique: Some(fingerprint(UniqueBy::Positions(&[0]), args)), ..NewJob::new(args) };
    let jobs = vec![job(r#"["ada", 1]"#), job(r#"["ada", 2]"#), job(r#"["bob", 1]"#)];
    let added = host.inner().add_jobs("echo", jobs).await.unwrap();
    assert_eq!(added.iter().map(|added| added.is_new).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(added[0].id, added[1].id);
    host.inner().resume("echo").await.unwrap();
    host.end("echo", added[0].id.0).await;
    let later = host.inner().add_jobs("echo", vec![job(r#"["ada", 3]"#)]).await.unwrap();
    assert!(later[0].is_new, "the earlier one has ended");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_added_whole_or_not_at_all() {
    let host = TestHost::start(app()).await;
    let ids = vec![NewJob::new("[]"), NewJob::new("[]").with_id(saggar::JobId(1))];
    let refused = host.inner().add_jobs("echo", ids).await.unwrap_err();
    assert_eq!(refused.code(), "duplicate-id");
    let refused = host.inner().add_jobs("echo", vec![NewJob::new("[]"), NewJob::new("{}")]).await.unwrap_err();
    assert_eq!(refused.code(), "invalid-args");
    assert_eq!(host.inner().counts("echo").unwrap().added, 0);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_task_begins_nothing_until_it_is_resumed() {
    let host = TestHost::start(app()).await;
    host.inner().pause("echo").await.unwrap();
    let id = host.add("echo", json!(["x"])).await;
    // Another task works meanwhile.
    host.run("keys", json!(["y"])).await;
    assert_eq!(host.job("echo", id).await.status, Status::Waiting);
    host.inner().resume("echo").await.unwrap();
    assert_eq!(host.end("echo", id).await.status, Status::Success);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_can_run_again_and_its_attempts_are_kept() {
    let host = TestHost::start(app()).await;
    let first = host.run("echo", json!(["x"])).await;
    host.inner().retry("echo", first.id).await.unwrap();
    let second = host.end("echo", first.id).await;
    assert_eq!((response(&second), second.attempt), (response(&first), 1));
    let attempts = host.inner().attempts("echo", first.id).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| (attempt.number, attempt.run.0)).collect::<Vec<_>>(), [(1, 1), (1, 2)]);
    let digest = host.inner().app().plugin("echo").unwrap().digest().clone();
    for attempt in &attempts {
        let cost = attempt.cost.as_ref().expect("the attempt was measured");
        assert_eq!((attempt.ending.name(), &cost.digest), ("success", &digest));
        assert!(cost.peak_memory > 0 && !cost.cpu.is_zero(), "{cost:?}");
    }
    assert!(attempts[0].cost.as_ref().unwrap().fresh && !attempts[1].cost.as_ref().unwrap().fresh);
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
    let successes = ListQuery { status: Some(Status::Success), ..ListQuery::of_tenant("default") };
    assert_eq!(host.inner().list(&successes).await.unwrap().jobs.len(), 5);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_counts_tell_what_a_task_does() {
    let host = TestHost::start(app()).await;
    for _ in 0..3 {
        host.run("echo", json!([])).await;
    }
    let rates = host.inner().rates("echo").unwrap();
    assert_eq!((rates.added.total, rates.started.total, rates.succeeded.total, rates.failed.total), (3, 3, 3, 0));
    assert_eq!(host.inner().counts("echo").unwrap().success, 3);
    host.shutdown().await;
}
