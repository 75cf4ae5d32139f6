//! Why a job waits, what its running attempt is bound by, and which attempt wrote a line of its log.

use saggar_tests::client::job_path;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::serve;

async fn explained(server: &Server, task: &str, id: u64) -> Value {
    let job = server.get(&format!("{}?explain=true", job_path(task, id))).await;
    assert_eq!(job.status, 200, "{job:?}");
    job.body["explanation"].clone()
}

async fn wait(server: &Server, task: &str, id: u64) -> Value {
    let explanation = explained(server, task, id).await;
    assert_eq!(explanation["running"], Value::Null, "{explanation}");
    explanation["wait"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_says_why_it_waits() {
    let server = serve();
    let running = server.close_gate("gated").await;
    let [first, second] = [
        server.add("gated", &json!({ "args": ["keys", 1] })).await,
        server.add("gated", &json!({ "args": ["keys", 1] })).await,
    ];
    for (id, ahead) in [(first, 0), (second, 1)] {
        let wait = wait(&server, "gated", id).await;
        assert_eq!(
            (&wait["reason"], &wait["ahead"], &wait["ahead_exact"]),
            (&json!("slot"), &json!(ahead), &json!(true))
        );
        assert_eq!((&wait["slots"], &wait["busy"]), (&json!(1), &json!(1)));
        assert!(wait["next_free_by"].is_string() && wait["since"].is_string(), "{wait}");
    }
    let delayed = server.add("gated", &json!({ "args": ["keys", 1], "delay_ms": 3_600_000 })).await;
    let later = wait(&server, "gated", delayed).await;
    assert_eq!((&later["reason"], &later["ahead"], &later["since"]), (&json!("time"), &Value::Null, &Value::Null));
    assert_eq!(later["until"], server.job("gated", delayed).await["run_at"]);
    assert_eq!(wait(&server, "gated", second).await["ahead_exact"], false, "one is delayed");
    let on_hold = server.add("on-hold", &json!({ "args": [] })).await;
    assert_eq!(wait(&server, "on-hold", on_hold).await["reason"], "add-handler");
    assert_eq!(server.act("/v1/tasks/gated/pause").await.status, 204);
    assert_eq!(wait(&server, "gated", first).await["reason"], "paused");
    let explanation = explained(&server, "gated", running).await;
    assert_eq!(explanation["wait"], Value::Null);
    let attempt = &explanation["running"];
    assert_eq!((&attempt["run"], &attempt["number"]), (&json!(1), &json!(1)));
    assert!(attempt["started_at"].as_str() < attempt["deadline_at"].as_str(), "{attempt}");
    assert_eq!(attempt["digest"].as_str().map(str::len), Some(64), "{attempt}");
    assert!(attempt["memory_limit"].as_u64() > Some(0), "{attempt}");
    let job = server.job("gated", running).await;
    assert!(job.get("explanation").is_none(), "only if asked for: {job}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_log_says_which_attempt_wrote_it() {
    let server = serve();
    let id = server.add("failing", &json!({ "args": ["reject", 9, 0] })).await;
    server.ended("failing", id).await;
    let attempts = server.get(&format!("{}/attempts", job_path("failing", id))).await.body;
    let log = server.get(&format!("{}/logs", job_path("failing", id))).await.body;
    let lines = log["lines"].as_array().expect("lines");
    assert!(!lines.is_empty());
    for line in lines {
        assert_eq!(line["run"], attempts["attempts"][0]["run"], "{line}");
    }
    server.stop();
}
