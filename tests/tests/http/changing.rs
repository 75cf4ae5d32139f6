//! Changing jobs in each of their states.

use saggar_tests::client::{ApiResponse, job_path};
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{app, serve};

/// Jobs of the task `gated`: a running, a waiting, a delayed and an ended one.
struct Jobs {
    server: Server,
    running: u64,
    waiting: u64,
    delayed: u64,
    ended: u64,
}

impl Jobs {
    async fn start() -> Self {
        let server = serve();
        let ended = server.add("gated", &json!({ "args": ["keys", 1], "delay_ms": 3_600_000 })).await;
        let gone = server.act(&format!("{}/cancel", job_path("gated", ended))).await;
        assert_eq!((gone.status, &gone.body["status"]), (200, &json!("FAILURE")));
        let running = server.close_gate("gated").await;
        let waiting = server.add("gated", &json!({ "args": ["keys", 1] })).await;
        let delayed = server.add("gated", &json!({ "args": ["keys", 1], "delay_ms": 3_600_000 })).await;
        Self { server, running, waiting, delayed, ended }
    }

    async fn act(&self, id: u64, what: &str) -> ApiResponse {
        self.server.act(&format!("{}/{what}", job_path("gated", id))).await
    }

    async fn delete(&self, id: u64) -> ApiResponse {
        self.server.delete(&job_path("gated", id)).await
    }
}

fn refused(answer: &ApiResponse) -> (u16, &str) {
    (answer.status, answer.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_until_it_has_ended() {
    let jobs = Jobs::start().await;
    for id in [jobs.waiting, jobs.delayed] {
        let answer = jobs.act(id, "cancel").await;
        assert_eq!(
            (answer.status, &answer.body["status"], &answer.body["reason"]),
            (200, &json!("FAILURE"), &json!("cancelled"))
        );
        assert_eq!(answer.body["attempt"], 0);
    }
    // A running job is stopped; the response does not wait until it has ended.
    assert_eq!(jobs.act(jobs.running, "cancel").await.status, 200);
    let job = jobs.server.ended("gated", jobs.running).await;
    assert_eq!((&job["status"], &job["reason"], &job["attempt"]), (&json!("FAILURE"), &json!("cancelled"), &json!(1)));
    for id in [jobs.waiting, jobs.delayed, jobs.running, jobs.ended] {
        assert_eq!(refused(&jobs.act(id, "cancel").await), (409, "ended"));
    }
    assert_eq!(refused(&jobs.act(99, "cancel").await), (404, "unknown-job"));
    jobs.server.stop();
}

/// A job that ends by itself while its cancellation is requested is not shown as cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn the_response_to_a_cancel_shows_its_effect() {
    let server = serve();
    for number in 1..=60 {
        let running = server.add("gated", &json!({ "args": ["keys", number] })).await;
        server.until("gated", running, |job| job["message"] == "at the gate").await;
        let (path, opens) = (format!("{}/cancel", job_path("gated", running)), json!({}));
        let (answer, opening) = tokio::join!(server.act(&path), server.add("keys", &opens));
        assert_eq!(opening, number);
        let job = server.ended("gated", running).await;
        match answer.status {
            200 if answer.body["status"] == "RUNNING" => assert_eq!(answer.body["cancelling"], true, "{answer:?}"),
            200 => assert_eq!((&answer.body["reason"], &job["reason"]), (&json!("cancelled"), &json!("cancelled"))),
            _ => {
                assert_eq!(refused(&answer), (409, "ended"));
                assert_eq!(job["status"], "SUCCESS", "{job}");
            }
        }
        assert_eq!(job["cancelling"], false, "{job}");
    }
    server.stop();
}

/// The two answers of that race, without the race: the attempt of one job cannot end until its progress handler does,
/// which takes a minute; the other job has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_answered_with_a_cancelling_job_or_refused_after_the_end() {
    let task = json!({
        "process": "plugins.gated",
        "event": { "progress": "plugins.faulty#spin" },
        "sandbox": { "tasks": "all", "event_timeout": 60 },
    });
    let server = Server::start(&app().task("stuck", &task), &["--store", "memory"]);
    let running = server.close_gate("stuck").await;
    for _ in 0..2 {
        let answer = server.act(&format!("{}/cancel", job_path("stuck", running))).await;
        assert_eq!(
            (answer.status, &answer.body["status"], &answer.body["cancelling"]),
            (200, &json!("RUNNING"), &json!(true))
        );
    }
    assert_eq!(server.job("stuck", running).await["cancelling"], true);
    let done = server.add("keys", &json!({})).await;
    server.ended("keys", done).await;
    assert_eq!(refused(&server.act(&format!("{}/cancel", job_path("keys", done))).await), (409, "ended"));
    let job = server.job("keys", done).await;
    assert_eq!((&job["status"], &job["reason"], &job["cancelling"]), (&json!("SUCCESS"), &json!(null), &json!(false)));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_is_retried() {
    let jobs = Jobs::start().await;
    for id in [jobs.waiting, jobs.delayed, jobs.running] {
        assert_eq!(refused(&jobs.act(id, "retry").await), (409, "not-ended"));
    }
    let answer = jobs.act(jobs.ended, "retry").await;
    assert_eq!((answer.status, &answer.body["status"], &answer.body["reason"]), (200, &json!("WAITING"), &json!(null)));
    assert_eq!(refused(&jobs.act(jobs.ended, "retry").await), (409, "not-ended"));
    jobs.server.open_gate().await;
    assert_eq!(jobs.server.ended("gated", jobs.ended).await["status"], "SUCCESS");
    // A job that succeeded can be retried, too.
    assert_eq!(jobs.act(jobs.ended, "retry").await.status, 200);
    assert_eq!(jobs.server.ended("gated", jobs.ended).await["status"], "SUCCESS");
    let attempts = jobs.server.get(&format!("{}/attempts", job_path("gated", jobs.ended))).await;
    assert_eq!(attempts.body["attempts"].as_array().map(Vec::len), Some(2), "{attempts:?}");
    assert_eq!(refused(&jobs.act(99, "retry").await), (404, "unknown-job"));
    jobs.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_run_is_deleted() {
    let jobs = Jobs::start().await;
    assert_eq!(refused(&jobs.delete(jobs.running).await), (409, "running"));
    for id in [jobs.waiting, jobs.delayed, jobs.ended] {
        let answer = jobs.delete(id).await;
        assert_eq!((answer.status, &answer.body), (204, &json!(null)));
        assert_eq!(refused(&jobs.delete(id).await), (404, "unknown-job"));
        let path = job_path("gated", id);
        for path in [path.clone(), format!("{path}?wait=1s"), format!("{path}/logs"), format!("{path}/attempts")] {
            assert_eq!(refused(&jobs.server.get(&path).await), (404, "unknown-job"), "{path}");
        }
        assert_eq!(refused(&jobs.act(id, "cancel").await), (404, "unknown-job"));
    }
    // The id is not reused.
    let next = jobs.server.add("gated", &json!({ "args": ["keys", 1] })).await;
    assert_eq!(next, jobs.delayed + 1);
    jobs.server.stop();
}
