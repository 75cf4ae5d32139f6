//! Removing the data of a tenant that is not configured any more, also if the process dies in the middle.

use saggar_tests::client::job_path;
use serde_json::json;

use super::stage::{Operator, with};

#[tokio::test(flavor = "multi_thread")]
async fn only_a_tenant_that_is_not_configured_is_removed_and_with_it_all_its_data() {
    let operator = Operator::new(&["acme", "globex"]);
    let server = operator.serve();
    let (op, acme, globex) = (with(&server, "operator"), with(&server, "acme"), with(&server, "globex"));
    for _ in 0..3 {
        acme.assert_echoes("echo").await;
        globex.assert_echoes("echo").await;
    }
    assert_eq!(op.delete("/v1/tenants/globex").await.code(), "tenant-configured");
    assert_eq!(op.delete("/v1/tenants/nobody").await.code(), "unknown-tenant");
    operator.configure(&["acme"], "");
    op.reload().await;
    let removed = op.delete("/v1/tenants/globex").await;
    assert_eq!((removed.status, &removed.body), (200, &json!({ "jobs": 3, "more": false })), "{removed:?}");
    assert!(op.tenant("globex").await.is_null());
    assert_eq!(op.delete("/v1/tenants/globex").await.code(), "unknown-tenant", "again");
    assert_eq!(acme.listed().await.len(), 3);

    operator.configure(&["acme", "globex"], "");
    op.reload().await;
    assert_eq!(globex.listed().await, [] as [u64; 0], "it comes back without data");
    assert_eq!(globex.add("echo", &json!([])).await, 1);
    globex.ended("echo", 1).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_survives_the_death_of_the_process() {
    let operator = Operator::new(&["acme", "globex"]);
    let server = operator.serve();
    let (op, acme, globex) = (with(&server, "operator"), with(&server, "acme"), with(&server, "globex"));
    let task = json!({ "process": "plugins.echo", "size": 10_000 });
    operator.write("globex", "tasks/echo.json", task.to_string());
    globex.reload().await;
    assert_eq!(globex.act("/v1/tasks/echo/pause").await.status, 204);
    let text = "x".repeat(20_000);
    let batch: Vec<_> = (0..100).map(|_| json!({ "args": [text] })).collect();
    for _ in 0..30 {
        let added = globex.post("/v1/tasks/echo/jobs/batch", &json!({ "jobs": batch })).await;
        assert_eq!(added.status, 201, "{}", added.status);
    }
    acme.assert_echoes("echo").await;
    operator.configure(&["acme"], "");
    op.reload().await;
    assert_eq!(op.delete("/v1/tenants/globex").await.body["jobs"], 3_000);
    // The rows are still being deleted.
    server.signal("KILL");
    server.end();

    operator.configure(&["acme", "globex"], "");
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    assert_eq!(globex.listed().await, [] as [u64; 0]);
    assert_eq!(globex.get(&job_path("echo", 1)).await.code(), "unknown-job");
    globex.assert_echoes("echo").await;
    acme.assert_echoes("echo").await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_a_tenant_that_is_not_configured_is_kept_over_restarts() {
    let operator = Operator::new(&["acme", "globex"]);
    let server = operator.serve();
    with(&server, "globex").assert_echoes("echo").await;
    server.stop();
    operator.configure(&["acme"], "");
    let server = operator.serve();
    server.log().until("the store has jobs of a tenant that is not configured");
    let shown = with(&server, "operator").tenant("globex").await;
    assert_eq!((&shown["state"], &shown["counts"]["success"]), (&json!("removed"), &json!(1)), "{shown}");
    server.stop();
    operator.configure(&["acme", "globex"], "");
    let server = operator.serve();
    assert_eq!(with(&server, "globex").listed().await, [1]);
    server.stop();
}
