//! Following a job's log.

use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::follower::{Follower, ask, follow};
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use crate::add;

async fn line(follower: &mut Follower) -> (String, String) {
    let event = follower.until("log").await;
    assert_eq!(event.data["source"], "stdout", "{event:?}");
    (event.id, event.data["text"].as_str().expect("a text").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_while_the_guest_writes_it() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let (server, client) = (Server::start(&app, &[]), client());
    let id = add(&client, &server, "gated", &json!(["keys", 1]), 1).await[0];
    let url = server.url(&format!("/v1/tasks/gated/jobs/{id}/logs?follow=true"));
    let mut follower = follow(&client, &url, None).await;
    // The line is received while the attempt is still running.
    assert_eq!(line(&mut follower).await, ("1".to_owned(), "at the gate".to_owned()));
    add(&client, &server, "keys", &json!([]), 1).await;
    assert_eq!(line(&mut follower).await, ("2".to_owned(), "through the gate".to_owned()));
    assert_eq!(follower.rest().await, ["end"]);

    assert_eq!(follow(&client, &url, None).await.rest().await, ["log", "log", "end"]);
    assert_eq!(follow(&client, &url, Some("1")).await.rest().await, ["log", "end"]);
    assert_eq!(ask(&client, &url, Some("2")).await.status(), 204);
    let plain = server.get(&format!("/v1/tasks/gated/jobs/{id}/logs")).await;
    assert_eq!(plain.body["lines"][1]["text"], "through the gate", "{plain:?}");
    server.stop();
}
