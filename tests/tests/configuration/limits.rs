//! Limits of the HTTP service, and tokens from the environment, as enforced by the real binary.

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

/// The role and digest of the token `admin-token`.
const ADMIN: &str = "admin:10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a";

const FILE: &str = "events.keep = 1000\n[http]\nstreams = 1\nwrite_time = 1\nhead_bytes = \"8KiB\"\nheaders = 16\n";

/// Returns a client that sends the token with every request.
fn admin() -> Client {
    // Installs the TLS provider.
    drop(client());
    let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer admin-token"))]);
    Client::builder().no_proxy().pool_max_idle_per_host(0).default_headers(bearer).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_limits_are_enforced() {
    let task = json!({ "process": "plugins.echo", "size": 1_000_000 });
    let app = App::new().plugin("echo", guests::ECHO).task("echo", &task).file("saggar.toml", FILE);
    let server = Server::start_as(&app, |serve| serve.args(["--store", "memory"]).env("SAGGAR_TOKENS", ADMIN));
    let admin = admin();
    assert_eq!(server.get("/v1/tasks").await.code(), "unauthorized");
    let pause = send(admin.request(Method::POST, server.url("/v1/tasks/echo/pause"))).await;
    assert_eq!(pause.status, 204);
    assert_heads_are_limited(&server);
    assert_few_events_are_retained(&server, &admin).await;
    assert_one_follower_that_must_read(&server, &admin).await;
    server.stop();
}

/// Asserts the limits of heads. `Host` counts as a header, too.
fn assert_heads_are_limited(server: &Server) {
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

/// Waits until no client follows events.
async fn until_no_followers(server: &Server, admin: &Client) {
    within("no followers", async {
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

async fn assert_few_events_are_retained(server: &Server, admin: &Client) {
    let url = server.url("/v1/events");
    let start = follow(admin, &url, None).await.until("reached").await;
    until_no_followers(server, admin).await;
    add(server, admin, 3_000).await;
    let mut follower = follow(admin, &url, Some(&start.id)).await;
    assert_eq!(follower.until("gap").await.data["events"], 2_000);
    drop(follower);
    until_no_followers(server, admin).await;
}

async fn assert_one_follower_that_must_read(server: &Server, admin: &Client) {
    let url = server.url("/v1/events");
    let mut stuck = server.connect();
    stuck.send(server.head("GET /v1/events", "authorization: Bearer admin-token\r\n"));
    assert!(stuck.answer_has_begun(), "the first follower gets no response");
    let refused = ask(admin, &url, None).await;
    assert_eq!(refused.status(), 503, "a second follower was accepted");
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "overloaded");
    // Adds jobs until their events exceed the system's buffers for a client that does not read; then it times out, and
    // its permit is released.
    within("a free permit", async {
        while ask(admin, &url, None).await.status() != 200 {
            add(server, admin, 1_000).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    drop(stuck);
}
