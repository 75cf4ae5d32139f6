//! Components at the limits of a sandbox are loaded and work; one beyond a limit is refused with the limit.

use saggar::{Allocator, FailureKind};
use saggar_tests::app::App;
use saggar_tests::crafted::{component_from_core_wat, component_with_own_handles};
use saggar_tests::host::{Start, TestHost, problem_code, response};
use serde_json::{Value, json};

/// A processor that returns its arguments, with further memories and tables.
fn processor(fields: &str) -> Vec<u8> {
    component_from_core_wat(&format!(
        r#"(module
            (memory (export "memory") 1)
            {fields}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            ;; At 16: the case of the result, at 24 and 28 the text of `ok`.
            (func (export "saggar:task/processor@0.1.0#process")
                (param $id i64) (param $args i32) (param $args_bytes i32) (result i32)
                (i32.store (i32.const 24) (local.get $args))
                (i32.store (i32.const 28) (local.get $args_bytes))
                (i32.const 16)))"#
    ))
    .expect("a component")
}

async fn start(plugin: Vec<u8>, allocator: Allocator) -> Result<TestHost, String> {
    let task = json!({ "process": "plugins.it", "attempts": 0, "sandbox": { "reuse": 1 } });
    let app = App::new().plugin_bytes("it", plugin).task("it", &task);
    TestHost::try_start(app, Start { allocator, ..Start::default() }).await
}

/// Asserts that the first component works, and that the second one is refused with these words.
async fn assert_limit(at_most: &str, beyond: &str, refusal: &str) {
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let host = start(processor(at_most), allocator).await.expect("it is not beyond the limit");
        assert_eq!(host.response("it", json!(["works"])).await, json!(["works"]), "{allocator:?}: {at_most}");
        host.shutdown().await;
        let refused = start(processor(beyond), allocator).await.err().expect("it is beyond the limit");
        assert!(refused.contains("plugins/it.wasm") && refused.contains(refusal), "{allocator:?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_memories_work_and_five_are_refused() {
    let more = |count| "(memory 1)".repeat(count);
    assert_limit(&more(3), &more(4), "the component has 5 memories; at most 4 fit in a sandbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_tables_work_and_seventeen_are_refused() {
    let tables = |count| "(table 1 funcref)".repeat(count);
    assert_limit(&tables(16), &tables(17), "the component has 17 tables; at most 16 fit in a sandbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_100000_entries_works_and_a_larger_one_is_refused() {
    let refusal = "the component has 100001 table entries; at most 100000 fit in a sandbox";
    assert_limit("(table 100000 funcref)", "(table 100001 funcref)", refusal).await;
}

/// Each of the tables is within the limit of one.
#[tokio::test(flavor = "multi_thread")]
async fn the_entries_of_all_tables_count_together() {
    let refusal = "the component has 100001 table entries; at most 100000 fit in a sandbox";
    let two = |second| format!("(table 50000 funcref) (table {second} funcref)");
    assert_limit(&two(50_000), &two(50_001), refusal).await;
}

/// Arguments of `bytes` bytes. The component makes one handle for each.
fn args(bytes: usize) -> Value {
    json!(["x".repeat(bytes - r#"[""]"#.len())])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_may_hold_1024_handles_of_its_own_and_no_more() {
    let plugin = component_with_own_handles().expect("a component");
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let host = start(plugin.clone(), allocator).await.expect("the component loads");
        assert_eq!(response(&host.run("it", args(1_024)).await), args(1_024), "{allocator:?}");
        let job = host.run("it", args(1_025)).await;
        assert_eq!((problem_code(&job), job.reason), ("handle-limit", Some(FailureKind::Trap)), "{allocator:?}");
        let message = &job.problem.as_ref().expect("it fails").message;
        assert!(message.contains("hold 1024 handles, the maximum; drop those that are no longer needed"), "{message}");
        assert_eq!(response(&host.run("it", args(1_024)).await), args(1_024), "the slot recovers");
        host.shutdown().await;
    }
}
