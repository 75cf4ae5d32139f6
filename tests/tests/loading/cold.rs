//! Plugins that are compiled while the host runs: it serves at once, and a task starts as soon as its own plugins are
//! loaded.

use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{command, saggar_on};
use saggar_tests::server::Server;
use serde_json::{Value, json};

const PLUGINS: usize = 1000;

/// Far longer than a host without plugins needs on a busy machine, and far shorter than compiling takes.
const FIRST_ANSWER: Duration = Duration::from_secs(20);

/// Makes `echo` unique by adding a custom section that contains `name`.
fn distinct(echo: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = echo.to_vec();
    let length = u8::try_from(name.len()).expect("a short name");
    // A custom section: id 0, its length, the length of its name, the name, and no content.
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}

/// Creates an app with as many tasks `t0000` and so on with one plugin each, and a task whose ids come from the plugin that
/// is compiled last.
fn cold_app(plugins: usize) -> App {
    let echo = std::fs::read(guests::ECHO).expect("the guests have been built");
    let app = (0..plugins).fold(App::new(), |app, n| {
        let name = format!("t{n:04}");
        let definition = json!({ "process": format!("plugins.{name}") });
        app.plugin_bytes(&name, distinct(&echo, &name)).task(&name, &definition)
    });
    let numbered = json!({ "process": "plugins.t0000", "event": { "next": "plugins.zz#always-seven" } });
    app.plugin("zz", guests::IDS).task("numbered", &numbered)
}

