//! Tenants are added, changed and stopped by reloads: of the operator by signal and by request, and of a tenant itself.

use saggar_tests::client::job_path;
use saggar_tests::guests;
use serde_json::json;

use super::stage::{Operator, table, token, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_added_and_stopped_and_comes_back() {
    let operator = Operator::new(&["acme"]);
    let server = operator.serve();
    let (op, acme, globex) = (with(&server, "operator"), with(&server, "acme"), with(&server, "globex"));
    assert_eq!(globex.get("/v1/tasks").await.code(), "unauthorized");
    operator.write_echo("globex", "echo");
    operator.configure(&["acme", "globex"], "");
    server.signal("HUP");
    server.log().until("reloaded the tenants");
    globex.assert_echoes("echo").await;
    acme.assert_echoes("echo").await;
    assert_eq!(op.tenant("globex").await["state"], "ready");

    // A task of it waits at the time when it is stopped.
    assert_eq!(globex.act("/v1/tasks/echo/pause").await.status, 204);
    let waiting = globex.add("echo", &json!(["later"])).await;
    operator.configure(&["acme"], "");
    let changes = op.reload().await;
    assert_eq!((&changes["tenants"]["removed"], &changes["tenants"]["added"]), (&json!(["globex"]), &json!([])));
    assert_eq!(globex.get("/v1/tasks").await.code(), "unauthorized", "its tokens are gone");
    let stopped = op.tenant("globex").await;
    assert_eq!((&stopped["state"], &stopped["counts"]["waiting"]), (&json!("removed"), &json!(1)), "{stopped}");
    acme.assert_echoes("echo").await;

    operator.configure(&["acme", "globex"], "");
    assert_eq!(op.reload().await["tenants"]["added"], json!(["globex"]));
    assert_eq!(globex.get(&job_path("echo", waiting)).await.body["status"], "WAITING", "it is still paused");
    assert_eq!(globex.act("/v1/tasks/echo/resume").await.status, 204);
    assert_eq!(globex.ended("echo", waiting).await["response"], json!(["later"]));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_tenants_running_jobs_wait_again() {
    let operator = Operator::new(&["acme"]);
    operator.write_plugin("acme", "gated", guests::GATED);
    let task = json!({ "process": "plugins.gated", "sandbox": { "tasks": "all" } });
    operator.write("acme", "tasks/gated.json", task.to_string());
    operator.write_echo("acme", "keys");
    let server = operator.serve();
    let (op, acme) = (with(&server, "operator"), with(&server, "acme"));
    let id = acme.add("gated", &json!(["keys", 1])).await;
    while acme.get(&job_path("gated", id)).await.body["message"] != "at the gate" {}
    operator.configure(&[], &token("token", "spare", "operator"));
    let refused = op.act("/v1/reload").await;
    assert_eq!(refused.code(), "reload-failed", "a configuration without tenants is an error");
    operator.write_echo("globex", "echo");
    operator.configure(&["globex"], "");
    assert_eq!(op.reload().await["tenants"]["removed"], json!(["acme"]));
    let counts = op.tenant("acme").await["counts"].clone();
    assert_eq!((&counts["running"], &counts["waiting"]), (&json!(0), &json!(1)), "{counts}");
    operator.configure(&["acme", "globex"], "");
    op.reload().await;
    assert_eq!(acme.add("keys", &json!([])).await, 1);
    let ended = acme.ended("gated", id).await;
    assert_eq!((&ended["response"], &ended["attempt"]), (&json!("through"), &json!(1)), "no attempt was used up");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_directory_is_loaded_without_a_restart() {
    let operator = Operator::new(&["acme", "globex"]);
    operator.write_echo("next", "echo");
    operator.write_echo("next", "more");
    let server = operator.serve();
    let (op, acme) = (with(&server, "operator"), with(&server, "acme"));
    acme.assert_echoes("echo").await;
    let globex = table("globex");
    let moved = table("acme").replace("dir = \"acme\"", "dir = \"next\"\nweight = 7");
    operator.configure(&[], &format!("{moved}{globex}"));
    let changes = op.reload().await;
    assert_eq!(changes["tenants"]["changed"], json!(["acme"]));
    assert_eq!((&changes["added"], &changes["unchanged"]), (&json!(["acme/more"]), &json!(2)), "{changes}");
    acme.assert_echoes("more").await;
    assert_eq!(op.tenant("acme").await["weight"], 7);
    assert_eq!(with(&server, "globex").get("/v1/tasks/more").await.code(), "unknown-task");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_reload_is_about_that_tenant_alone() {
    let operator = Operator::new(&["acme", "globex"]);
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    operator.write_echo("acme", "more");
    operator.write_echo("globex", "more");
    operator.write_echo("initech", "echo");
    operator.configure(&["acme", "globex", "initech"], "");
    let changes = acme.reload().await;
    assert_eq!((&changes["added"], &changes["tenants"]), (&json!(["more"]), &json!(null)), "{changes}");
    acme.assert_echoes("more").await;
    assert_eq!(globex.get("/v1/tasks/more").await.code(), "unknown-task", "it has not reloaded");
    assert_eq!(with(&server, "initech").get("/v1/tasks").await.code(), "unauthorized");
    assert_eq!(globex.get("/v1/reload").await.body["last"], json!(null));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_the_configuration_change_nothing() {
    let operator = Operator::new(&["acme"]);
    let server = operator.serve();
    let (op, acme) = (with(&server, "operator"), with(&server, "acme"));
    operator.write_echo("globex", "echo");
    operator.configure(&["acme", "globex"], "[[tenant]]\nname = \"Initech\"\ndir = \"x\"\nwieght = 3\n");
    let refused = op.act("/v1/reload").await;
    assert_eq!(refused.code(), "reload-failed");
    let problems = refused.body["problems"].to_string();
    assert!(problems.contains("did you mean `weight`?") && problems.contains("lower-case"), "{problems}");
    assert!(op.tenant("globex").await.is_null());
    acme.assert_echoes("echo").await;
    server.stop();
}
