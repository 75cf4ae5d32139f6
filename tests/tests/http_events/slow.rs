//! Clients that read slowly or not at all, with a listener in this process whose limits suit a test.

use std::time::Duration;

use reqwest::Client;
use saggar::NewJob;
use saggar::api::{Limits, Listener, Tokens};
use saggar_tests::app::App;
use saggar_tests::client::{client, client_of_few_connections};
use saggar_tests::follower::{ask, follow};
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use saggar_tests::timeout::within;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn listen(host: &TestHost, limits: Limits) -> Listener {
    saggar_tests::host::listen(saggar::service(host.inner(), Tokens::default()), limits).await
}

fn app() -> App {
    App::new().plugin("echo", guests::ECHO).task("echo", &json!({"process": "plugins.echo", "size": 1_000_000}))
}

/// Waits until another client can subscribe.
async fn until_free(client: &Client, url: &str) {
    within("a free permit", async {
        while ask(client, url, None).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_loses_its_permit() {
    let host = TestHost::start(app()).await;
    let listener =
        listen(&host, Limits { followers: 1, write_time: Duration::from_millis(300), ..Limits::default() }).await;
    let (client, url) = (client(), format!("http://{}/v1/events", listener.address()));
    let mut stuck = TcpStream::connect(listener.address()).await.expect("a connection");
    stuck.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("a request");
    stuck.readable().await.expect("a response that begins");
    assert_eq!(ask(&client, &url, None).await.status(), 503, "all permits are taken");
    host.inner().pause("echo").await.expect("a task");
    // Adds jobs until their events exceed the buffers of the system.
    let growing = async {
        loop {
            host.inner().add_jobs("echo", vec![NewJob::new("[]"); 1_000]).await.expect("room");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = until_free(&client, &url) => {}
        () = growing => {}
    }
    listener.stop(Duration::ZERO).await;
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_are_limited_and_leave_connections_for_requests() {
    let host = TestHost::start(app()).await;
    let listener = listen(&host, Limits { followers: 9, connections: 4, ..Limits::default() }).await;
    let (client, base) = (client_of_few_connections(), format!("http://{}", listener.address()));
    let url = format!("{base}/v1/events");
    // Followers get at most half of the connections, although the limit of followers is higher.
    let following = [follow(&client, &url, None).await, follow(&client, &url, None).await];
    let refused = ask(&client, &url, None).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().expect("a header")));
    let problem: serde_json::Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "overloaded");
    assert_eq!(ask(&client, &format!("{base}/healthz"), None).await.status(), 200);
    // Clients that wait for a job take permits as well, until the job has ended.
    host.inner().pause("echo").await.expect("a task");
    let added = client.post(format!("{base}/v1/tasks/echo/jobs")).json(&json!({})).send().await.expect("an answer");
    assert_eq!(added.status(), 201);
    let job = format!("{base}/v1/tasks/echo/jobs/1");
    let refused = ask(&client, &format!("{job}?wait=60s"), None).await;
    assert_eq!(refused.status(), 503);
    let problem: serde_json::Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "overloaded");
    let cancelled = client.post(format!("{job}/cancel")).send().await.expect("an answer");
    assert_eq!(cancelled.status(), 200);
    assert_eq!(ask(&client, &format!("{job}?wait=60s"), None).await.status(), 200);
    drop(following);
    until_free(&client, &url).await;
    listener.stop(Duration::ZERO).await;
    host.shutdown().await;
}

/// Clients that request large responses and do not read them.
#[tokio::test(flavor = "multi_thread")]
async fn unread_large_responses_are_limited() {
    let host = TestHost::start(app()).await;
    let listener = listen(&host, Limits::default()).await;
    host.inner().pause("echo").await.expect("a task");
    let args = format!("[\"{}\"]", "x".repeat(4_000_000));
    host.inner().add_jobs("echo", vec![NewJob::new(args)]).await.expect("room");
    let mut stuck = Vec::new();
    let refused_at = loop {
        let mut client = TcpStream::connect(listener.address()).await.expect("a connection");
        client.write_all(b"GET /v1/tasks/echo/jobs/1 HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("a request");
        let mut line = [0; "HTTP/1.1 200".len()];
        within("an answer", client.read_exact(&mut line)).await.expect("a response that begins");
        match &line {
            b"HTTP/1.1 200" => stuck.push(client),
            b"HTTP/1.1 503" => break stuck.len(),
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    };
    assert!((45..=52).contains(&refused_at), "{refused_at}");
    let (client, base) = (client(), format!("http://{}/v1/tasks/echo", listener.address()));
    // Small responses are sent, and so are responses to changes.
    assert_eq!(ask(&client, &base, None).await.status(), 200);
    let cancelled = client.post(format!("{base}/jobs/1/cancel")).send().await.expect("an answer");
    assert_eq!(cancelled.status(), 200);
    drop(stuck);
    until_free(&client, &format!("{base}/jobs/1")).await;
    listener.stop(Duration::ZERO).await;
    host.shutdown().await;
}
