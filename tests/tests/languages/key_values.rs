//! The key-value store: what functions of the guest do with it, with the right request and with narrower ones.

use saggar::grant::{Access, Grants, KvGrant};
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::Language;

/// Returns a task whose processor is this function, with a request for the key-value store.
fn task(language: &Language, function: &str, kv: &Value) -> Value {
    let mut task = language.task(function);
    task["sandbox"] = json!({ "kv": kv });
    task
}

pub(super) async fn conform(language: &Language) {
    let (write, read) = (json!("write"), json!("read"));
    let app = language
        .app()
        .task("ledger", &task(language, "ledger", &write))
        .task("stored", &task(language, "stored", &write))
        .task("kept", &task(language, "kept", &read))
        .task("reading", &task(language, "stored", &read))
        .task("narrow", &task(language, "stored", &json!({ "access": "write", "prefix": "mine/" })))
        .task("without", &language.task("stored"));
    let kv = Some(KvGrant { access: Access::Write, max_bytes: 1 << 20, max_keys: 100 });
    let grants = Grants { kv, ..Grants::of_single_app() };
    let host = TestHost::start_as(app, Start { grants, ..Start::default() }).await;
    let expected = json!([
        null,
        true,
        false,
        true,
        "two",
        5,
        -2,
        "not-a-number",
        ["ledger/a", "ledger/n", "ledger/text"],
        true,
        false
    ]);
    assert_eq!(host.response("ledger", json!([])).await, expected);
    let value = json!({ "a": [1.5, null, "ü \u{1f680}", {}], "": "x".repeat(5_000) });
    assert_eq!(host.response("stored", json!(["a", value])).await, value);
    for (task, key) in [("reading", "a"), ("narrow", "a"), ("without", "a"), ("narrow", "mine")] {
        assert_eq!(host.response(task, json!([key, 1])).await, "not-granted", "{task} {key}");
    }
    assert_eq!(host.response("kept", json!(["a"])).await, value, "nothing was changed");
    assert_eq!(host.response("kept", json!(["none"])).await, Value::Null);
    assert_eq!(host.response("narrow", json!(["mine/ü", [1]])).await, json!([1]));
    assert_eq!(host.response("kept", json!(["mine/ü"])).await, json!([1]), "all tasks of the app share the store");
    assert_eq!(host.response("stored", json!(["", 1])).await, "invalid-key");
    host.shutdown().await;
}
