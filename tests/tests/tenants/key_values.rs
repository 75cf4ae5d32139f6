//! Tenants have key-value stores of their own, which are removed with them.

use saggar_tests::guests;
use serde_json::{Value, json};

use super::stage::{Client, Operator, table, token, with};

/// Writes the configuration of these tenants, each with a grant for its key-value store.
fn configure(operator: &Operator, tenants: &[&str]) {
    let tenants: String = tenants.iter().map(|tenant| table(tenant) + "[tenant.grants.kv]\nkeys = 2\n").collect();
    operator.write_configuration(&(token("token", "operator", "operator") + &tenants));
}

async fn answer(client: Client<'_>, args: Value) -> Value {
    let id = client.add("values", &args).await;
    client.ended("values", id).await["response"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_keys_are_different_entries_and_go_with_their_tenant() {
    let operator = Operator::new(&["acme", "globex"]);
    let task = json!({ "process": "plugins.values", "sandbox": { "kv": "write" } });
    for tenant in ["acme", "globex"] {
        operator.write_plugin(tenant, "values", guests::KEY_VALUES);
        operator.write(tenant, "tasks/values.json", task.to_string());
    }
    configure(&operator, &["acme", "globex"]);
    let server = operator.serve();
    let (op, acme, globex) = (with(&server, "operator"), with(&server, "acme"), with(&server, "globex"));
    for (client, word) in [(acme, "of acme"), (globex, "of globex")] {
        assert_eq!(answer(client, json!(["set", "k", word])).await, 1, "versions do not count what others write");
        assert_eq!(answer(client, json!(["fill", "other", 1])).await, json!([1, "kv-full"]), "each has its own bounds");
    }
    assert_eq!(answer(acme, json!(["remove", "k"])).await, true);
    assert_eq!(answer(globex, json!(["get", "k"])).await, json!(["of globex", 1]));
    assert_eq!(answer(acme, json!(["keys", ""])).await, json!(["other0"]));

    configure(&operator, &["globex"]);
    op.reload().await;
    let removed = op.delete("/v1/tenants/acme").await;
    assert_eq!(removed.status, 200, "{removed:?}");
    configure(&operator, &["acme", "globex"]);
    op.reload().await;
    assert_eq!(answer(acme, json!(["keys", ""])).await, json!([]), "a tenant that comes back has nothing");
    assert_eq!(answer(globex, json!(["keys", ""])).await, json!(["k", "other0"]));
    server.stop();
}
