//! Guests that use up their own memory or the host's.

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::host::TestHost;
use saggar_tests::{foreach_behaviour_of_memory, guests};
use serde_json::json;

use super::assert_tests_exist;
use super::withstand::{Attack, arena, start};

foreach_behaviour_of_memory!(assert_tests_exist);

fn memory(behaviour: &'static str) -> Attack {
    Attack::by_guest(guests::HOSTILE_MEMORY, behaviour)
}

#[tokio::test(flavor = "multi_thread")]
async fn leak_forever() {
    memory("leak_forever").withstand().await.by(FailureKind::OutOfMemory, "out-of-memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn grow_until_refused() {
    let got_mib = memory("grow_until_refused").withstand().await.well();
    assert!(got_mib.as_u64().is_some_and(|mib| (10..16).contains(&mib)), "of 16 MiB the guest got {got_mib}");
}

#[tokio::test(flavor = "multi_thread")]
async fn allocate_a_gigabyte() {
    memory("allocate_a_gigabyte").withstand().await.by(FailureKind::OutOfMemory, "out-of-memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_128_mib() {
    memory("answer_128_mib").with_untouched_memory(256).withstand().await.by(FailureKind::Trap, "response-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_5_mib() {
    memory("answer_5_mib").with_memory(64).withstand().await.by(FailureKind::Trap, "response-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn report_128_mib() {
    memory("report_128_mib").with_untouched_memory(256).withstand().await.by(FailureKind::Trap, "argument-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_128_mib() {
    memory("log_128_mib").with_untouched_memory(256).withstand().await.by(FailureKind::Trap, "argument-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn fill_memory() {
    memory("fill_memory").withstand().await.well();
}

/// One instance after the other fills its memory; the following instances, of another task, only find zeros.
#[tokio::test(flavor = "multi_thread")]
async fn search_memory() {
    let _arena = arena().await;
    let task =
        |plugin: &str| json!({ "process": format!("plugins.{plugin}"), "sandbox": { "reuse": 1, "memory": "16MiB" } });
    let app = App::new()
        .plugin("writer", guests::HOSTILE_MEMORY)
        .plugin("reader", guests::HOSTILE_MEMORY)
        .task("writer", &task("writer"))
        .task("reader", &task("reader"));
    let host = TestHost::start_as(app, start()).await;
    for _ in 0..16 {
        assert_eq!(host.response("writer", json!(["fill_memory"])).await, json!(null));
        assert_eq!(host.response("reader", json!(["search_memory"])).await, json!(0), "bytes of another task");
    }
    host.shutdown().await;
}
