//! Rollbacks: they hold over reloads and restarts, until the file changes; with any error, nothing changes.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{app, assert_says, code, deployments, done, ran, script, serve, write_plugin, write_script};

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_holds_until_the_file_changes() {
    let app = app();
    let mut server = serve(&app);
    write_script(&app, 2);
    write_plugin(&app, "two");
    assert_eq!(done(&server, "/v1/reload").await, 2);
    assert_says(&server, 2).await;
    assert_eq!(done(&server, "/v1/rollback").await, 3);
    let all = deployments(&server).await;
    assert_eq!((&all[0]["cause"], &all[0]["rolled_back_to"]), (&json!("rollback"), &json!(1)));
    for name in ["plugins.echo", "scripts.it"] {
        let (now, before, first) = (code(&all[0], name), code(&all[1], name), code(&all[2], name));
        assert_eq!((&now["digest"], now["instead_of"].is_string()), (&first["digest"], true), "{name}");
        assert_ne!(now["digest"], before["digest"], "{name}");
    }
    for _ in 0..2 {
        assert_says(&server, 1).await;
        let (_, attempt) = ran(&server, "echo").await;
        assert_eq!(attempt["deployment"], 3, "{attempt}");
        assert_eq!(attempt["cost"]["digest"], code(&all[2], "plugins.echo")["digest"]);
        assert_eq!(done(&server, "/v1/reload").await, 3, "the files are the same");
        server.stop();
        server = serve(&app);
    }
    write_script(&app, 3);
    assert_eq!(done(&server, "/v1/reload").await, 4);
    assert_says(&server, 3).await;
    let last = deployments(&server).await.remove(0);
    assert_eq!(code(&last, "scripts.it")["instead_of"], json!(null));
    assert!(code(&last, "plugins.echo")["instead_of"].is_string(), "the plugin has not changed: {last}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_to_any_deployment_and_repeated_ones_go_further_back() {
    let app = app();
    let server = serve(&app);
    for version in 2..=4 {
        write_script(&app, version);
        done(&server, "/v1/reload").await;
    }
    assert_eq!(done(&server, "/v1/rollback").await, 5);
    assert_says(&server, 3).await;
    assert_eq!(done(&server, "/v1/rollback").await, 6);
    assert_says(&server, 2).await;
    assert_eq!(done(&server, "/v1/rollback?to=4").await, 7);
    assert_says(&server, 4).await;
    let last = deployments(&server).await.remove(0);
    assert_eq!(code(&last, "scripts.it")["instead_of"], json!(null), "the file has this version");
    assert_eq!(done(&server, "/v1/rollback?to=1").await, 8);
    assert_says(&server, 1).await;
    assert_eq!(done(&server, "/v1/rollback?to=1").await, 8, "the same code is no other deployment");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rolled_back_changes_nothing() {
    let app = app();
    let server = serve(&app);
    for path in ["/v1/rollback", "/v1/rollback?to=2", "/v1/rollback?to=18446744073709551615"] {
        assert_eq!(server.act(path).await.code(), "unknown-deployment", "{path}");
    }
    assert_eq!(server.act("/v1/rollback?to=x").await.code(), "invalid-query");
    // The processor is a function that the old script does not have.
    app.write("scripts/it.js", "function run() { return 'version 2'; }\nfunction more() { return 'more'; }");
    app.write("tasks/more.json", json!({ "process": "scripts.it.more" }).to_string());
    assert_eq!(done(&server, "/v1/reload").await, 2);
    let refused = server.act("/v1/rollback").await;
    assert_eq!(refused.code(), "reload-failed");
    assert!(refused.body["problems"][0]["message"].as_str().is_some_and(|why| why.contains("more")), "{refused:?}");
    assert_says(&server, 2).await;
    assert_eq!(deployments(&server).await.len(), 2);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_kept_is_named() {
    let app = app();
    let server = Server::start(&app, &["--keep-versions", "0"]);
    write_script(&app, 2);
    assert_eq!(done(&server, "/v1/reload").await, 2);
    let all = deployments(&server).await;
    let digest = code(&all[1], "scripts.it")["digest"].as_str().expect("a digest").to_owned();
    assert_eq!(code(&all[1], "scripts.it")["kept"], false);
    let refused = server.act("/v1/rollback").await;
    assert_eq!(refused.code(), "reload-failed");
    let why = refused.body["problems"][0]["message"].as_str().expect("a message");
    assert_eq!(why, format!("scripts/it.js: the version sha256:{digest} is not kept"));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_runs_is_kept_longest() {
    // An archive of the script takes about 95 bytes.
    let app = App::new().script("it", &script(1)).task("say", &json!({ "process": "scripts.it.run" }));
    let server = Server::start(&app, &["--keep-versions", "150"]);
    let kept = async || -> Vec<bool> {
        deployments(&server).await.iter().map(|one| code(one, "scripts.it")["kept"] == true).collect()
    };
    for version in 2..=3 {
        write_script(&app, version);
        done(&server, "/v1/reload").await;
    }
    assert_eq!(kept().await, [true, false, false]);
    assert_eq!(server.act("/v1/rollback").await.code(), "reload-failed");
    assert_says(&server, 3).await;
    server.stop();
}

/// Also if no code changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_lower_bound_of_kept_code_applies_from_the_next_start() {
    let app = App::new().script("it", &script(1)).task("say", &json!({ "process": "scripts.it.run" }));
    let server = serve(&app);
    write_script(&app, 2);
    assert_eq!(done(&server, "/v1/reload").await, 2);
    let kept = async |server: &Server| -> Vec<bool> {
        deployments(server).await.iter().map(|one| code(one, "scripts.it")["kept"] == true).collect()
    };
    assert_eq!(kept(&server).await, [true, true]);
    server.stop();
    // An archive of the script takes about 95 bytes.
    for (most, expected) in [("150", [true, false]), ("0", [false, false])] {
        let server = Server::start(&app, &["--keep-versions", most]);
        // It begins when the deployment of the start is recorded.
        assert_eq!(done(&server, "/v1/reload").await, 2);
        assert_eq!(kept(&server).await, expected, "{most}");
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_can_be_rolled_back_after_its_file_was_removed_or_broken() {
    let app = App::new().simple_task("echo", guests::ECHO);
    let server = serve(&app);
    write_plugin(&app, "two");
    assert_eq!(done(&server, "/v1/reload").await, 2);
    app.write("plugins/echo.wasm", "no component");
    assert_eq!(server.act("/v1/reload").await.code(), "reload-failed");
    assert_eq!(done(&server, "/v1/rollback?to=1").await, 3);
    assert_eq!(done(&server, "/v1/reload").await, 3, "the file is the same");
    fs::remove_file(app.path().join("plugins/echo.wasm")).expect("the file");
    assert_eq!(server.act("/v1/reload").await.code(), "reload-failed", "another state of the file");
    assert_eq!(done(&server, "/v1/rollback?to=1").await, 4);
    let (_, attempt) = ran(&server, "echo").await;
    assert_eq!(attempt["deployment"], 4);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_ends_with_the_code_that_it_began_with() {
    let task = json!({ "process": "plugins.gated", "sandbox": { "tasks": "all" } });
    let app = App::new().plugin("gated", guests::ECHO).task("gated", &task).simple_task("keys", guests::ECHO);
    let server = serve(&app);
    app.write("plugins/gated.wasm", fs::read(guests::GATED).expect("the guest"));
    assert_eq!(done(&server, "/v1/reload").await, 2);
    let running = server.close_gate("gated").await;
    assert_eq!(done(&server, "/v1/rollback").await, 3);
    let waiting = server.add("gated", &json!({ "args": ["new"] })).await;
    server.open_gate().await;
    assert_eq!(server.ended("gated", running).await["response"], "through", "the plugin of deployment 2");
    assert_eq!(server.ended("gated", waiting).await["response"], json!(["new"]), "the plugin of deployment 1");
    let attempts = server.get(&format!("/v1/tasks/gated/jobs/{running}/attempts")).await.body;
    assert_eq!(attempts["attempts"][0]["deployment"], 2);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_shows_the_versions_that_have_run() {
    let app = app();
    let server = serve(&app);
    write_plugin(&app, "two");
    assert_eq!(done(&server, "/v1/reload").await, 2);
    write_script(&app, 2);
    assert_eq!(done(&server, "/v1/reload").await, 3);
    let plugin = server.get("/v1/plugins/plugins.echo").await.body;
    let versions = plugin["versions"].as_array().expect("versions");
    let numbers: Vec<_> = versions.iter().map(|version| &version["deployment"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)], "{plugin}");
    assert_eq!(plugin["in_use"][0]["digest"], versions[0]["digest"]);
    assert_ne!(versions[0]["digest"], versions[1]["digest"]);
    server.stop();
}
