//! Plugins: what runs in which task, and the problems of the app.

use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::serve;

/// Returns the plugins. A host has them a moment after its tasks are ready.
async fn plugins(server: &Server) -> Vec<Value> {
    loop {
        let all = server.get("/v1/plugins").await;
        assert_eq!(all.status, 200, "{all:?}");
        let plugins = all.body["plugins"].as_array().expect("plugins");
        if !plugins.is_empty() {
            return plugins.clone();
        }
    }
}

fn has(list: &Value, text: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_says_what_it_is_and_where_it_runs() {
    let server = serve();
    let all = plugins(&server).await;
    assert!(all.is_sorted_by_key(|plugin| plugin["name"].as_str().map(str::to_owned)), "{all:?}");
    let echo = all.iter().find(|plugin| plugin["name"] == "plugins.echo").expect("echo");
    assert!(
        has(&echo["roles"], "processor") && has(&echo["tasks"], "keys") && has(&echo["tasks"], "Mail.Send"),
        "{echo}"
    );
    assert!(!has(&echo["tasks"], "adder") && echo["bytes"].as_u64().is_some_and(|bytes| bytes > 1_000), "{echo}");
    let one = server.get("/v1/plugins/plugins.echo").await;
    assert_eq!((one.status, &one.body["name"]), (200, &json!("plugins.echo")), "{one:?}");
    let used = &one.body["in_use"][0];
    assert_eq!((&used["digest"], &used["pinned"]), (&echo["digest"], &json!(false)));
    let tasks = used["tasks"].as_array().expect("tasks");
    let keys = tasks.iter().find(|task| task["task"] == "keys").expect("the task");
    assert_eq!((&keys["roles"], keys["granted"]["tasks"].is_object()), (&json!(["processor"]), true), "{keys}");
    // A handler has another role.
    let faulty = server.get("/v1/plugins/plugins.faulty").await.body["in_use"][0]["tasks"].clone();
    let deaf = faulty.as_array().expect("tasks").iter().find(|task| task["task"] == "deaf").expect("the task");
    assert_eq!(deaf["roles"], json!(["success-handler"]));
    let unknown = server.get("/v1/plugins/echo").await;
    assert_eq!((unknown.status, unknown.code()), (404, "unknown-plugin"));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_problems_of_the_app_are_shown() {
    let server = serve();
    plugins(&server).await;
    let problems = server.get("/v1/problems").await.body;
    let list = problems["problems"].as_array().expect("problems");
    assert_eq!(problems["count"], list.len(), "{problems}");
    let broken = list.iter().find(|problem| problem["file"] == "tasks/broken.json").expect("the problem");
    assert_eq!((&broken["severity"], broken["message"].is_string()), (&json!("error"), true), "{broken}");
    server.stop();
}
