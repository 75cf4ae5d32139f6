//! A reload of an app with errors changes nothing, and says everything that is wrong each time.

use std::fs;

use saggar_tests::guests;
use serde_json::json;

use super::stage::{app, assert_echoes, echo_task, reload, reloaded, serve, variant};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_the_whole_old_app() {
    let app = app().task("going", &json!({ "process": "plugins.echo" }));
    let server = serve(&app);
    let good = fs::read(app.path().join("plugins/echo.wasm")).expect("the plugin");
    // Good changes, and errors of three kinds.
    app.write("tasks/more.json", echo_task());
    fs::remove_file(app.path().join("tasks/going.json")).expect("the task's file");
    app.write("tasks/bad.json", r#"{ "process": "plugins.echo", "worker_nums": 0 }"#);
    app.write("tasks/lost.json", r#"{ "process": "plugins.nowhere" }"#);
    // As a build that is still writing.
    app.write("plugins/echo.wasm", &good[..good.len() / 2]);
    for failed in 1..=2 {
        let refused = reload(&server).await;
        assert_eq!((refused.status, refused.code()), (409, "reload-failed"));
        let detail = refused.body["detail"].as_str().expect("a text");
        assert!(detail.contains("errors") && detail.contains("tasks/bad.json:1:"), "{detail}");
        let problems = refused.body["problems"].as_array().expect("problems");
        let files: Vec<_> = problems.iter().map(|problem| problem["file"].as_str().expect("a file")).collect();
        assert_eq!(files, ["tasks/bad.json", "tasks/echo.json", "tasks/lost.json", "tasks/more.json"], "{problems:#?}");
        assert_eq!((&problems[0]["severity"], &problems[0]["line"]), (&json!("error"), &json!(1)));
        let status = server.get("/v1/reload").await.body;
        assert_eq!(status["failed_reloads"], failed);
        assert_eq!(status["last"]["problems"], refused.body["problems"]);
        server.log().until(&format!("failed_reloads={failed}"));
        assert_echoes(&server, "echo").await;
        assert_echoes(&server, "going").await;
        assert_eq!(server.get("/v1/tasks/more").await.code(), "unknown-task");
        assert_eq!(server.get("/readyz").await.body["tasks"], json!({ "ready": 2, "preparing": 0, "broken": 0 }));
    }
    fs::remove_file(app.path().join("tasks/bad.json")).expect("the file");
    fs::remove_file(app.path().join("tasks/lost.json")).expect("the file");
    app.write("plugins/echo.wasm", good);
    let changes = reloaded(&server).await;
    assert_eq!((&changes["added"], &changes["removed"]), (&json!(["more"]), &json!(["going"])));
    assert_eq!(server.get("/v1/reload").await.body["failed_reloads"], 0);
    assert_echoes(&server, "more").await;
    let log = server.stop().join("\n");
    assert!(log.contains("worker_nums") && log.contains("plugins/nowhere.wasm"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_app_keeps_running() {
    let app = app();
    let server = serve(&app);
    fs::rename(app.path().join("tasks"), app.path().join("gone")).expect("a rename");
    let refused = reload(&server).await;
    assert_eq!(refused.code(), "reload-failed");
    assert!(refused.body["problems"][0]["message"].as_str().expect("a text").contains("`tasks`"), "{refused:?}");
    assert_echoes(&server, "echo").await;
    fs::rename(app.path().join("gone"), app.path().join("tasks")).expect("a rename");
    assert_eq!(reloaded(&server).await["unchanged"], 1);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_slots_than_the_host_has_room_for_are_refused() {
    let app = app();
    let server = serve(&app);
    app.write("tasks/echo.json", json!({ "process": "plugins.echo", "worker_nums": 1_000 }).to_string());
    let refused = reload(&server).await;
    assert_eq!(refused.code(), "reload-failed");
    assert!(refused.body["detail"].as_str().expect("a text").contains("restart it"), "{refused:?}");
    assert_echoes(&server, "echo").await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_that_needs_a_restart_is_named_and_its_errors_prevent_the_reload() {
    let app = app().file("saggar.toml", "drain = \"20s\"\n");
    let server = serve(&app);
    app.write("saggar.toml", "drain = \"10s\"\n[http]\nheaders = 50\n");
    let changes = reloaded(&server).await;
    assert_eq!(changes["needs_restart"], json!(["drain", "http.headers"]));
    assert_eq!((&changes["unchanged"], &changes["warnings"]), (&json!(1), &json!([])));
    app.write("saggar.toml", "drian = \"10s\"\n");
    let refused = reload(&server).await;
    assert_eq!(refused.code(), "reload-failed");
    let problem = &refused.body["problems"][0];
    assert!(problem["file"].as_str().expect("a text").ends_with("saggar.toml"), "{problem}");
    assert!(problem["message"].as_str().expect("a text").contains("drian"), "{problem}");
    server.stop();
}

/// A reload compares contents: a task whose file or plugin was written again is not touched.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_changed_is_not_touched() {
    let app = app().simple_task("other", guests::ECHO);
    let server = serve(&app);
    let cost = async |task: &str| {
        let id = server.add(task, &json!({ "args": [1] })).await;
        server.ended(task, id).await;
        let attempts = server.get(&format!("/v1/tasks/{task}/jobs/{id}/attempts")).await.body;
        attempts["attempts"][0]["cost"].clone()
    };
    // Each task has one slot, so its second job runs in the instance of the first.
    let (first, _) = (cost("echo").await, cost("other").await);
    assert_eq!(first["fresh"], true);
    let text = fs::read_to_string(app.path().join("tasks/echo.json")).expect("the file");
    app.write("tasks/echo.json", format!("\n{text}\n"));
    app.write("plugins/echo.wasm", fs::read(guests::ECHO).expect("the guest"));
    app.write("plugins/other.wasm", variant(guests::ECHO, "other"));
    let changes = reloaded(&server).await;
    assert_eq!((&changes["changed"], &changes["plugins"]), (&json!(["other"]), &json!(["other"])));
    let (echo, other) = (cost("echo").await, cost("other").await);
    assert_eq!((&echo["fresh"], &echo["digest"]), (&json!(false), &first["digest"]), "the instance is still warm");
    assert_eq!(other["fresh"], true);
    assert_ne!(other["digest"], first["digest"]);
    server.stop();
}
