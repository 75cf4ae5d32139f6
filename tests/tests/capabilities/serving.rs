//! Grants while a host runs: a reload applies them, and each tenant has its own.

use saggar::api::Token;
use saggar_tests::guests;
use saggar_tests::program::{command, output};
use saggar_tests::server::Server;
use serde_json::{Value, json};

use crate::{app, operator};

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_applies_grants() {
    let app = app(&json!({ "env": ["REGION"] })).simple_task("echo", guests::ECHO);
    let operator = operator("");
    let config = operator.path().join("host.toml");
    let server = Server::start_as(&app, |serve| {
        serve.args(["--store", "memory", "--config"]).arg(&config).env("REGION", "eu-west")
    });
    let task = server.get("/v1/tasks/it").await.body;
    assert_eq!(task["state"], "broken", "{task}");
    assert!(task["problem"].as_str().is_some_and(|why| why.contains("`REGION`, which is not granted")), "{task}");

    operator.write("host.toml", "[grants]\nenv = [\"REGION\"]\n");
    let reloaded = server.act("/v1/reload").await;
    assert_eq!((reloaded.status, &reloaded.body["needs_restart"]), (200, &json!([])), "{reloaded:?}");
    let id = server.add("it", &json!({ "args": [1] })).await;
    assert_eq!(server.ended("it", id).await["response"], json!([1]));

    // As with every error, the host goes on with what it had.
    operator.write("host.toml", "");
    let refused = server.act("/v1/reload").await;
    assert_eq!(refused.code(), "reload-failed", "{refused:?}");
    assert!(refused.body.to_string().contains("which is not granted"), "{refused:?}");
    let id = server.add("it", &json!({ "args": [2] })).await;
    assert_eq!(server.ended("it", id).await["response"], json!([2]));
    server.stop();
}

fn tenant(name: &str, more: &str) -> String {
    let sha256 = Token::digest_of(name);
    format!(
        "[[tenant]]\nname = \"{name}\"\ndir = \"{name}\"\n[[tenant.token]]\nname = \"{name}\"\nrole = \"admin\"\n\
         sha256 = \"{sha256}\"\n{more}"
    )
}

#[test]
fn each_tenant_has_grants_of_its_own() {
    let grants = "[tenant.grants]\ntasks = \"all\"\n[tenant.grants.kv]\naccess = \"read\"\n";
    let operator = operator(&(tenant("acme", grants) + &tenant("globex", "")));
    let task = json!({ "process": "plugins.echo", "sandbox": { "tasks": "all", "kv": "read" } });
    let echo = std::fs::read(guests::ECHO).expect("a guest");
    for name in ["acme", "globex"] {
        operator.write(format!("{name}/tasks/it.json"), task.to_string());
        operator.write(format!("{name}/plugins/echo.wasm"), &echo);
    }
    let said = output(command().args(["check", "--json", "--config"]).arg(operator.path().join("host.toml")));
    assert_eq!(said.code, Some(1), "{said:?}");
    let document: Value = serde_json::from_str(&said.out).expect("JSON");
    let (acme, globex) = (&document["tenants"]["acme"], &document["tenants"]["globex"]);
    assert_eq!(acme["problems"], json!([]));
    assert_eq!(acme["tasks"][0]["capabilities"]["kv"]["in_force"]["access"], "read");
    let help: Vec<&str> = globex["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .filter_map(|problem| problem["help"].as_str())
        .collect();
    assert_eq!(help.len(), 2, "{globex:#}");
    for part in ["write `tasks = \"all\"` below `[tenant.grants]`", "below `[tenant.grants.kv]`"] {
        assert!(help.iter().any(|help| help.contains(part)), "no `{part}` in {help:?}");
    }
}
