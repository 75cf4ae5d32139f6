//! The pulse of a tenant.

use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::follower::{Follower, ReceivedEvent, ask, follow};
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use crate::add;

fn app() -> App {
    App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO)
}

async fn report(pulse: &mut Follower) -> Value {
    let ReceivedEvent { name, data, .. } = pulse.next().await.expect("the stream goes on");
    assert_eq!(name, "pulse");
    data
}

/// Reads reports until one has this task as wanted; returns the task.
async fn until(pulse: &mut Follower, task: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let report = report(pulse).await;
        let tasks = report["tasks"].as_array().expect("tasks").clone();
        if let Some(found) = tasks.into_iter().find(|found| found["id"] == task && is_wanted(found)) {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pulse_shows_all_tasks_first_and_then_what_changes() {
    let (server, client) = (Server::start(&app(), &["--store", "memory"]), client());
    let mut pulse = follow(&client, &server.url("/v1/pulse"), None).await;
    let first = report(&mut pulse).await;
    assert_eq!((&first["full"], &first["more"], &first["not_ready"]), (&json!(true), &json!(false), &Value::Null));
    let ids: Vec<&str> =
        first["tasks"].as_array().expect("tasks").iter().filter_map(|task| task["id"].as_str()).collect();
    assert_eq!(ids, ["gated", "keys"]);
    let next = report(&mut pulse).await;
    assert_eq!((&next["full"], &next["tasks"]), (&json!(false), &json!([])), "nothing has changed");
    let ids = add(&client, &server, "keys", &json!([]), 3).await;
    let job = server.get(&format!("/v1/tasks/keys/jobs/{}?wait=60s", ids[2])).await;
    assert_eq!(job.body["status"], "SUCCESS");
    let keys = until(&mut pulse, "keys", |task| task["counts"]["success"] == 3).await;
    assert_eq!((&keys["counts"]["added"], &keys["slots"], &keys["busy"]), (&json!(3), &json!(1), &json!(0)));
    assert!(keys["duration_ms"]["p50"].as_f64() > Some(0.0), "{keys}");
    assert!(keys["duration_ms"]["p50"].as_f64() <= keys["duration_ms"]["p99"].as_f64(), "{keys}");
    let quiet = until(&mut pulse, "keys", |task| task["second"]["succeeded"] == 0).await;
    assert_eq!(quiet["duration_ms"], keys["duration_ms"]);
    add(&client, &server, "gated", &json!(["keys", 1]), 2).await;
    let gated = until(&mut pulse, "gated", |task| task["busy"] == 1 && task["counts"]["waiting"] == 1).await;
    assert!(gated["first_ready_at"].is_string(), "{gated}");
    // Another client, and the list of tasks, have the same counts.
    let other = report(&mut follow(&client, &server.url("/v1/pulse?every_s=60"), None).await).await;
    let listed = server.get("/v1/tasks").await.body;
    for (of_pulse, of_list) in [0, 1].map(|at| (&other["tasks"][at], &listed["tasks"][at])) {
        assert_eq!((&of_pulse["id"], &of_pulse["counts"]), (&of_list["id"], &of_list["counts"]));
    }
    for query in ["every_s=0", "every_s=61", "every_s=x", "every=1s"] {
        assert_eq!(ask(&client, &server.url(&format!("/v1/pulse?{query}")), None).await.status(), 400, "{query}");
    }
    drop(server);
}
