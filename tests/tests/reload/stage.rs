//! What the tests of reloads have in common: apps, hosts, and variants of a plugin.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::client::ApiResponse;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// An app with the task `echo`.
pub(super) fn app() -> App {
    App::new().simple_task("echo", guests::ECHO)
}

/// A task file that names the plugin `echo`.
pub(super) fn echo_task() -> String {
    json!({ "process": "plugins.echo" }).to_string()
}

/// Serves an app with its jobs in memory.
pub(super) fn serve(app: &App) -> Server {
    Server::start(app, &["--store", "memory"])
}

/// Requests a reload.
pub(super) async fn reload(server: &Server) -> ApiResponse {
    server.act("/v1/reload").await
}

/// Requests a reload, which must succeed.
pub(super) async fn reloaded(server: &Server) -> Value {
    let answer = reload(server).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Runs a job of a task that answers with its arguments.
pub(super) async fn assert_echoes(server: &Server, task: &str) {
    let id = server.add(task, &json!({ "args": [task] })).await;
    assert_eq!(server.ended(task, id).await["response"], json!([task]));
}

/// Returns the component of a guest with a custom section, so that it does the same and has another digest.
pub(super) fn variant(guest: &str, name: &str) -> Vec<u8> {
    let mut bytes = fs::read(guest).unwrap_or_else(|error| panic!("{guest}: {error}"));
    let length = u8::try_from(name.len()).expect("a short name");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}
