//! Guests that make the host store data behind handles: requests that are never sent, fields, bodies, pollables.

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::host::TestHost;
use saggar_tests::memory::Growth;
use saggar_tests::{foreach_behaviour_of_handles, guests};
use serde_json::{Value, json};

use super::assert_tests_exist;
use super::withstand::{Attack, Ended, arena, start};

foreach_behaviour_of_handles!(assert_tests_exist);

/// The number of resources of the guest, and the bytes behind each of them.
const MANY: u64 = 240;
const FIELD_BYTES: u64 = 15 << 10;

fn handles(behaviour: &'static str) -> Attack {
    Attack::by_guest(guests::HOSTILE_HANDLES, behaviour)
}

/// Asserts that all texts are refused. That none is stored follows from the limit of the host's memory.
async fn all_texts_are_refused(behaviour: &'static str) {
    assert_eq!(handles(behaviour).withstand().await.well(), MANY);
}

/// Asserts that the data is stored, and counts as the guest's own memory.
fn assert_counted(ended: &Ended) {
    assert_eq!(ended.well(), MANY);
    assert!(ended.peak_memory > MANY * FIELD_BYTES, "{} bytes", ended.peak_memory);
}

#[tokio::test(flavor = "multi_thread")]
async fn set_long_methods() {
    all_texts_are_refused("set_long_methods").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_long_schemes() {
    all_texts_are_refused("set_long_schemes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_long_authorities() {
    all_texts_are_refused("set_long_authorities").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_long_paths() {
    all_texts_are_refused("set_long_paths").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fill_fields() {
    assert_counted(&handles("fill_fields").withstand().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fill_lists_of_fields() {
    assert_counted(&handles("fill_lists_of_fields").withstand().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fill_clones_of_fields() {
    assert_counted(&handles("fill_clones_of_fields").withstand().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn overfill_fields() {
    handles("overfill_fields").withstand().await.by(FailureKind::Trap, "fields-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn fill_bodies() {
    assert_counted(&handles("fill_bodies").withstand().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fill_responses() {
    assert_counted(&handles("fill_responses").withstand().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_pollables() {
    assert_eq!(handles("hold_pollables").withstand().await.well(), MANY / 2);
}

/// The data behind handles and the guest's own memory count together.
#[tokio::test(flavor = "multi_thread")]
async fn data_behind_handles_is_limited_by_the_sandboxs_memory() {
    for behaviour in ["fill_fields", "fill_bodies", "fill_responses"] {
        let ended = handles(behaviour).with_memory(3).withstand().await;
        ended.by(FailureKind::OutOfMemory, "out-of-memory");
    }
}

/// An instance with data behind handles after its call is dropped with it, even if the call succeeded.
#[tokio::test(flavor = "multi_thread")]
async fn data_behind_handles_is_released_after_the_call() {
    let _arena = arena().await;
    let task = json!({ "process": "plugins.handles", "worker_nums": 2, "sandbox": { "memory": "16MiB" } });
    let app = App::new().plugin("handles", guests::HOSTILE_HANDLES).task("handles", &task);
    let host = TestHost::start_as(app, start()).await;
    // One-time setup happens before the measurement.
    run_many(&host, "hold_pollables").await;
    let growth = Growth::watch();
    for behaviour in ["fill_fields", "fill_bodies", "fill_responses", "set_long_methods"] {
        run_many(&host, behaviour).await;
        assert_eq!(host.inner().engine().pool_usage().bytes, 0, "after {behaviour}");
        // All jobs of a behaviour together used ten times as much.
        assert!(growth.bytes() < 48 << 20, "{} bytes are left after {behaviour}", growth.bytes());
    }
    host.shutdown().await;
}

async fn run_many(host: &TestHost, behaviour: &str) {
    let mut ids = Vec::new();
    for _ in 0..32 {
        ids.push(host.add("handles", json!([behaviour])).await);
    }
    for id in ids {
        assert!(host.end("handles", id).await.response.is_some(), "{behaviour}");
    }
    host.idle().await;
}

/// Ordinary guests keep the handles of their standard streams between calls, and their instances stay warm.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_prints_stays_warm() {
    let _arena = arena().await;
    let host = TestHost::start_as(App::new().simple_task("it", guests::LEAKING), start()).await;
    for served in 1..=20 {
        assert_eq!(host.response("it", json!(["nothing", 0])).await, Value::from(served));
    }
    host.shutdown().await;
}
