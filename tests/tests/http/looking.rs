//! Lookups of one job: its current state, waiting for its end, its log and its attempts.

use std::time::{Duration, Instant};

use reqwest::Method;
use saggar_tests::client::{job_path, send};
use serde_json::{Value, json};

use super::stage::serve;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_shows_its_current_state() {
    let server = serve();
    let id = server.close_gate("gated").await;
    let waiting = server.add("gated", &json!({ "args": ["keys", 1] })).await;
    let job = server.job("gated", id).await;
    assert_eq!((&job["id"], &job["task"], &job["status"]), (&json!(id), &json!("gated"), &json!("RUNNING")));
    assert_eq!((&job["current"], &job["total"], &job["message"]), (&json!(0), &json!(1), &json!("at the gate")));
    assert_eq!((&job["attempt"], &job["max_attempts"]), (&json!(1), &json!(1)));
    assert!(job["started_at"].is_string() && job["ended_at"].is_null() && job["run_at"].is_null(), "{job}");
    let job = server.job("gated", waiting).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("WAITING"), &json!(0)));
    assert!(job["started_at"].is_null() && job["run_at"].is_string() && job["response"].is_null(), "{job}");
    server.open_gate().await;
    let job = server.ended("gated", waiting).await;
    assert_eq!(
        (&job["status"], &job["response"], &job["reason"]),
        (&json!("SUCCESS"), &json!("through"), &Value::Null)
    );
    assert!(job["started_at"].is_null() && job["ended_at"].is_string(), "{job}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_shows_its_reason() {
    let server = serve();
    let failed = server.add("failing", &json!({ "args": ["retry", 9, 0] })).await;
    let job = server.ended("failing", failed).await;
    assert_eq!((&job["status"], &job["reason"], &job["attempt"]), (&json!("FAILURE"), &json!("failed"), &json!(3)));
    let problem = json!({ "code": "not-yet", "message": "attempt 3 fails by retry", "details": { "attempt": 3 } });
    assert_eq!(job["problem"], problem);
    for (how, reason) in [("reject", "rejected"), ("trap", "trap")] {
        let id = server.add("failing", &json!({ "args": [how, 9, 0] })).await;
        assert_eq!(server.ended("failing", id).await["reason"], reason);
    }
    let again = server.add("failing", &json!({ "args": ["retry", 1, 0] })).await;
    assert_eq!(server.ended("failing", again).await["response"], 2);
    let attempts = server.get(&format!("{}/attempts", job_path("failing", again))).await;
    let attempts = attempts.body["attempts"].as_array().expect("attempts");
    let fields = |name: &str| attempts.iter().map(|attempt| attempt[name].clone()).collect::<Vec<_>>();
    assert_eq!(fields("number"), [1, 2]);
    assert_eq!(fields("ending"), ["failed", "success"]);
    assert_eq!(fields("problem")[0]["code"], "not-yet");
    let cost = &attempts[1]["cost"];
    assert_eq!(cost["digest"].as_str().map(str::len), Some(64), "{cost}");
    assert!(cost["cpu_ms"].as_f64() > Some(0.0) && cost["peak_memory"].as_u64() > Some(0), "{cost}");
    let log = server.get(&format!("{}/logs", job_path("failing", failed))).await;
    let lines = log.body["lines"].as_array().expect("lines");
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line["source"] == "host" && line["level"].is_null()),
        "{log:?}"
    );
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_with_the_job_or_the_given_time() {
    let server = serve();
    let id = server.close_gate("gated").await;
    let wait = |time: &str| format!("{}?wait={time}", job_path("gated", id));
    let began = Instant::now();
    let (over, at_once) = (server.get(&wait("300ms")).await, server.get(&wait("0s")).await);
    assert!(began.elapsed() >= Duration::from_millis(300));
    for job in [over, at_once] {
        assert_eq!((job.status, &job.body["status"]), (200, &json!("RUNNING")));
    }
    let (in_minutes, in_seconds) = (wait("999999999m"), wait("60s"));
    let (ended, also, ()) = tokio::join!(server.get(&in_minutes), server.get(&in_seconds), server.open_gate());
    for job in [ended, also, server.get(&wait("60s")).await] {
        assert_eq!((job.status, &job.body["status"]), (200, &json!("SUCCESS")));
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_openapi_are_served() {
    let server = serve();
    let healthy = server.get("/healthz").await;
    assert_eq!((healthy.status, &healthy.body), (200, &json!("ok")));
    let ready = server.get("/readyz").await;
    let not_ready = ready.body["not_ready"].as_array().expect("a list");
    assert_eq!((ready.status, &ready.body["status"], not_ready.len()), (200, &json!("ready"), 1));
    let tasks = &ready.body["tasks"];
    assert_eq!((&tasks["preparing"], &tasks["broken"]), (&json!(0), &json!(1)));
    assert!(tasks["ready"].as_u64().is_some_and(|ready| ready > 10), "{tasks}");
    assert_eq!((&not_ready[0]["task"], &not_ready[0]["state"]), (&json!("broken"), &json!("broken")));
    // HEAD returns the head of the response without its body.
    let head = send(server.request(Method::HEAD, "/healthz")).await;
    assert_eq!((head.status, &head.headers["content-length"], &head.body), (200, &"4".parse().unwrap(), &Value::Null));
    let document = server.get("/openapi.json").await;
    assert_eq!((document.status, &document.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(document.body, serde_json::from_str::<Value>(saggar::api::openapi()).unwrap());
    server.stop();
}
