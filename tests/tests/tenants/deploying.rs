//! Deployments of tenants: each has its own, sees no others, and a removed tenant leaves none.

use reqwest::Method;
use saggar_tests::client::send;
use saggar_tests::program::output;
use serde_json::{Value, json};

use super::stage::{Client, Operator, with};

/// The number, cause and author of each deployment, the newest first.
async fn deployments(client: Client<'_>) -> Vec<(u64, String, String)> {
    let answer = client.get("/v1/deployments").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |of: &Value| of.as_str().expect("a text").to_owned();
    let all = answer.body["deployments"].as_array().expect("a list");
    all.iter().map(|one| (one["number"].as_u64().expect("a number"), text(&one["cause"]), text(&one["by"]))).collect()
}

fn script(version: u32) -> String {
    format!("function run() {{ return {version}; }}")
}

/// Asserts that the script of a tenant answers as this version does.
async fn assert_runs(client: Client<'_>, version: u32) {
    let id = client.add("say", &json!([])).await;
    assert_eq!(client.ended("say", id).await["response"], version);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_has_deployments_of_its_own_and_a_removed_one_has_none() {
    let operator = Operator::new(&["acme", "globex"]);
    for tenant in ["acme", "globex"] {
        operator.write(tenant, "scripts/it.js", script(1));
        operator.write(tenant, "tasks/say.json", json!({ "process": "scripts.it.run" }).to_string());
    }
    let server = operator.serve();
    let (op, acme, globex) = (with(&server, "operator"), with(&server, "acme"), with(&server, "globex"));
    // A tenant may still be loading when the host is ready, and a reload waits for it.
    acme.reload().await;
    globex.reload().await;
    operator.write("globex", "scripts/it.js", script(2));
    assert_eq!(globex.reload().await["deployment"], 2);
    assert_eq!(deployments(acme).await.len(), 1);
    assert_eq!(deployments(globex).await[0], (2, "reload".to_owned(), "globex".to_owned()));
    assert_eq!(acme.act("/v1/rollback").await.code(), "unknown-deployment");
    assert_eq!(globex.act("/v1/rollback").await.status, 200);
    assert_runs(globex, 1).await;
    assert_runs(acme, 1).await;
    assert_eq!(op.act("/v1/rollback").await.code(), "tenant-required");
    let of_globex = || server.request(Method::POST, "/v1/rollback?to=2").bearer_auth("operator");
    assert_eq!(send(of_globex().header("saggar-tenant", "globex")).await.status, 200);
    assert_runs(globex, 2).await;
    assert_eq!(deployments(globex).await[0], (4, "rollback".to_owned(), "operator".to_owned()));

    // A reload of the whole host is one of each tenant, and is recorded only where the code has changed.
    operator.write("acme", "scripts/it.js", script(3));
    op.reload().await;
    assert_eq!(deployments(acme).await[0], (2, "reload".to_owned(), "operator".to_owned()));
    assert_eq!(deployments(globex).await.len(), 4);

    operator.configure(&["acme"], "");
    op.reload().await;
    assert_eq!(op.delete("/v1/tenants/globex").await.body["more"], false);
    operator.configure(&["acme", "globex"], "");
    op.reload().await;
    globex.reload().await;
    let new = deployments(globex).await;
    assert_eq!((new.len(), new[0].0), (1, 1), "{new:?}");
    assert_eq!(deployments(acme).await.len(), 2);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_of_a_tenant_is_compared_with_what_the_tenant_is_granted() {
    let operator = Operator::new(&["acme"]);
    let task = json!({ "process": "plugins.echo", "sandbox": { "kv": "read" } });
    operator.write("acme", "tasks/keeps.json", task.to_string());
    operator.configure(&["acme"], "[tenant.grants.kv]\naccess = \"read\"\n");
    let server = operator.serve();
    // The tenant may still be loading, and a reload waits for it.
    with(&server, "acme").reload().await;
    let deploy = |tenant: &[&str]| {
        let mut deploy = operator.command("deploy");
        deploy.arg(operator.path("acme")).args(["--dry-run", "--json", "--url", &server.url("")]).args(tenant);
        output(deploy.env("SAGGAR_TOKEN", "acme"))
    };
    let said = deploy(&["--tenant", "acme"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    let document: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(document["tasks"], json!({ "added": [], "changed": [], "removed": [] }));
    let said = deploy(&[]);
    assert!(said.code == Some(1) && said.err.contains("which is not granted"), "{said:?}");
    server.stop();
}
