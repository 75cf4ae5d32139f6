//! Server-sent events of the real binary over real sockets, and how the listener treats misbehaving clients.

#[path = "http_events/cut_off.rs"]
mod cut_off;
#[path = "http_events/ends.rs"]
mod ends;
#[path = "http_events/feed.rs"]
mod feed;
#[path = "http_events/gaps.rs"]
mod gaps;
#[path = "http_events/heads.rs"]
mod heads;
#[path = "http_events/logs.rs"]
mod logs;
#[path = "http_events/pulse.rs"]
mod pulse;
#[path = "http_events/slow.rs"]
mod slow;

use reqwest::Client;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// Adds jobs, each with these arguments; returns their ids.
async fn add(client: &Client, server: &Server, task: &str, args: &Value, jobs: usize) -> Vec<u64> {
    let batch = json!({"jobs": vec![json!({"args": args}); jobs]});
    let added = client.post(server.url(&format!("/v1/tasks/{task}/jobs/batch"))).json(&batch).send().await;
    let added = added.expect("an answer");
    let (status, added) = (added.status(), added.json::<Value>().await.expect("JSON"));
    assert_eq!(status, 201, "{added}");
    serde_json::from_value(added["ids"].clone()).expect("ids")
}
