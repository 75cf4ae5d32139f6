//! Many reloads under load: no job is lost, none runs twice, no request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;
use tokio::task::JoinSet;

use super::stage::{reloaded, variant};

/// Clients that add jobs and wait for them.
const CLIENTS: u64 = 4;

/// Adds jobs to both tasks until `stop`, waits for each, and returns how many each task got.
async fn load(server: &Server, stop: &AtomicBool) -> u64 {
    let mut added = 0;
    while !stop.load(Ordering::Relaxed) {
        for task in ["changing", "steady"] {
            let id = server.add(task, &json!({ "args": [added] })).await;
            let job = server.ended(task, id).await;
            assert_eq!((&job["status"], &job["response"]), (&json!("SUCCESS"), &json!([added])), "{job}");
            assert_eq!(job["attempt"], 1, "{job}");
        }
        added += 1;
    }
    added
}

/// Reloads whenever `next` says so, each time with another plugin and definition, under load.
async fn reloads_under_load(next: impl AsyncFn(u32) -> bool) {
    let app = App::new().simple_task("changing", guests::ECHO).simple_task("steady", guests::ECHO);
    let server = Arc::new(Server::start(&app, &[]));
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (server, stop) = (server.clone(), stop.clone());
        clients.spawn(async move { load(&server, &stop).await });
    }
    let variants = [variant(guests::ECHO, "one"), variant(guests::ECHO, "two")];
    let mut round = 0;
    while next(round).await {
        app.write("plugins/changing.wasm", &variants[round as usize % 2]);
        let task = json!({ "process": "plugins.changing", "worker_nums": 1 + round % 5 });
        app.write("tasks/changing.json", task.to_string());
        let changes = reloaded(&server).await;
        assert_eq!((&changes["changed"], &changes["unchanged"]), (&json!(["changing"]), &json!(1)), "{changes}");
        round += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let mut added = 0;
    while let Some(client) = clients.join_next().await {
        added += client.expect("no client failed");
    }
    assert!(added >= CLIENTS, "only {added} jobs of each task");
    for task in ["changing", "steady"] {
        let shown = server.get(&format!("/v1/tasks/{task}")).await.body;
        let counts = &shown["counts"];
        let open = ["waiting", "running", "failure"].map(|kind| counts[kind].as_u64());
        assert_eq!((open, counts["added"].as_u64()), ([Some(0); 3], Some(added)), "{task}");
        for rate in ["started", "succeeded"] {
            assert_eq!(shown["rates"][rate]["total"], added, "{task}: {rate}");
        }
    }
    let server = Arc::into_inner(server).expect("the clients have ended");
    let log = server.stop();
    assert!(log.iter().all(|line| !line.contains("ERROR") && !line.contains("WARN")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_reloads_under_load() {
    reloads_under_load(async |round| round < 20).await;
}

/// A reload a second for a minute.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_reload_a_second_for_a_minute_under_load() {
    let start = Instant::now();
    reloads_under_load(async |round| {
        let at = Duration::from_secs(round.into());
        tokio::time::sleep(at.saturating_sub(start.elapsed())).await;
        at < Duration::from_secs(60)
    })
    .await;
}
