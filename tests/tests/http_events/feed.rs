//! The feed of a job: its events and its log in one stream.

use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::follower::{Follower, ReceivedEvent, ask, follow};
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use crate::add;

async fn all(mut feed: Follower) -> Vec<ReceivedEvent> {
    let mut events = Vec::new();
    while let Some(event) = feed.next().await {
        events.push(event);
    }
    events
}

fn names(events: &[ReceivedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_has_the_events_and_the_log_and_ends_with_the_job() {
    let app = App::new().simple_task("failing", guests::FAILING).simple_task("gated", guests::GATED);
    let app = app.simple_task("keys", guests::ECHO);
    let (server, client) = (Server::start(&app, &["--store", "memory"]), client());
    let before = follow(&client, &server.url("/v1/events"), None).await.until("reached").await;
    let id = add(&client, &server, "failing", &json!(["reject", 9, 0]), 1).await[0];
    assert_eq!(server.get(&format!("/v1/tasks/failing/jobs/{id}?wait=60s")).await.body["status"], "FAILURE");
    let url = server.url(&format!("/v1/tasks/failing/jobs/{id}/feed"));
    let whole = all(follow(&client, &format!("{url}?after={}.0", before.id), None).await).await;
    let found = names(&whole);
    assert_eq!((found[..2].to_vec(), found.last()), (vec!["added", "started"], Some(&"end")), "{found:?}");
    assert!(found.contains(&"log") && found.contains(&"failed"), "{found:?}");
    let line = whole.iter().find(|event| event.name == "log").expect("a line");
    assert!(line.data["run"].is_u64(), "{line:?}");
    // A client that was disconnected goes on after what it has read.
    for (at, event) in whole.iter().enumerate().filter(|(_, event)| !event.id.is_empty()) {
        let answer = ask(&client, &url, Some(&event.id)).await;
        if answer.status() == 204 {
            assert!(whole[at + 1..].iter().all(|event| event.name == "end"), "{event:?}");
            continue;
        }
        let rest = all(follow(&client, &url, Some(&event.id)).await).await;
        assert_eq!(names(&rest), names(&whole[at + 1..]), "after {event:?}");
    }
    for bad in ["e5-1", "7", "e5-1.07"] {
        assert_eq!(ask(&client, &format!("{url}?after={bad}"), None).await.status(), 400, "{bad}");
    }
    assert_eq!(ask(&client, &server.url("/v1/tasks/failing/jobs/99/feed"), None).await.status(), 404);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_follows_a_running_job() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let (server, client) = (Server::start(&app, &["--store", "memory"]), client());
    let id = add(&client, &server, "gated", &json!(["keys", 1]), 1).await[0];
    let mut feed = follow(&client, &server.url(&format!("/v1/tasks/gated/jobs/{id}/feed")), None).await;
    server.until("gated", id, |job| job["message"] == "at the gate").await;
    add(&client, &server, "keys", &json!([]), 1).await;
    assert_eq!(feed.until("succeeded").await.data["id"], id);
    feed.until("end").await;
    assert_eq!(feed.next().await, None);
    server.stop();
}
