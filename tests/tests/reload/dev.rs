//! `saggar dev`: reloads when a file is saved, and shows problems, jobs and their logs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::command;
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{app, assert_echoes, echo_task, variant};

fn dev(app: &App) -> Server {
    let mut command = command();
    command.arg("dev").arg(app.path());
    let server = Server::start_unprepared(command);
    server.log().until(" ready");
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_and_recovery_are_shown_and_old_code_is_named() {
    let app = app();
    let server = dev(&app);
    assert_echoes(&server, "echo").await;
    server.log().until("echo#1 succeeded");
    app.write("tasks/echo.json", r#"{ "process": "plugins.echo", "timeuot": 3 }"#);
    server.log().until("tasks/echo.json not loaded: 1 problem; jobs run on the old code of ");
    assert_echoes(&server, "echo").await;
    let line = server.log().until("echo#2 runs on the old code");
    assert!(line.ends_with("UTC, because the new code has problems"), "{line}");
    app.write("tasks/echo.json", r#"{ "process": "plugins.echo", "timeout": 3 }"#);
    server.log().until("reloaded tasks/echo.json in ");
    assert_echoes(&server, "echo").await;
    server.log().until("echo#3 succeeded");
    app.write("plugins/echo.wasm", "half of a comp");
    server.log().until("plugins/echo.wasm not loaded");
    app.write("plugins/echo.wasm", variant(guests::ECHO, "dev"));
    let line = server.log().until("reloaded plugins/echo.wasm in ");
    assert!(line.ends_with(": changed echo"), "{line}");
    let log = server.stop();
    assert!(log.iter().any(|line| line.contains("timeuot")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("echo#3 runs on the old code")), "{log:#?}");
}

/// A good file beside a broken one is not loaded alone, and nothing is tried again until a file changes.
#[tokio::test(flavor = "multi_thread")]
async fn all_changes_are_loaded_or_none() {
    let app = app();
    let server = dev(&app);
    app.write("tasks/broken.json", "{");
    server.log().until("tasks/broken.json not loaded: 1 problem");
    app.write("tasks/good.json", echo_task());
    server.log().until("tasks/good.json not loaded: 1 problem");
    assert_eq!(server.get("/v1/tasks/good").await.code(), "unknown-task");
    assert_echoes(&server, "echo").await;
    app.write("tasks/broken.json", echo_task());
    server.log().until("reloaded tasks/broken.json in ");
    assert_echoes(&server, "good").await;
    assert_echoes(&server, "broken").await;
    let log = server.stop();
    let count = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count(" not loaded: "), count(": reloaded ")), (2, 1), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_ends_of_jobs_are_shown() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("failing", guests::FAILING);
    let app = app.simple_task("keys", guests::ECHO);
    let server = dev(&app);
    let id = server.close_gate("gated").await;
    server.log().until(&format!("gated#{id} started"));
    server.log().until(&format!("gated#{id} stdout | at the gate"));
    server.open_gate().await;
    let line = server.log().until(&format!("gated#{id} succeeded after "));
    assert!(line.ends_with(": \"through\""), "{line}");
    let failed = server.add("failing", &json!({ "args": ["reject", 9, 0] })).await;
    server.ended("failing", failed).await;
    let line = server.log().until(&format!("failing#{failed} failed (rejected) after "));
    assert!(line.ends_with(": not-yet: attempt 1 fails by reject"), "{line}");
    let log = server.stop();
    let times = log.iter().filter(|line| line.contains("stdout | at the gate")).count();
    assert_eq!(times, 1, "each line is shown once: {log:#?}");
}

/// Other files, times, and the same content again cause no reload.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_reloaded_without_a_change() {
    let app = app();
    let server = dev(&app);
    app.write("tasks/echo.json", fs::read(app.path().join("tasks/echo.json")).expect("the file"));
    app.write("plugins/echo.wasm", fs::read(guests::ECHO).expect("the guest"));
    app.write("target/echo.wasm", "1");
    app.write("tasks/notes.md", "1");
    // Changes are seen in the order in which they happen, so the others would have been seen before this one.
    app.write("tasks/last.json", echo_task());
    server.log().until("reloaded tasks/last.json in ");
    assert_echoes(&server, "last").await;
    let log = server.stop();
    assert_eq!(log.iter().filter(|line| line.contains("reloaded ")).count(), 1, "{log:#?}");
}

#[test]
fn an_app_without_a_task_that_runs_is_waited_for() {
    let app = App::new().plugin("echo", guests::ECHO).file("tasks/echo.json", "{");
    let mut command = command();
    let child = command.arg("dev").arg(app.path()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe was asked for")).lines();
    let mut until = |text: &str| {
        let found = lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("it ended without saying `{text}`"))
    };
    until("tasks/echo.json");
    until("no task can run; waiting for a change");
    app.write("tasks/echo.json", echo_task());
    until("listening on http://");
    until("1 task is ready");
    let status = Command::new("kill").arg(child.id().to_string()).status();
    assert!(status.expect("kill starts").success());
    assert!(child.wait().expect("a child can be waited for").success());
}
