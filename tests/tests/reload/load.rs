//! Many reloads under load: no job is lost, none runs twice, no request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;
use tokio::task::JoinSet;

use super::stage::{reload, reloaded, variant};

/// Clients that add jobs and wait for them.
const CLIENTS: u64 = 4;

/// Two of them change with every reload: a component and a script. The script's job takes some milliseconds, so that reloads
/// happen while it runs.
const TASKS: [&str; 3] = ["changing", "scripted", "steady"];

fn script(round: u32) -> String {
    format!(
        "// {round}\nasync function run(id, ...args) {{ await new Promise((done) => setTimeout(done, 5)); return args; }}\n"
    )
}

/// Adds jobs to all tasks until `stop`, waits for each, and returns how many each task got.
async fn load(server: &Server, stop: &AtomicBool) -> u64 {
    let mut added = 0;
    while !stop.load(Ordering::Relaxed) {
        for task in TASKS {
            let id = server.add(task, &json!({ "args": [added] })).await;
            let job = server.ended(task, id).await;
            assert_eq!((&job["status"], &job["response"]), (&json!("SUCCESS"), &json!([added])), "{job}");
            assert_eq!(job["attempt"], 1, "{job}");
        }
        added += 1;
    }
    added
}

/// Reloads whenever `next` says so, each time with another plugin, script and definition, under load. Before every third
/// reload there is one of an app with an error, which changes nothing.
async fn reloads_under_load(next: impl AsyncFn(u32) -> bool) {
    let app = App::new().simple_task("changing", guests::ECHO).simple_task("steady", guests::ECHO);
    let app = app.script("it", &script(0)).task("scripted", &json!({ "process": "scripts.it.run" }));
    let server = Arc::new(Server::start(&app, &[]));
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (server, stop) = (server.clone(), stop.clone());
        clients.spawn(async move { load(&server, &stop).await });
    }
    let variants = [variant(guests::ECHO, "one"), variant(guests::ECHO, "two")];
    let (mut round, mut refusals) = (0, 0);
    while next(round).await {
        app.write("plugins/changing.wasm", &variants[round as usize % 2]);
        let task = json!({ "process": "plugins.changing", "worker_nums": 1 + round % 5 });
        app.write("tasks/changing.json", task.to_string());
        if round % 3 == 2 {
            app.write("scripts/it.js", "async function run( {");
            assert_eq!(reload(&server).await.code(), "reload-failed");
            refusals += 1;
        }
        app.write("scripts/it.js", script(round + 1));
        let changes = reloaded(&server).await;
        assert_eq!(
            (&changes["changed"], &changes["unchanged"]),
            (&json!(["changing", "scripted"]), &json!(1)),
            "{changes}"
        );
        round += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let mut added = 0;
    while let Some(client) = clients.join_next().await {
        added += client.expect("no client failed");
    }
    assert!(added >= CLIENTS, "only {added} jobs of each task");
    for task in TASKS {
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
    let is_of_refusal = |line: &str| line.contains("scripts/it.js") || line.contains("the app was not reloaded");
    let bad = |line: &&String| (line.contains("ERROR") || line.contains("WARN")) && !is_of_refusal(line);
    assert_eq!(log.iter().filter(bad).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(log.iter().filter(|line| line.contains("the app was not reloaded")).count(), refusals);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_reloads_under_load() {
    reloads_under_load(async |round| round < 20).await;
}

/// A reload a second for a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_a_second_for_a_minute_under_load() {
    let start = Instant::now();
    reloads_under_load(async |round| {
        let at = Duration::from_secs(round.into());
        tokio::time::sleep(at.saturating_sub(start.elapsed())).await;
        at < Duration::from_secs(60)
    })
    .await;
}
