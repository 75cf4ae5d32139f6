//! Ids of jobs: from the counter, and from the id source `event.next`.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, all_differ};
use serde_json::json;

/// Starts a host with the task `it`, whose ids come from this source.
async fn with_next(next: &str) -> TestHost {
    // A source that never returns gets a short timeout; the others may be slow.
    let event_timeout = if next == "#spin" { 0.3 } else { 30.0 };
    let task = json!({
        "process": "plugins.echo",
        "event": { "next": format!("plugins.ids{next}") },
        "sandbox": { "event_timeout": event_timeout },
    });
    TestHost::start(App::new().plugin("echo", guests::ECHO).plugin("ids", guests::IDS).task("it", &task)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counter_returns_each_id_once() {
    let task = json!({ "process": "plugins.echo", "worker_nums": 4 });
    let host = TestHost::start(App::new().plugin("echo", guests::ECHO).task("it", &task)).await;
    for expected in 1..=100 {
        assert_eq!(host.add("it", json!([])).await, expected);
    }
    host.idle().await;
    assert_eq!(host.add("it", json!([])).await, 101, "an id was reused after its job had ended");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_has_its_own_counter() {
    let host = TestHost::start(App::new().simple_task("a", guests::ECHO).simple_task("b", guests::ECHO)).await;
    let ids = [host.add("a", json!([])).await, host.add("b", json!([])).await, host.add("a", json!([])).await];
    assert_eq!(ids, [1, 1, 2]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_returns_a_duplicate_rejects_the_job() {
    let host = with_next("#always-seven").await;
    assert_eq!(host.add("it", json!(["first"])).await, 7);
    assert_eq!(host.try_add("it", json!(["second"])).await, Err("duplicate-id".into()));
    host.idle().await;
    assert_eq!(host.try_add("it", json!(["third"])).await, Err("duplicate-id".into()));
    assert_eq!(saggar_tests::host::response(&host.job("it", 7).await), json!(["first"]));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_returns_none_falls_back_to_the_counter() {
    let host = with_next("").await;
    assert_eq!([host.add("it", json!([])).await, host.add("it", json!([])).await], [1, 2]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_returns_zero_rejects_the_job() {
    let host = with_next("#zero").await;
    assert_eq!(host.try_add("it", json!([])).await, Err("duplicate-id".into()));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_fails_rejects_the_job() {
    for how in ["#problem", "#trap", "#spin", "#there-is-no-such-source"] {
        let host = with_next(how).await;
        assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()), "{how}");
        assert_eq!(host.try_job("it", 1).await.unwrap_err(), "unknown-job", "{how}");
        host.shutdown().await;
    }
}

/// The source has its own counter, in an instance that is reused.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_can_count_by_itself() {
    let host = with_next("#from-1024").await;
    assert_eq!([host.add("it", json!([])).await, host.add("it", json!([])).await], [1025, 1026]);
    host.shutdown().await;
}

/// Ids from the source that are ahead of the counter are not returned again by the counter.
#[tokio::test(flavor = "multi_thread")]
async fn the_counter_skips_existing_ids() {
    let host = with_next("#three-then-none").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(host.add("it", json!([])).await);
    }
    assert_eq!(ids[0], 3);
    assert!(all_differ(&ids) && ids[1..].is_sorted(), "{ids:?}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_id_is_accepted() {
    let host = with_next("#largest").await;
    assert_eq!(host.add("it", json!([])).await, u64::MAX);
    assert_eq!(host.try_add("it", json!([])).await, Err("duplicate-id".into()));
    host.shutdown().await;
}

/// A `next` that adds to its own task would recurse forever: it is refused at a limited depth, and nothing is added.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_adds_to_its_own_task_is_stopped() {
    let task = json!({
        "process": "plugins.reentrant", "event": { "next": "plugins.reentrant#adds-to-its-own-task" },
    });
    let host = TestHost::start(App::new().plugin("reentrant", guests::REENTRANT).task("it", &task)).await;
    assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()));
    assert_eq!(host.try_job("it", 1).await.unwrap_err(), "unknown-job");
    host.shutdown().await;
}