async fn state(server: &Server, task: &str) -> Value {
    server.get(&format!("/v1/tasks/{task}")).await.body["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_answers_while_a_thousand_plugins_are_compiled() {
    let (app, cache) = (cold_app(PLUGINS), tempfile::tempdir().expect("a directory"));
    let mut serve = command();
    serve.arg("serve").arg(app.path()).args(["--store", "memory", "--cache-dir"]).arg(cache.path());
    let begun = Instant::now();
    let server = Server::start_unprepared(serve);
    let ready = server.get("/readyz").await;
    let took = begun.elapsed();
    assert!(took < FIRST_ANSWER, "the first answer took {took:?}");
    assert_eq!((ready.status, &ready.body["status"]), (200, &json!("ready")));
    let preparing = ready.body["tasks"]["preparing"].as_u64().expect("a number");
    assert!(preparing > 900, "{}", ready.body);
    assert_eq!(ready.body["not_ready"].as_array().expect("a list").len(), 100);
    println!("first answer after {took:?}, {preparing} tasks being prepared");

    let last = format!("t{:04}", PLUGINS - 1);
    let id = server.add(&last, &json!({ "args": ["early"] })).await;
    assert_eq!(state(&server, &last).await, "preparing");
    assert_eq!(server.get(&format!("/v1/tasks/{last}/jobs/{id}")).await.body["status"], "WAITING");
    let refused = server.post("/v1/tasks/numbered/jobs", &json!({})).await;
    assert_eq!(
        (refused.status, refused.code(), &refused.headers["retry-after"]),
        (503, "task-preparing", &"5".parse().unwrap())
    );

    let id = server.add("t0000", &json!({ "args": ["works"] })).await;
    assert_eq!(server.ended("t0000", id).await["status"], "SUCCESS");
    assert_eq!(state(&server, "t0000").await, "ready");
    assert_eq!(
        state(&server, &last).await,
        "preparing",
        "all plugins are compiled already: the test needs more of them"
    );

    let stopping = Instant::now();
    server.stop();
    let took = stopping.elapsed();
    assert!(took < Duration::from_secs(10), "the stop waited for {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_wait_for_a_plugin_run_when_it_is_compiled() {
    let echo = std::fs::read(guests::ECHO).expect("the guests have been built");
    let app = App::new().plugin_bytes("cold", distinct(&echo, "cold")).plugin("ids", guests::IDS);
    let numbered = json!({ "process": "plugins.cold", "event": { "next": "plugins.ids#always-seven" } });
    let app = app.task("cold", &json!({ "process": "plugins.cold" })).task("numbered", &numbered);
    let cache = tempfile::tempdir().expect("a directory");
    let mut serve = command();
    serve.arg("serve").arg(app.path()).args(["--store", "memory", "--cache-dir"]).arg(cache.path());
    let server = Server::start_unprepared(serve);
    let id = server.add("cold", &json!({ "args": [1] })).await;
    assert_eq!(server.ended("cold", id).await["status"], "SUCCESS");
    // Adding may have to wait for the plugin that provides the id.
    assert_eq!(server.add("numbered", &json!({ "args": [2] })).await, 7);
    assert_eq!(server.ended("numbered", 7).await["status"], "SUCCESS");
    server.stop();
}

/// Clients are refused after 5 s; a guest would have to give up its attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_adds_a_job_waits_for_the_plugin_of_its_id() {
    let app = cold_app(200).simple_task("adder", guests::ADDER);
    let cache = tempfile::tempdir().expect("a directory");
    let mut serve = command();
    serve.arg("serve").arg(app.path()).args(["--store", "memory", "--cache-dir"]).arg(cache.path());
    let server = Server::start_unprepared(serve);
    let id = server.add("adder", &json!({ "args": ["numbered", 1, ["early"]] })).await;
    let begun = server.until("adder", id, |job| job["status"] != "WAITING").await;
    assert_eq!(begun["status"], "RUNNING", "{begun}");
    assert_eq!(
        state(&server, "numbered").await,
        "preparing",
        "all plugins are compiled already: the test needs more of them"
    );
    let job = server.ended("adder", id).await;
    assert_eq!((&job["response"], &job["attempt"]), (&json!({ "ids": [7], "refused": null }), &json!(1)), "{job}");
    assert_eq!(server.ended("numbered", 7).await["response"], json!(["early"]));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_plugin_breaks_only_its_own_task() {
    let app = App::new().simple_task("good", guests::ECHO).plugin_bytes("bad", "no component");
    let app = app
        .task("bad", &json!({ "process": "plugins.bad" }))
        .task("bad-handler", &json!({ "process": "plugins.good", "event": { "error": "plugins.bad" } }))
        .task("missing", &json!({ "process": "plugins.nowhere" }))
        .task("wrong-role", &json!({ "process": "plugins.good", "event": { "add": "plugins.good" } }));
    let server = Server::start(&app, &["--store", "memory"]);
    let id = server.add("good", &json!({ "args": [1] })).await;
    assert_eq!(server.ended("good", id).await["status"], "SUCCESS");
    for (task, problem) in [
        ("bad", "plugins/bad.wasm"),
        ("bad-handler", "plugins/bad.wasm"),
        ("missing", "plugins/nowhere.wasm does not exist"),
        ("wrong-role", "saggar:task/add-handler"),
    ] {
        let refused = server.post(&format!("/v1/tasks/{task}/jobs"), &json!({})).await;
        assert_eq!((refused.status, refused.code()), (503, "task-broken"));
        let detail = refused.body["detail"].as_str().expect("a text");
        assert!(detail.contains(problem) && detail.contains(&format!("tasks/{task}.json:1:")), "{detail}");
        let shown = server.get(&format!("/v1/tasks/{task}")).await.body;
        assert_eq!(shown["state"], "broken");
        assert!(shown["problem"].as_str().is_some_and(|text| text.contains(problem)), "{shown}");
        assert_eq!(server.get(&format!("/v1/tasks/{task}/jobs")).await.body["jobs"], json!([]));
    }
    let ready = server.get("/readyz").await.body;
    assert_eq!(ready["tasks"], json!({ "ready": 1, "preparing": 0, "broken": 4 }));
    let log = server.stop();
    let named = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    assert!(named("tasks/missing.json") == 1 && named("tasks/bad.json") == 1, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_runnable_task_ends_with_all_problems() {
    let app = App::new().plugin_bytes("bad", "no component").task("bad", &json!({ "process": "plugins.bad" }));
    let app = app.task("missing", &json!({ "process": "plugins.nowhere" }));
    let said = saggar_on("serve", &app, &["--store", "memory"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("tasks/bad.json") && said.err.contains("tasks/missing.json"), "{}", said.err);
}
