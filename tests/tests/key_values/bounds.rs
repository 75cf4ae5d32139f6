//! The bounds of the grant hold exactly, also while 16 slots write.

use saggar_tests::host::{TestHost, response};
use serde_json::{Value, json};

use crate::{app, granting};

/// What an entry is counted as beside its key and value.
const FIXED: u64 = 64;

/// Runs 16 jobs that fill the store under different keys; returns how many entries they have set.
async fn fill(host: &TestHost, bytes: u64) -> u64 {
    let mut ids = Vec::new();
    for prefix in 'a'..='p' {
        ids.push(host.add("it", json!(["fill", prefix, bytes])).await);
    }
    let mut set = 0;
    for id in ids {
        let answer = response(&host.end("it", id).await);
        assert_eq!(answer[1], "kv-full", "{answer}");
        set += answer[0].as_u64().expect("a number");
    }
    set
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_keys_are_set_than_are_granted() {
    let host = TestHost::start_as(app(&json!("write")), granting(1 << 30, 500)).await;
    assert_eq!(fill(&host, 1).await, 500);
    let keys = host.response("it", json!(["keys", ""])).await;
    assert_eq!(host.response("it", json!(["set", keys[0], "another value"])).await.as_u64(), Some(501), "no new key");
    assert_eq!(host.response("it", json!(["remove", keys[0]])).await, true);
    assert_eq!(host.response("it", json!(["set", "z", 1])).await.as_u64(), Some(502));
    assert_eq!(host.response("it", json!(["set", "y", 1])).await, "kv-full");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_bytes_are_set_than_are_granted() {
    // Keys of two characters and values of 100 in quotation marks: room for 160 of them, less one byte.
    let one = FIXED + 2 + 102;
    let host = TestHost::start_as(app(&json!("write")), granting(160 * one - 1, 1_000_000)).await;
    // With ten entries or more under one prefix, keys have three characters; so the fillers share out what is there.
    let set = fill(&host, 100).await;
    let keys = host.response("it", json!(["keys", ""])).await;
    let keys: Vec<&str> = keys.as_array().expect("keys").iter().filter_map(Value::as_str).collect();
    assert_eq!(keys.len() as u64, set);
    let taken: u64 = keys.iter().map(|key| FIXED + key.len() as u64 + 102).sum();
    let left = 160 * one - 1 - taken;
    assert!(left < one + 1, "{left} bytes are left, and an entry needs {one}");
    // What is left can be used to the last byte, and not beyond.
    let longer = "x".repeat(100 + left as usize);
    assert_eq!(host.response("it", json!(["set", keys[0], format!("{longer}x")])).await, "kv-full");
    assert!(host.response("it", json!(["set", keys[0], longer])).await.is_u64());
    assert_eq!(host.response("it", json!(["set", "z", 1])).await, "kv-full");
    let app = host.into_app().await;
    let host = TestHost::start_as(app, granting(160 * one - 1, 1_000_000)).await;
    assert_eq!(host.response("it", json!(["increment", "z"])).await, "kv-full", "the bytes are known after a restart");
    host.shutdown().await;
}
