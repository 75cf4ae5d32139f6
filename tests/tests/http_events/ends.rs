//! The end of an event stream: at the job's end, at the host's end, and for an invalid request.

use std::time::{Duration, Instant};

use reqwest::Method;
use saggar_tests::app::App;
use saggar_tests::client::{client, send};
use saggar_tests::follower::{ask, follow};
use saggar_tests::guests;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::add;

/// The time that a stopping host grants to requests in flight.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

fn app() -> App {
    App::new()
        .simple_task("gated", guests::GATED)
        .simple_task("keys", guests::ECHO)
        .simple_task("Failing", guests::FAILING)
        .task("many", &json!({"process": "plugins.keys", "size": 100_000}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_job_end_with_the_job() {
    let app = app();
    let (server, client) = (Server::start(&app, &[]), client());
    let mut all = follow(&client, &server.url("/v1/events?task=GATED"), None).await;
    let id = add(&client, &server, "gated", &json!(["keys", 1]), 1).await[0];
    let url = server.url(&format!("/v1/tasks/gated/jobs/{id}/events"));
    let first = all.until("added").await;
    all.until("progress").await;
    let mut follower = follow(&client, &url, Some(&first.id)).await;
    assert_eq!(follower.until("started").await.data["attempt"], 1);
    let progress = follower.until("progress").await.data;
    assert_eq!(
        (&progress["message"], &progress["current"], &progress["total"], &progress["task"], &progress["id"]),
        (&json!("at the gate"), &json!(0), &json!(1), &json!("gated"), &json!(id))
    );
    add(&client, &server, "keys", &json!([]), 1).await;
    assert_eq!(follower.rest().await, ["progress", "succeeded"]);
    let last = all.until("succeeded").await;

    assert_eq!(ask(&client, &url, None).await.status(), 204, "the job has ended");
    assert_eq!(ask(&client, &url, Some(&last.id)).await.status(), 204, "the job has no further events");
    let again = follow(&client, &url, Some(&first.id)).await;
    assert_eq!(again.rest().await, ["reached", "started", "progress", "progress", "succeeded"]);

    let id = add(&client, &server, "failing", &json!(["reject"]), 1).await[0];
    let job = server.get(&format!("/v1/tasks/failing/jobs/{id}?wait=30s")).await;
    let of_failing = server.url(&format!("/v1/tasks/failing/jobs/{id}/events?after={}", last.id));
    let mut follower = follow(&client, &of_failing, None).await;
    assert_eq!(follower.until("failed").await.data["reason"], job.body["reason"]);
    assert_eq!(follower.next().await, None);
    assert_eq!(server.delete(&format!("/v1/tasks/failing/jobs/{id}")).await.status, 204);
    assert_eq!(follow(&client, &of_failing, None).await.rest().await.last().map(String::as_str), Some("deleted"));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_subscriptions_are_refused() {
    let app = app();
    let server = Server::start(&app, &[]);
    for (path, id, status, code) in [
        ("/v1/events?task=nowhere", None, 404, "unknown-task"),
        ("/v1/events?tasks=keys", None, 400, "invalid-query"),
        ("/v1/events?after=7", None, 400, "invalid-query"),
        ("/v1/events", Some("7"), 400, "invalid-header"),
        ("/v1/tasks/keys/jobs/1/events", None, 404, "unknown-job"),
        ("/v1/tasks/keys/jobs/x/events", None, 400, "invalid-id"),
        ("/v1/tasks/nowhere/jobs/1/events", None, 404, "unknown-task"),
        ("/v1/tasks/keys/jobs/1/logs?follow=true", None, 404, "unknown-job"),
        ("/v1/tasks/keys/jobs/1/logs?follow=perhaps", None, 400, "invalid-query"),
        ("/v1/tasks/keys/jobs/1/logs?after=1", None, 400, "invalid-query"),
        ("/v1/tasks/keys/jobs/1/logs?follow=true", Some("e1-1"), 400, "invalid-header"),
    ] {
        let mut request = server.request(Method::GET, path);
        if let Some(id) = id {
            request = request.header("Last-Event-ID", id);
        }
        let answered = send(request).await;
        assert_eq!((answered.status, answered.code()), (status, code), "{path}");
    }
    let posted = server.post("/v1/events", &json!({})).await;
    assert_eq!((posted.status, posted.code()), (405, "method-not-allowed"));
    assert_eq!(posted.headers["allow"], "GET,HEAD");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_open_responses() {
    let app = app();
    let (server, client) = (Server::start(&app, &[]), client());
    let later = json!({"args": ["keys", 1], "delay_ms": 3_600_000});
    let id = server.post("/v1/tasks/gated/jobs", &later).await.body["id"].as_u64().expect("an id");
    let job = format!("/v1/tasks/gated/jobs/{id}");
    let mut followers = Vec::new();
    for path in ["/v1/events?task=gated".to_owned(), format!("{job}/events")] {
        let mut follower = follow(&client, &server.url(&path), None).await;
        follower.until("reached").await;
        followers.push(follower);
    }
    followers.push(follow(&client, &server.url(&format!("{job}/logs?follow=true")), None).await);
    // A client that does not read, with more events than the system buffers, must not prevent the host from stopping.
    let mut stuck = TcpStream::connect(server.address()).await.expect("a connection");
    stuck.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("a request");
    let mut waiting = JoinSet::new();
    waiting.spawn(send(server.request(Method::GET, &format!("{job}?wait=60s"))));
    assert_eq!(server.post("/v1/tasks/many/pause", &json!({})).await.status, 204);
    for _ in 0..4 {
        add(&client, &server, "many", &json!([]), 10_000).await;
    }
    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < LAST_ANSWERS, "it took {:?}", began.elapsed());
    for follower in followers {
        within("the end of an answer", follower.rest()).await;
    }
    let waited = waiting.join_next().await.expect("the request was sent").expect("an answer");
    assert_eq!((waited.status, waited.code()), (503, "stopping"));
    assert_eq!(waited.headers["retry-after"], "5");
}
