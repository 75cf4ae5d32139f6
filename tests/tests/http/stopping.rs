//! Stopping: the responses of a host that drains, and that no response is lost.

use std::sync::atomic::{AtomicBool, Ordering};

use saggar_tests::client::{client, job_path};
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{app, drain, ids, serve_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_host_answers_lookups_and_rejects_jobs() {
    let server = serve_with(&["--drain", "60s"]);
    let id = server.close_gate("gated").await;
    let waiting = server.add("gated", &json!({ "args": ["keys", 1] })).await;
    // This job prevents the host from stopping.
    server.close_gate("narrow").await;
    drain(&server).await;
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code(), &ready.headers["retry-after"]), (503, "stopping", &"5".parse().unwrap()));
    assert_eq!(server.get("/healthz").await.status, 200);
    for path in ["/v1/tasks/gated/jobs", "/v1/tasks/gated/jobs/batch"] {
        let body = if path.ends_with("batch") { json!({ "jobs": [{}] }) } else { json!({}) };
        let refused = server.post(path, &body).await;
        assert_eq!(
            (refused.status, refused.code(), &refused.headers["retry-after"]),
            (503, "stopping", &"5".parse().unwrap())
        );
    }
    // Lookups continue, and running jobs can be stopped.
    assert_eq!(server.job("gated", id).await["status"], "RUNNING");
    assert_eq!(server.job("gated", waiting).await["status"], "WAITING");
    assert_eq!(ids(&server.get("/v1/tasks/gated/jobs?order=oldest").await.body), [id, waiting]);
    assert_eq!(server.get("/v1/tasks/gated").await.body["counts"]["running"], 1);
    let path = format!("{}?wait=60s", job_path("gated", id));
    let (ended, cancelled) =
        tokio::join!(server.get(&path), async { server.act(&format!("{}/cancel", job_path("gated", id))).await });
    assert_eq!(cancelled.status, 200);
    assert_eq!((ended.status, &ended.body["reason"]), (200, &json!("cancelled")));
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
}

/// A client that waits for a job that ends within the drain gets it; a client that waits for another job gets the error
/// `stopping`.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_clients_are_answered_when_the_host_stops() {
    let server = serve_with(&["--drain", "3s"]);
    let ends = server.add("slow", &json!({ "args": [1_000] })).await;
    let stays = server.close_gate("gated").await;
    server.until("slow", ends, |job| job["status"] != "WAITING").await;
    let (path_of_one, path_of_other) =
        (format!("{}?wait=60s", job_path("slow", ends)), format!("{}?wait=60s", job_path("gated", stays)));
    let (one, other, ()) = tokio::join!(server.get(&path_of_one), server.get(&path_of_other), async {
        // Both requests wait by now, or get the same response a little later.
        server.until("gated", stays, |job| job["status"] == "RUNNING").await;
        server.signal("TERM");
    });
    assert_eq!((one.status, &one.body["status"]), (200, &json!("SUCCESS")));
    assert_eq!((other.status, other.code()), (503, "stopping"));
    let (code, log) = server.end();
    assert_eq!(code, Some(0));
    let stopped = format!("gated#{stays}");
    assert!(log.iter().any(|line| line.contains("is lost") && line.contains(&stopped)), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("requeued")), "a lost job is not requeued: {log:#?}");
    assert!(log.iter().any(|line| line.contains("had not ended are lost") && line.contains("lost=1")), "{log:#?}");
}

/// Clients add jobs as fast as possible while the host stops: every stored job was confirmed, and every confirmed job
/// is stored.
#[tokio::test(flavor = "multi_thread")]
async fn every_stored_job_was_confirmed_and_every_confirmed_job_is_stored() {
    let app = app();
    let server = Server::start(&app, &[]);
    assert_eq!(server.act("/v1/tasks/mail.send/pause").await.status, 204);
    let (url, stop) = (server.url("/v1/tasks/mail.send/jobs"), AtomicBool::new(false));
    let adding = (0..16).map(|_| Box::pin(add_until_closed(&url, &stop)));
    let (answered, ()) = tokio::join!(futures_util::future::join_all(adding), async {
        while server.get("/v1/tasks/mail.send").await.body["counts"]["added"].as_u64() < Some(200) {}
        server.signal("TERM");
    });
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log:#?}");
    let mut answered: Vec<u64> = answered.into_iter().flatten().collect();
    answered.sort_unstable();
    assert!(answered.len() >= 100, "{}", answered.len());
    let server = Server::start(&app, &[]);
    let counts = server.get("/v1/tasks/mail.send").await.body["counts"].clone();
    assert_eq!(counts["added"], answered.len(), "a stored job was not confirmed");
    assert_eq!(answered, (1..=answered.len() as u64).collect::<Vec<_>>());
    let last = server.job("mail.send", *answered.last().expect("one")).await;
    assert_eq!(last["status"], "WAITING");
    server.stop();
}

/// Adds one job after the other until the host rejects one or has stopped; returns the confirmed ids.
async fn add_until_closed(url: &str, stop: &AtomicBool) -> Vec<u64> {
    let (client, mut ids) = (client(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let Ok(answer) = client.post(url).json(&json!({})).send().await else { break };
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a response that has begun is complete");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        match status {
            201 => ids.push(body["id"].as_u64().expect("an id")),
            503 => stop.store(true, Ordering::Relaxed),
            _ => panic!("{status}: {body}"),
        }
    }
    ids
}
