//! Nothing of a tenant's directory configures the host or leads out of it.

use std::os::unix::fs::symlink;

use saggar_tests::guests;
use saggar_tests::program::output;
use serde_json::json;

use super::stage::{Operator, table, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_in_a_tenants_directory_is_ignored() {
    let operator = Operator::new(&["acme"]);
    let text = format!("listen = \"0.0.0.0:1\"\nstore = \"memory\"\nenv_allow = \"*\"\n{}", table("evil"));
    operator.write("acme", "saggar.toml", text);
    let server = operator.serve();
    with(&server, "acme").assert_echoes("echo").await;
    assert_eq!(with(&server, "evil").get("/v1/tasks").await.code(), "unauthorized");
    let warning = with(&server, "acme").reload().await["warnings"][0].clone();
    assert_eq!((&warning["file"], &warning["severity"]), (&json!("saggar.toml"), &json!("warning")), "{warning}");
    assert!(warning["message"].as_str().expect("a text").contains("ignored"), "{warning}");
    let log = server.stop().join("\n");
    assert!(log.contains("tenant acme: this file is ignored"), "{log}");
    assert!(operator.path(".saggar/saggar.db").exists(), "the store is beside the configuration");
    assert!(!operator.path("acme/.saggar").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_do_not_lead_to_another_tenants_files() {
    let operator = Operator::new(&["acme", "globex", "initech"]);
    operator.write_plugin("globex", "secret", guests::ECHO);
    operator.write("globex", "tasks/secret.json", json!({ "process": "plugins.secret" }).to_string());
    operator.write("globex", "scripts/secret.js", "export function Run() { return 'secret' }");
    // A plugin, a script, a task file and the whole directory of tasks.
    let acme = |path: &str| operator.path(&format!("acme/{path}"));
    symlink(operator.path("globex/plugins/secret.wasm"), acme("plugins/stolen.wasm")).expect("a link");
    std::fs::create_dir(acme("scripts")).expect("a directory");
    symlink(operator.path("globex/scripts/secret.js"), acme("scripts/stolen.js")).expect("a link");
    symlink(operator.path("globex/tasks/secret.json"), acme("tasks/secret.json")).expect("a link");
    operator.write("acme", "tasks/plugin.json", json!({ "process": "plugins.stolen" }).to_string());
    operator.write("acme", "tasks/script.json", json!({ "process": "scripts.stolen.Run" }).to_string());
    std::fs::remove_dir_all(operator.path("initech/tasks")).expect("the directory");
    symlink(operator.path("globex/tasks"), operator.path("initech/tasks")).expect("a link");
    let server = operator.serve();
    let (acme, initech) = (with(&server, "acme"), with(&server, "initech"));
    acme.assert_echoes("echo").await;
    for task in ["plugin", "script", "secret"] {
        let refused = acme.post(&format!("/v1/tasks/{task}/jobs"), &json!({})).await;
        assert!(matches!(refused.code(), "task-broken" | "unknown-task"), "{refused:?}");
        assert!(!refused.body.to_string().contains("return 'secret'"), "{refused:?}");
    }
    assert_eq!(initech.get("/v1/tasks").await.body["tasks"], json!([]));
    let refused = initech.act("/v1/reload").await;
    assert!(refused.body["problems"].to_string().contains("leads out of it"), "{refused:?}");
    server.stop();
}

#[test]
fn each_tenant_has_the_variables_that_the_operator_allows_it() {
    let operator = Operator::new(&["acme", "globex", "initech"]);
    for tenant in ["acme", "globex", "initech"] {
        let task = json!({ "process": "plugins.echo", "name": "$ENV.SAGGAR_APP_REGION" });
        operator.write(tenant, "tasks/echo.json", task.to_string());
    }
    let acme = table("acme").replace("dir =", "env_allow = [\"SAGGAR_APP_*\"]\ndir =");
    let globex = table("globex").replace("dir =", "env_allow = \"OTHER\"\ndir =");
    operator.configure(&["initech"], &format!("{acme}{globex}"));
    let mut check = operator.command("check");
    let said = output(check.env("SAGGAR_APP_REGION", "north").env("SAGGAR_ENV_ALLOW", "*"));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(said.out.matches("north").count(), 1, "only acme may have it: {}", said.out);
    assert_eq!(said.err.matches("env_allow").count(), 2, "{}", said.err);
}
