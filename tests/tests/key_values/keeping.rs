//! Entries are kept: over restarts, and whatever becomes of the attempt that wrote them.

use saggar_tests::host::TestHost;
use serde_json::{Value, json};

use crate::{app, granting};

#[tokio::test(flavor = "multi_thread")]
async fn entries_survive_a_restart_and_belong_to_the_app() {
    let host = TestHost::start_as(app(&json!("write")), granting(1 << 20, 100)).await;
    assert_eq!(host.response("it", json!(["get", "a"])).await, Value::Null);
    let version = host.response("it", json!(["set", "a", { "b": [1, "ü"] }])).await;
    assert_eq!(host.response("it", json!(["increment", "n", 5])).await, 5);
    let app = host.into_app().await;
    let host = TestHost::start_as(app, granting(1 << 20, 100)).await;
    assert_eq!(host.response("it", json!(["get", "a"])).await, json!([{ "b": [1, "ü"] }, version]));
    assert_eq!(host.response("it", json!(["increment", "n", -7])).await, -2);
    assert_eq!(host.response("it", json!(["swap", "a", 1, version])).await, 4, "the versions go on");
    assert_eq!(host.response("it", json!(["keys", ""])).await, json!(["a", "n"]));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrower_request_holds_although_more_is_granted() {
    let narrow = app(&json!({ "access": "read", "prefix": "a/" }));
    let host = TestHost::start_as(narrow, granting(1 << 20, 100)).await;
    assert_eq!(host.response("it", json!(["get", "a/1"])).await, Value::Null);
    assert_eq!(host.response("it", json!(["keys", "a/"])).await, json!([]));
    for operation in [json!(["set", "a/1", 1]), json!(["get", "b"]), json!(["keys", ""]), json!(["remove", "a/1"])] {
        assert_eq!(host.response("it", operation.clone()).await, "not-granted", "{operation}");
    }
    host.shutdown().await;
}
