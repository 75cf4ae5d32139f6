//! Adding jobs: ids, errors, idempotency keys, unique jobs, batches, full queues.

use saggar::{NewJob, Status, UniqueBy, fingerprint};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use serde_json::json;

use crate::app;

/// `add` returns an id, or an error with its code; a rejected job has no effect.
#[tokio::test(flavor = "multi_thread")]
async fn adding_returns_an_id_or_an_error() {
    let full = json!({ "process": "plugins.gated", "size": 1, "sandbox": { "tasks": "all" } });
    let failing = json!({ "process": "plugins.echo", "event": { "next": "plugins.ids#problem" } });
    let double = json!({ "process": "plugins.echo", "event": { "next": "plugins.ids#always-seven" } });
    let app = App::new()
        .plugin("gated", guests::GATED)
        .plugin("ids", guests::IDS)
        .plugin("echo", guests::ECHO)
        .simple_task("keys", guests::ECHO)
        .task("full", &full)
        .task("failing", &failing)
        .task("double", &double);
    let host = TestHost::start(app).await;
    host.close_gate("full").await;
    assert_eq!(host.try_add("full", json!(["keys", 1])).await, Ok(2));
    assert_eq!(host.try_add("full", json!(["keys", 1])).await, Err("queue-full".into()));
    assert_eq!(host.try_add("failing", json!([])).await, Err("next-failed".into()));
    assert_eq!(host.try_add("double", json!([])).await, Ok(7));
    assert_eq!(host.try_add("double", json!([])).await, Err("duplicate-id".into()));
    assert_eq!(host.try_add("nowhere", json!([])).await, Err("unknown-task".into()));
    for not_an_array in [json!(null), json!({ "a": 1 }), json!("[]"), json!(3)] {
        assert_eq!(host.try_add("keys", not_an_array).await, Err("invalid-args".into()));
    }
    for not_json in ["", "[1", "[1,]", "[NaN]", "[] []"] {
        assert_eq!(host.inner().add("keys", not_json).await.unwrap_err().code(), "invalid-args", "{not_json}");
    }
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(host.inner().add("keys", &deep).await.unwrap_err().code(), "invalid-args");
    host.open_gate().await;
    host.idle().await;
    let added = ["full", "failing", "double", "keys"].map(|task| host.inner().counts(task).unwrap().added);
    assert_eq!(added, [2, 0, 1, 1]);
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
async fn the_same_key_returns_the_same_job() {
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
async fn a_unique_job_exists_once_while_it_waits_or_runs() {
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
    assert!(later[0].is_new, "the earlier job has ended");
    host.shutdown().await;
}

/// A full queue rejects jobs at once, while lookups and progress work and its jobs run.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_rejects_jobs_and_drains() {
    let task = json!({ "process": "plugins.gated", "size": 3, "sandbox": { "tasks": "all" } });
    let app = App::new().plugin("gated", guests::GATED).task("gated", &task).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let running = host.close_gate("gated").await;
    for expected in 2..=4 {
        assert_eq!(host.add("gated", json!(["keys", 1])).await, expected);
    }
    for _ in 0..100 {
        assert_eq!(host.try_add("gated", json!(["keys", 1])).await, Err("queue-full".into()));
    }
    assert_eq!(host.job("gated", running).await.message, "at the gate");
    assert_eq!(host.job("gated", 4).await.status, Status::Waiting);

    host.open_gate().await;
    for id in 1..=4 {
        assert_eq!(response(&host.end("gated", id).await), "through");
    }
    assert_eq!(host.response("gated", json!(["keys", 1])).await, "through", "the queue has space again");
    assert_eq!(host.inner().counts("gated").unwrap().success, 5);
    host.shutdown().await;
}
