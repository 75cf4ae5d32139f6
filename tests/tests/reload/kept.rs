//! What a reload keeps: running jobs with their plugin, queues, slots, and the jobs of tasks that are removed.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{assert_echoes, reloaded, serve};

/// An app with a task whose jobs wait at a gate, in this many slots.
fn gated(slots: u32) -> App {
    let task = task(slots);
    App::new().plugin("gated", guests::GATED).task("gated", &task).simple_task("keys", guests::ECHO)
}

fn task(slots: u32) -> Value {
    json!({ "process": "plugins.gated", "worker_nums": slots, "sandbox": { "tasks": "all" } })
}

async fn add(server: &Server) -> u64 {
    server.add("gated", &json!({ "args": ["keys", 1] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_keeps_its_plugin_and_the_next_one_gets_the_new_one() {
    let app = gated(1);
    let server = serve(&app);
    let running = server.close_gate("gated").await;
    let waiting = add(&server).await;
    app.write("plugins/gated.wasm", fs::read(guests::ECHO).expect("the guest"));
    let changes = reloaded(&server).await;
    assert_eq!((&changes["changed"], &changes["plugins"]), (&json!(["gated"]), &json!(["gated"])));
    assert_eq!(server.job("gated", running).await["status"], "RUNNING");
    server.open_gate().await;
    assert_eq!(server.ended("gated", running).await["response"], "through", "the old plugin");
    assert_eq!(server.ended("gated", waiting).await["response"], json!(["keys", 1]), "the new plugin");
    server.stop();
}

/// A function that waits for the gate, in a script.
const GATED_SCRIPT: &str = "
async function run(id) {
    Process('tasks.it.progress', id, 0, 1, 'at the gate');
    for (;;) {
        try {
            Process('tasks.keys.get', 1);
            return 'the old script';
        } catch {
            await new Promise((done) => setTimeout(done, 5));
        }
    }
}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_keeps_its_script_and_the_next_one_gets_the_new_one() {
    let task = json!({ "process": "scripts.it.run", "sandbox": { "tasks": "all" } });
    let app = App::new().script("it", GATED_SCRIPT).task("it", &task).simple_task("keys", guests::ECHO);
    let server = serve(&app);
    let running = server.add("it", &json!({})).await;
    server.until("it", running, |job| job["message"] == "at the gate").await;
    let waiting = server.add("it", &json!({})).await;
    app.write("scripts/it.js", "function run() { return 'the new script'; }");
    assert_eq!(reloaded(&server).await["changed"], json!(["it"]));
    assert_eq!(server.job("it", running).await["status"], "RUNNING");
    server.open_gate().await;
    assert_eq!(server.ended("it", running).await["response"], "the old script");
    assert_eq!(server.ended("it", waiting).await["response"], "the new script");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_carried_over_and_follow_the_new_number() {
    let app = gated(1);
    let server = serve(&app);
    let first = server.close_gate("gated").await;
    let others = [add(&server).await, add(&server).await];
    app.write("tasks/gated.json", task(2).to_string());
    reloaded(&server).await;
    let is_at_the_gate = |job: &Value| job["message"] == "at the gate";
    server.until("gated", others[0], is_at_the_gate).await;
    assert_eq!(server.job("gated", others[1]).await["status"], "WAITING", "there are two slots");
    assert_eq!(server.job("gated", first).await["attempt"], 1);
    app.write("tasks/gated.json", task(1).to_string());
    reloaded(&server).await;
    server.open_gate().await;
    for id in [first, others[0], others[1]] {
        let job = server.ended("gated", id).await;
        assert_eq!((&job["response"], &job["attempt"]), (&json!("through"), &json!(1)), "{job}");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_removed_task_are_orphaned_and_continue_when_it_is_back() {
    let app = gated(1);
    let server = serve(&app);
    let running = server.close_gate("gated").await;
    let waiting = add(&server).await;
    let text = fs::read(app.path().join("tasks/gated.json")).expect("the file");
    fs::remove_file(app.path().join("tasks/gated.json")).expect("the file");
    assert_eq!(reloaded(&server).await["removed"], json!(["gated"]));
    server.log().until("the store has jobs of a task that cannot run");
    let tasks = server.get("/v1/tasks").await.body;
    assert_eq!(tasks["orphans"][0]["id"], "gated");
    assert_eq!(tasks["orphans"][0]["counts"]["waiting"], 1);
    assert_eq!(server.post("/v1/tasks/gated/jobs", &json!({})).await.code(), "unknown-task");
    assert_eq!(server.job("gated", waiting).await["status"], "WAITING");
    app.write("tasks/gated.json", text);
    assert_eq!(reloaded(&server).await["added"], json!(["gated"]));
    server.open_gate().await;
    for id in [running, waiting] {
        let job = server.ended("gated", id).await;
        assert_eq!((&job["response"], &job["attempt"]), (&json!("through"), &json!(1)), "{job}");
    }
    assert_echoes(&server, "keys").await;
    server.stop();
}
