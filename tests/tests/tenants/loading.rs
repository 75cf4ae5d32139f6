//! Tenants whose files are broken or slow to load hold up no other tenant.

use std::time::Duration;

use saggar_tests::crafted::distinct;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{Client, Operator, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_tenant_does_not_keep_the_others_from_starting() {
    let operator = Operator::new(&["acme", "broken"]);
    operator.write("broken", "tasks/echo.json", "{");
    operator.configure(&["acme", "broken", "absent"], "");
    let server = operator.serve();
    let (op, acme, broken) = (with(&server, "operator"), with(&server, "acme"), with(&server, "broken"));
    acme.assert_echoes("echo").await;
    assert_eq!(broken.post("/v1/tasks/echo/jobs", &json!({})).await.code(), "task-broken");
    assert_eq!(with(&server, "absent").get("/v1/tasks").await.body["tasks"], json!([]));
    for tenant in ["broken", "absent"] {
        let shown = op.tenant(tenant).await;
        assert_eq!(shown["state"], "broken", "{shown}");
    }
    assert_eq!(op.tenant("acme").await["state"], "ready");

    // The operator's reload succeeds for all but those, and says which.
    operator.write_echo("acme", "more");
    let changes = op.reload().await;
    assert_eq!(changes["added"], json!(["acme/more"]), "{changes}");
    let failed = changes["tenants"]["failed"].as_array().expect("tenants");
    let names: Vec<_> = failed.iter().map(|tenant| &tenant["name"]).collect();
    assert_eq!(names, ["broken", "absent"], "{changes}");
    acme.assert_echoes("more").await;
    assert_eq!(broken.act("/v1/reload").await.code(), "reload-failed");

    operator.write_echo("broken", "echo");
    assert_eq!(broken.reload().await["added"], json!(["echo"]));
    broken.assert_echoes("echo").await;
    let log = server.stop().join("\n");
    assert!(log.contains("tenant broken: ") && log.contains("tenant absent: no such directory"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_reload_keeps_the_app_of_that_tenant_and_reloads_the_others() {
    let operator = Operator::new(&["acme", "globex"]);
    let server = operator.serve();
    let (op, acme, globex) = (with(&server, "operator"), with(&server, "acme"), with(&server, "globex"));
    operator.write("acme", "plugins/echo.wasm", "half of a comp");
    operator.write_echo("globex", "more");
    let changes = op.reload().await;
    assert_eq!(changes["tenants"]["failed"][0]["name"], "acme", "{changes}");
    globex.assert_echoes("more").await;
    acme.assert_echoes("echo").await;
    server.stop();
}

/// Returns the state of a task.
async fn state(client: Client<'_>, task: &str) -> String {
    client.get(&format!("/v1/tasks/{task}")).await.body["state"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_compiles_for_long_holds_up_no_other() {
    let operator = Operator::new(&["acme", "slow"]);
    for plugin in 0..200 {
        let name = format!("p{plugin:03}");
        operator.write("slow", &format!("plugins/{name}.wasm"), distinct(guests::ECHO, &name));
        operator.write(
            "slow",
            &format!("tasks/{name}.json"),
            json!({ "process": format!("plugins.{name}") }).to_string(),
        );
    }
    let cache = tempfile::tempdir().expect("a directory");
    let mut serve = operator.command("serve");
    serve.arg("--cache-dir").arg(cache.path());
    let server = Server::start_unprepared(serve);
    let (acme, slow) = (with(&server, "acme"), with(&server, "slow"));
    acme.assert_echoes("echo").await;
    assert_eq!(state(slow, "p199").await, "\"preparing\"", "its plugins are being compiled");
    operator.write_echo("acme", "more");
    assert_eq!(acme.reload().await["added"], json!(["more"]));
    acme.assert_echoes("more").await;
    assert_eq!(state(slow, "p199").await, "\"preparing\"");
    // A job of it waits for its plugin.
    let waiting = slow.add("p199", &json!([7])).await;
    assert_eq!(slow.get(&format!("/v1/tasks/p199/jobs/{waiting}")).await.body["status"], "WAITING");
    server.stop();
}

/// Two tenants may have the same directory.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_with_the_same_files_share_nothing_but_compiled_code() {
    let operator = Operator::new(&["acme", "globex"]);
    operator.configure(&["acme"], "");
    let text = std::fs::read_to_string(operator.path("host.toml")).expect("the file");
    let second = super::stage::table("globex").replace("dir = \"globex\"", "dir = \"acme\"");
    operator.write_configuration(&format!("{text}{second}"));
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    acme.assert_echoes("echo").await;
    acme.assert_echoes("echo").await;
    globex.assert_echoes("echo").await;
    assert_eq!((acme.listed().await, globex.listed().await), (vec![2, 1], vec![1]));
    server.stop();
    let again = operator.serve();
    tokio::time::timeout(Duration::from_secs(60), with(&again, "globex").assert_echoes("echo")).await.expect("in time");
    assert_eq!(with(&again, "globex").listed().await, [2, 1]);
    again.stop();
}
