//! Evicted events are reported as missing.

use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::follower::follow;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use crate::add;

/// Jobs per batch.
const BATCH: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn evicted_events_are_counted_and_retained_ones_follow() {
    let app = App::new()
        .plugin("echo", guests::ECHO)
        .task("echo", &json!({"process": "plugins.echo", "size": 1_000_000}))
        .task("quiet", &json!({"process": "plugins.echo"}));
    let server = Server::start(&app, &["--store", "memory"]);
    assert_eq!(server.post("/v1/tasks/echo/pause", &json!({})).await.status, 204);
    let (client, url) = (client(), server.url("/v1/events"));
    let mut follower = follow(&client, &url, None).await;
    let start = follower.until("reached").await;
    drop(follower);
    let mut added = 0;
    // Adds more events than a host retains.
    for _ in 0..8 {
        added += add(&client, &server, "echo", &json!([]), BATCH).await.len() as u64;
    }
    let mut follower = follow(&client, &url, Some(&start.id)).await;
    assert_eq!(follower.until("reached").await.id, start.id);
    let gap = follower.next().await.expect("a gap");
    let missing = gap.data["events"].as_u64().unwrap_or_else(|| panic!("{gap:?}"));
    assert!((1..added).contains(&missing), "{gap:?}");
    assert_eq!((gap.name.as_str(), gap.number()), ("gap", start.number() + missing));
    for number in gap.number() + 1..=start.number() + added {
        let event = follower.next().await.expect("a retained event");
        assert_eq!((event.name.as_str(), event.number()), ("added", number));
    }
    // A subscriber of another task is not woken by these events, but resumes at a position that was evicted.
    let quiet = format!("{url}?task=Quiet&after={}", start.id);
    let mut follower = follow(&client, &quiet, None).await;
    assert_eq!(follower.until("gap").await.data["events"], missing);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_id_of_an_earlier_process_causes_a_gap() {
    let app = App::new().simple_task("echo", guests::ECHO);
    let client = client();
    let server = Server::start(&app, &[]);
    let mut follower = follow(&client, &server.url("/v1/events"), None).await;
    add(&client, &server, "echo", &json!([]), 1).await;
    let last = follower.until("succeeded").await.id;
    server.stop();
    let server = Server::start(&app, &[]);
    let mut follower = follow(&client, &server.url("/v1/events"), Some(&last)).await;
    let gap = follower.next().await.expect("a gap");
    assert_eq!((gap.name.as_str(), &gap.data), ("gap", &json!({"events": null})));
    add(&client, &server, "echo", &json!([]), 1).await;
    assert_eq!(follower.until("succeeded").await.data["id"], 2);
    // The job of the earlier process has ended, and its events are evicted.
    let of_job = server.url("/v1/tasks/echo/jobs/1/events");
    assert_eq!(follow(&client, &of_job, Some(&last)).await.rest().await, ["gap"]);
    server.stop();
}
