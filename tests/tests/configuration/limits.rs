//! Limits of the HTTP service, and tokens from the environment: the real binary enforces them.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method};
use saggar_tests::app::App;
use saggar_tests::client::{client, send};
use saggar_tests::follower::{ask, follow};
use saggar_tests::guests;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

/// Of the token `admin-token`.
const ADMIN: &str = "admin:10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a";

const FILE: &str = "events.keep = 1000\n[http]\nstreams = 1\nwrite_time = 1\nhead_bytes = \"8KiB\"\nheaders = 16\n";

/// A client that sends the token with every request.
fn admin() -> Client {
    // Sets up what all of them need.
    drop(client());
    let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer admin-token"))]);
    Client::builder().no_proxy().pool_max_idle_per_host(0).default_headers(bearer).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_keeps_to_what_it_is_told() {
    let task = json!({ "process": "plugins.echo", "size": 1_000_000 });
    let app = App::new().plugin("echo", guests::ECHO).task("echo", &task).file("saggar.toml", FILE);
    let server = Server::start_as(&app, |serve| serve.args(["--store", "memory"]).env("SAGGAR_TOKENS", ADMIN));
    let admin = admin();
    assert_eq!(server.get("/v1/tasks").await.code(), "unauthorized");
    let pause = send(admin.request(Method::POST, server.url("/v1/tasks/echo/pause"))).await;
    assert_eq!(pause.status, 204);
    heads_are_bounded(&server);
    few_events_are_kept(&server, &admin).await;
    one_may_follow_and_must_read(&server, &admin).await;
    server.stop();
}

/// The `Host` is a header as well.
fn heads_are_bounded(server: &Server) {
    let many = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    assert_eq!(server.raw(server.head("GET /healthz", &many(15))).status, 200);
    assert_eq!(server.raw(server.head("GET /healthz", &many(16))).code(), "head-too-large");
    let long = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    assert_eq!(server.raw(server.head("GET /healthz", &long(7_000))).status, 200);
    assert_eq!(server.raw(server.head("GET /healthz", &long(17_000))).code(), "head-too-large");
}

async fn add(server: &Server, admin: &Client, jobs: usize) {
    let batch = json!({ "jobs": vec![json!({}); jobs] });
    let added = send(admin.post(server.url("/v1/tasks/echo/jobs/batch")).json(&batch)).await;
    assert_eq!(added.status, 201, "{:?}", added.body);
}

/// Waits until a permit to follow is free.
async fn until_nobody_follows(server: &Server, admin: &Client) {
    within("the end of all following", async {
        loop {
            let metrics = admin.get(server.url("/metrics")).send().await.expect("an answer");
            let metrics = metrics.text().await.expect("text");
            if metrics.lines().any(|line| line == "saggar_event_followers 0") {
                return;
            }
        }
    })
    .await;
}

async fn few_events_are_kept(server: &Server, admin: &Client) {
    let url = server.url("/v1/events");
    let start = follow(admin, &url, None).await.until("reached").await;
    until_nobody_follows(server, admin).await;
    add(server, admin, 3_000).await;
    let mut follower = follow(admin, &url, Some(&start.id)).await;
    assert_eq!(follower.until("gap").await.data["events"], 2_000);
    drop(follower);
    until_nobody_follows(server, admin).await;
}

async fn one_may_follow_and_must_read(server: &Server, admin: &Client) {
    let url = server.url("/v1/events");
    let mut stuck = server.connect();
    stuck.send(server.head("GET /v1/events", "authorization: Bearer admin-token\r\n"));
    assert!(stuck.answer_has_begun(), "nothing is answered to the first one");
    let refused = ask(admin, &url, None).await;
    assert_eq!(refused.status(), 503, "a second one may follow");
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "overloaded");
    // More than the system buffers for a client that reads nothing; then it times out, and its permit is free.
    within("a free permit", async {
        while ask(admin, &url, None).await.status() != 200 {
            add(server, admin, 1_000).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    drop(stuck);
}
