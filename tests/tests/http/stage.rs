//! The app that these tests serve, and helpers that several of them share.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// Returns an app with a task for every kind of job.
pub(super) fn app() -> App {
    let gated = |size: u32| json!({ "process": "plugins.gated", "size": size, "sandbox": { "tasks": "all" } });
    let numbered =
        |source: &str| json!({ "process": "plugins.echo", "event": { "next": format!("plugins.ids#{source}") } });
    App::new()
        .plugin("adder", guests::ADDER)
        .plugin("echo", guests::ECHO)
        .plugin("gated", guests::GATED)
        .plugin("failing", guests::FAILING)
        .plugin("ids", guests::IDS)
        .plugin("faulty", guests::FAULTY)
        .plugin("progress", guests::PROGRESS)
        .plugin("slow", guests::SLOW)
        .task("Mail.Send", &json!({ "process": "plugins.echo", "name": "Sends a mail", "size": 1_000_000 }))
        .task("keys", &json!({ "process": "plugins.echo" }))
        .task("adder", &json!({ "process": "plugins.adder" }))
        .task("gated", &gated(1_000))
        .task("narrow", &gated(1))
        .task("tight", &json!({ "process": "plugins.echo", "keep_bytes": "1MiB" }))
        .task("failing", &json!({ "process": "plugins.failing", "attempts": 2, "attempt_after": 1 }))
        .task("progress", &json!({ "process": "plugins.progress" }))
        .task("slow", &json!({ "process": "plugins.slow" }))
        .task("context", &json!({ "process": "plugins.context" }))
        .plugin("context", guests::CONTEXT)
        .task("seven", &numbered("always-seven"))
        .task("last", &numbered("largest-then-none"))
        .task("numberless", &numbered("problem"))
        .task("unhurried", &json!({ "process": "plugins.echo", "event": { "next": "plugins.faulty#slow" } }))
        .task(
            "on-hold",
            &json!({
                "process": "plugins.echo",
                "event": { "add": "plugins.faulty#spin" },
                "sandbox": { "event_timeout": 60 },
            }),
        )
        .task(
            "deaf",
            &json!({
                "process": "plugins.echo",
                "event": { "success": "plugins.faulty#spin" },
                "sandbox": { "event_timeout": 60 },
            }),
        )
}

/// Serves the app in memory, without tokens.
pub(super) fn serve() -> Server {
    serve_with(&[])
}

/// Serves the app in memory with these additional arguments.
pub(super) fn serve_with(arguments: &[&str]) -> Server {
    // Adds a task that exists, but is broken.
    let app = app().file("tasks/broken.json", "{");
    Server::start_as(&app, |serve| serve.env("SAGGAR_DRAIN", "1s").args(["--store", "memory"]).args(arguments))
}

/// Stops a host while a job runs, and waits until it rejects jobs.
pub(super) async fn drain(server: &Server) {
    server.signal("TERM");
    server.log().until("draining");
    // The host logs the message before it rejects jobs.
    while server.post("/v1/tasks/mail.send/jobs", &json!({})).await.status == 201 {}
}

/// Returns the ids of a page of jobs.
pub(super) fn ids(page: &Value) -> Vec<u64> {
    let jobs = page["jobs"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    jobs.iter().map(|job| job["id"].as_u64().unwrap_or_else(|| panic!("no id: {job}"))).collect()
}
