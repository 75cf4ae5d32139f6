//! What the tests of deployments have in common: an app with a script and a plugin, and variants of both.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::client::{ApiResponse, job_path};
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// An app with the tasks `say`, a script that answers `version 1`, and `echo`, a plugin.
pub(super) fn app() -> App {
    App::new()
        .script("it", &script(1))
        .task("say", &json!({ "process": "scripts.it.run" }))
        .simple_task("echo", guests::ECHO)
}

/// Returns a script that answers with its version.
pub(super) fn script(version: u32) -> String {
    format!("function run() {{ return 'version {version}'; }}")
}

/// Replaces the script.
pub(super) fn write_script(app: &App, version: u32) {
    app.write("scripts/it.js", script(version));
}

/// Replaces the plugin by one that does the same and has another digest.
pub(super) fn write_plugin(app: &App, name: &str) {
    let mut bytes = fs::read(guests::ECHO).expect("the guest");
    let length = u8::try_from(name.len()).expect("a short name");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    app.write("plugins/echo.wasm", bytes);
}

/// Serves an app from a SQLite store.
pub(super) fn serve(app: &App) -> Server {
    Server::start(app, &[])
}

/// Requests a change of the app, which must succeed; returns the number of the deployment.
pub(super) async fn done(server: &Server, path: &str) -> u64 {
    let answer = server.act(path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["deployment"].as_u64().unwrap_or_else(|| panic!("{answer:?} has no deployment"))
}

/// Returns the deployments, the newest first.
pub(super) async fn deployments(server: &Server) -> Vec<Value> {
    let answer: ApiResponse = server.get("/v1/deployments?limit=100").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["deployments"].as_array().expect("a list").clone()
}

/// Returns the code of this name in a deployment.
pub(super) fn code(deployment: &Value, name: &str) -> Value {
    let code = deployment["code"].as_array().expect("a list");
    code.iter().find(|code| code["name"] == name).cloned().unwrap_or_default()
}

/// Runs a job; returns its response and its attempt.
pub(super) async fn ran(server: &Server, task: &str) -> (Value, Value) {
    let id = server.add(task, &json!({ "args": [] })).await;
    let job = server.ended(task, id).await;
    let attempts = server.get(&format!("{}/attempts", job_path(task, id))).await;
    (job["response"].clone(), attempts.body["attempts"][0].clone())
}

/// Asserts that the script answers as this version does.
pub(super) async fn assert_says(server: &Server, version: u32) {
    assert_eq!(ran(server, "say").await.0, format!("version {version}"));
}
