//! Ids of a script's `next`: one that is taken falls back to the task's counter.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, all_differ};
use serde_json::json;

/// Starts a host with the task `it`, whose ids come from the function `next` of this script.
async fn with_next(script: &str, sandbox: serde_json::Value) -> TestHost {
    let task = json!({
        "process": "plugins.echo",
        "event": { "next": "scripts.ids.next" },
        "worker_nums": 4,
        "sandbox": sandbox,
    });
    TestHost::start(App::new().plugin("echo", guests::ECHO).script("ids", script).task("it", &task)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_begins_anew_in_each_instance_is_no_problem() {
    let host = with_next("let id = 1024; function next() { return ++id; }", json!({ "reuse": 1 })).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(host.add("it", json!([])).await);
    }
    assert_eq!(ids, (1025..1045).collect::<Vec<u64>>());
    host.idle().await;
    assert_eq!(host.log("it", 1025).await, Vec::<String>::new());
    let warning = "`next` returned the id 1025, which is taken; the task's counter gave 1026 instead";
    assert_eq!(host.log("it", 1026).await, [warning]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_concurrent_adds_differ() {
    let host = with_next("let id = 0; function next() { return ++id; }", json!({})).await;
    let ids = futures_util::future::join_all((0..50).map(|_| host.add("it", json!([])))).await;
    assert!(all_differ(&ids), "{ids:?}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_without_an_answer_uses_the_counter_and_no_number_is_refused() {
    let script = "let calls = 0; function next() { calls += 1; return [undefined, null, 1.5, 'x', -1][calls - 1]; }";
    let host = with_next(script, json!({})).await;
    assert_eq!([host.add("it", json!([])).await, host.add("it", json!([])).await], [1, 2]);
    for _ in 0..3 {
        assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()));
    }
    host.shutdown().await;
}
