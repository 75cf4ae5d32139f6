//! The limits `size` and `delayed_size`: delayed jobs and retries leave room for ready jobs.

use saggar_tests::app::App;
use saggar_tests::client::job_path;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

const HOUR_MS: u64 = 3_600_000;

/// Serves two tasks with one slot each: `gated`, and `failing`, whose jobs wait an hour after the first attempt.
fn serve() -> Server {
    let gated = json!({
        "process": "plugins.gated", "worker_nums": 1, "size": 1, "delayed_size": 2, "sandbox": { "tasks": "all" },
    });
    let failing = json!({
        "process": "plugins.failing", "worker_nums": 1, "size": 1, "delayed_size": 1, "attempts": 2,
        "attempt_after": HOUR_MS,
    });
    let app = App::new()
        .plugin("gated", guests::GATED)
        .plugin("failing", guests::FAILING)
        .simple_task("keys", guests::ECHO)
        .task("gated", &gated)
        .task("failing", &failing);
    Server::start(&app, &["--store", "memory"])
}

/// Asserts that the task refuses this job as `says`, and that the client may retry after a second.
async fn assert_full(server: &Server, task: &str, job: &Value, says: &str) {
    let added = server.get(&format!("/v1/tasks/{task}")).await.body["counts"]["added"].clone();
    let refused = server.post(&format!("/v1/tasks/{task}/jobs"), job).await;
    assert_eq!((refused.status, refused.code()), (429, "queue-full"), "{refused:?}");
    assert_eq!(refused.headers["retry-after"], "1", "{refused:?}");
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with(&format!("the queue is full: {says} ")), "{detail}");
    assert_eq!(server.get(&format!("/v1/tasks/{task}")).await.body["counts"]["added"], added, "it was added");
}

async fn cancel(server: &Server, task: &str, id: u64) {
    let cancelled = server.act(&format!("{}/cancel", job_path(task, id))).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn delayed_jobs_leave_room_for_ready_ones() {
    let server = serve();
    let (ready, delayed) = (json!({ "args": ["keys", 1] }), json!({ "args": ["keys", 1], "delay_ms": HOUR_MS }));
    // The slot is occupied, so that jobs stay ready.
    server.close_gate("gated").await;
    let reminders = [server.add("gated", &delayed).await, server.add("gated", &delayed).await];
    assert_full(&server, "gated", &delayed, "`delayed_size` allows 2").await;
    let work = server.add("gated", &ready).await;
    assert_full(&server, "gated", &ready, "`size` allows 1").await;
    assert_full(&server, "gated", &delayed, "`delayed_size` allows 2").await;
    let counts = server.get("/v1/tasks/gated").await.body["counts"].clone();
    assert_eq!((&counts["waiting"], &counts["delayed"], &counts["running"]), (&json!(3), &json!(2), &json!(1)));
    // Each kind of room comes back by itself.
    cancel(&server, "gated", reminders[0]).await;
    assert_full(&server, "gated", &ready, "`size` allows 1").await;
    server.add("gated", &delayed).await;
    assert_full(&server, "gated", &delayed, "`delayed_size` allows 2").await;
    server.open_gate().await;
    assert_eq!(server.ended("gated", work).await["status"], "SUCCESS");
    let more = server.add("gated", &ready).await;
    assert_eq!(server.ended("gated", more).await["status"], "SUCCESS");
    assert_eq!(server.job("gated", reminders[1]).await["waiting"], "delayed");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_whose_time_has_come_counts_as_ready() {
    let server = serve();
    let ready = json!({ "args": ["keys", 1] });
    server.close_gate("gated").await;
    let due = server.add("gated", &json!({ "args": ["keys", 1], "delay_ms": 1 })).await;
    server.until("gated", due, |job| job["waiting"] == "ready").await;
    assert_full(&server, "gated", &ready, "`size` allows 1").await;
    let delayed = json!({ "args": ["keys", 1], "delay_ms": HOUR_MS });
    for _ in 0..2 {
        server.add("gated", &delayed).await;
    }
    assert_full(&server, "gated", &delayed, "`delayed_size` allows 2").await;
    cancel(&server, "gated", due).await;
    server.add("gated", &ready).await;
    server.open_gate().await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_counts_as_delayed_and_leaves_room_for_ready_jobs() {
    let server = serve();
    let (fails, delayed) =
        (json!({ "args": ["retry", 1, 0] }), json!({ "args": ["retry", 0, 0], "delay_ms": HOUR_MS }));
    let is_retrying = |job: &Value| job["waiting"] == "retrying";
    let first = server.add("failing", &fails).await;
    server.until("failing", first, is_retrying).await;
    assert_full(&server, "failing", &delayed, "`delayed_size` allows 1").await;
    // A ready job has room; its retry is not refused, although it exceeds the limit.
    let second = server.add("failing", &fails).await;
    server.until("failing", second, is_retrying).await;
    assert_eq!(server.get("/v1/tasks/failing").await.body["counts"]["delayed"], 2);
    let third = server.add("failing", &json!({ "args": ["retry", 0, 0] })).await;
    assert_eq!(server.ended("failing", third).await["status"], "SUCCESS");
    cancel(&server, "failing", first).await;
    assert_full(&server, "failing", &delayed, "`delayed_size` allows 1").await;
    cancel(&server, "failing", second).await;
    server.add("failing", &delayed).await;
    server.stop();
}
