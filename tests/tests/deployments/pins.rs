//! Tasks that pin the version of their code: they run it whatever the file has, and say so if nobody has it.

use std::fs;

use serde_json::{Value, json};

use super::stage::{app, assert_says, code, deployments, done, ran, serve, write_script};

/// A task that pins a version of the script.
fn pinned(digest: &str) -> Value {
    json!({ "process": "scripts.it.run", "digest": format!("sha256:{digest}") })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_task_runs_its_version_whatever_the_file_has() {
    let app = app();
    let server = serve(&app);
    let digest = code(&deployments(&server).await[0], "scripts.it")["digest"].as_str().expect("a digest").to_owned();
    app.write("tasks/old.json", pinned(&digest).to_string());
    done(&server, "/v1/reload").await;
    write_script(&app, 2);
    done(&server, "/v1/reload").await;
    assert_says(&server, 2).await;
    let (response, attempt) = ran(&server, "old").await;
    assert_eq!((&response, &attempt["cost"]["digest"]), (&json!("version 1"), &json!(digest)));
    let task = server.get("/v1/tasks/old").await.body;
    assert_eq!(task["definition"]["digest"], format!("sha256:{digest}"));
    let last = deployments(&server).await.remove(0);
    let both: Vec<_> =
        last["code"].as_array().expect("a list").iter().filter(|one| one["name"] == "scripts.it").collect();
    assert_eq!((both.len(), &both[0]["pinned"], &both[1]["pinned"]), (2, &json!(false), &json!(true)), "{last}");
    server.stop();

    let server = serve(&app);
    assert_eq!(ran(&server, "old").await.0, "version 1", "after a restart");
    done(&server, "/v1/rollback?to=1").await;
    assert_says(&server, 1).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_plugin_runs_its_version_whatever_became_of_its_file() {
    let app = app();
    let server = serve(&app);
    let digest = code(&deployments(&server).await[0], "plugins.echo")["digest"].as_str().expect("a digest").to_owned();
    let task = json!({ "process": "plugins.echo", "digest": format!("sha256:{digest}") });
    app.write("tasks/old.json", task.to_string());
    fs::remove_file(app.path().join("tasks/echo.json")).expect("the task");
    done(&server, "/v1/reload").await;
    assert_eq!(ran(&server, "old").await.1["cost"]["digest"], json!(digest), "the file has it");
    app.write("plugins/echo.wasm", "no component");
    done(&server, "/v1/reload").await;
    assert_eq!(ran(&server, "old").await.1["cost"]["digest"], json!(digest), "another content");
    fs::remove_file(app.path().join("plugins/echo.wasm")).expect("the file");
    done(&server, "/v1/reload").await;
    assert_eq!(ran(&server, "old").await.1["cost"]["digest"], json!(digest), "no file");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_nobody_has_is_an_error_at_the_pin() {
    let app = app();
    let server = serve(&app);
    let unknown = "0f".repeat(32);
    app.write("tasks/old.json", pinned(&unknown).to_string());
    let refused = server.act("/v1/reload").await;
    assert_eq!(refused.code(), "reload-failed");
    let problem = &refused.body["problems"][0];
    assert_eq!(problem["message"], format!("scripts/it.js: the version sha256:{unknown} is not kept"));
    assert_eq!((&problem["file"], &problem["line"]), (&json!("tasks/old.json"), &json!(1)));
    for bad in ["\"sha256:0f\"", "\"0f\"", "7"] {
        app.write("tasks/old.json", format!("{{\"process\": \"scripts.it.run\", \"digest\": {bad}}}"));
        let refused = server.act("/v1/reload").await;
        let why = refused.body["problems"][0]["message"].as_str().expect("a message");
        assert!(why.starts_with("`digest` must be `sha256:` and 64 hexadecimal digits"), "{why}");
    }
    server.stop();
}
