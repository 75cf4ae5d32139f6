//! What is recorded: one deployment for each change of the code, over restarts, and the deployment of each attempt.

use std::time::Duration;

use saggar_tests::app::App;
use saggar_tests::host::builder;
use serde_json::json;

use super::stage::{app, code, deployments, done, ran, serve, write_plugin, write_script};

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_the_code_is_a_deployment_and_attempts_name_it() {
    let app = app();
    let server = serve(&app);
    let first = deployments(&server).await;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        (&first[0]["number"], &first[0]["cause"], &first[0]["by"]),
        (&json!(1), &json!("start"), &json!("start"))
    );
    assert_eq!((&first[0]["code_count"], &first[0]["rolled_back_to"]), (&json!(2), &json!(null)));
    let (_, attempt) = ran(&server, "echo").await;
    assert_eq!(attempt["deployment"], 1, "{attempt}");
    assert_eq!(attempt["cost"]["digest"], code(&first[0], "plugins.echo")["digest"]);

    assert_eq!(done(&server, "/v1/reload").await, 1, "the same code");
    app.write("tasks/more.json", json!({ "process": "plugins.echo" }).to_string());
    assert_eq!(done(&server, "/v1/reload").await, 1, "another task with the same code");
    write_plugin(&app, "two");
    assert_eq!(done(&server, "/v1/reload").await, 2);
    let both = deployments(&server).await;
    assert_eq!((both.len(), &both[0]["cause"], &both[0]["by"]), (2, &json!("reload"), &json!("client")));
    assert_ne!(code(&both[0], "plugins.echo")["digest"], code(&both[1], "plugins.echo")["digest"]);
    assert_eq!(code(&both[0], "scripts.it"), code(&both[1], "scripts.it"));
    for deployment in &both {
        for name in ["plugins.echo", "scripts.it"] {
            let code = code(deployment, name);
            assert_eq!(
                (&code["kept"], &code["pinned"], &code["instead_of"]),
                (&json!(true), &json!(false), &json!(null))
            );
        }
    }
    for task in ["echo", "say"] {
        assert_eq!(ran(&server, task).await.1["deployment"], 2, "{task}: also if its code is the same");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_a_deployment_only_if_the_code_has_changed() {
    let app = app();
    serve(&app).stop();
    let server = serve(&app);
    assert_eq!(deployments(&server).await.len(), 1);
    assert_eq!(ran(&server, "say").await.1["deployment"], 1);
    server.stop();
    write_script(&app, 2);
    let server = serve(&app);
    let both = deployments(&server).await;
    assert_eq!((both.len(), &both[0]["cause"]), (2, &json!("start")));
    assert_eq!(ran(&server, "say").await.1["deployment"], 2);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_at_which_no_code_can_be_loaded_is_no_deployment() {
    let app = App::new().task("it", &json!({ "process": "plugins.it" })).file("plugins/it.wasm", "no component");
    let host = builder(&app).wait_for_plugins(false).build().await.expect("a host whose plugins are not loaded yet");
    host.plugins_loaded().await.expect_err("no task can run");
    let page = host.deployments(None, 10).await.expect("the memory store does not fail");
    assert!(page.deployments.is_empty(), "{page:?}");
    host.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_fails_is_no_deployment() {
    let app = app();
    let server = serve(&app);
    write_script(&app, 2);
    app.write("tasks/bad.json", "{");
    assert_eq!(server.act("/v1/reload").await.code(), "reload-failed");
    assert_eq!(deployments(&server).await.len(), 1);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_come_in_pages() {
    let app = app();
    let server = serve(&app);
    for version in 2..=4 {
        write_script(&app, version);
        assert_eq!(done(&server, "/v1/reload").await, u64::from(version));
    }
    let page = server.get("/v1/deployments?limit=3").await.body;
    let numbers = |page: &serde_json::Value| -> Vec<u64> {
        page["deployments"].as_array().expect("a list").iter().filter_map(|one| one["number"].as_u64()).collect()
    };
    assert_eq!((numbers(&page), &page["next"]), (vec![4, 3, 2], &json!(2)));
    let page = server.get("/v1/deployments?before=2").await.body;
    assert_eq!((numbers(&page), &page["next"]), (vec![1], &json!(null)));
    for bad in ["limit=0", "limit=101", "before=-1", "after=3"] {
        assert_eq!(server.get(&format!("/v1/deployments?{bad}")).await.code(), "invalid-query", "{bad}");
    }
    server.stop();
}
