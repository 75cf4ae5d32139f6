//! Behaviour 2: unique and increasing ids without `next`; a `next` that answers a duplicate, no id, or fails.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, all_differ};
use serde_json::json;

/// A host with the task `it`, whose ids come from this source.
async fn with_next(next: &str) -> TestHost {
    // A source that never answers is not waited for as long as one that may be slow.
    let event_timeout = if next == "#spin" { 0.3 } else { 30.0 };
    let task = json!({
        "process": "plugins.echo",
        "event": { "next": format!("plugins.ids{next}") },
        "sandbox": { "event_timeout": event_timeout },
    });
    TestHost::start(App::new().plugin("echo", guests::ECHO).plugin("ids", guests::IDS).task("it", &task)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counter_gives_each_id_once() {
    let task = json!({ "process": "plugins.echo", "worker_nums": 4 });
    let host = TestHost::start(App::new().plugin("echo", guests::ECHO).task("it", &task)).await;
    for expected in 1..=100 {
        assert_eq!(host.add("it", json!([])).await, expected);
    }
    host.idle().await;
    assert_eq!(host.add("it", json!([])).await, 101, "an id was given again after its job had ended");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_has_a_counter_of_its_own() {
    let host = TestHost::start(App::new().simple_task("a", guests::ECHO).simple_task("b", guests::ECHO)).await;
    let ids = [host.add("a", json!([])).await, host.add("b", json!([])).await, host.add("a", json!([])).await];
    assert_eq!(ids, [1, 1, 2]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_answers_a_duplicate_is_refused() {
    let host = with_next("#always-seven").await;
    assert_eq!(host.add("it", json!(["first"])).await, 7);
    assert_eq!(host.try_add("it", json!(["second"])).await, Err("duplicate-id".into()));
    host.idle().await;
    assert_eq!(host.try_add("it", json!(["third"])).await, Err("duplicate-id".into()));
    assert_eq!(saggar_tests::host::response(&host.job("it", 7).await), json!(["first"]));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_answers_none_falls_back_to_the_counter() {
    let host = with_next("").await;
    assert_eq!([host.add("it", json!([])).await, host.add("it", json!([])).await], [1, 2]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_answers_zero_is_refused() {
    let host = with_next("#zero").await;
    assert_eq!(host.try_add("it", json!([])).await, Err("duplicate-id".into()));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_fails_refuses_the_job() {
    for how in ["#problem", "#trap", "#spin", "#there-is-no-such-source"] {
        let host = with_next(how).await;
        assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()), "{how}");
        assert_eq!(host.try_job("it", 1).await.unwrap_err(), "unknown-job", "{how}");
        host.shutdown().await;
    }
}

/// As the original's sample means it: the source counts by itself, in an instance that stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_may_count_by_itself() {
    let host = with_next("#from-1024").await;
    assert_eq!([host.add("it", json!([])).await, host.add("it", json!([])).await], [1025, 1026]);
    host.shutdown().await;
}

/// Ids of its own that jump ahead do not make the counter give one of them again.
#[tokio::test(flavor = "multi_thread")]
async fn the_counter_goes_around_ids_that_were_given() {
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
async fn the_largest_id_breaks_nothing() {
    let host = with_next("#largest").await;
    assert_eq!(host.add("it", json!([])).await, u64::MAX);
    assert_eq!(host.try_add("it", json!([])).await, Err("duplicate-id".into()));
    host.shutdown().await;
}
