//! Plugins whose initial memory exceeds their task's limit: this is reported as a problem of the task, before any job
//! fails because of it.

use saggar::Allocator;
use saggar_tests::app::App;
use saggar_tests::crafted::component_from_core_wat;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use saggar_tests::program::saggar_on;
use serde_json::{Value, json};

const EXPORTS: &str = r#"
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "saggar:task/processor@0.1.0#process") (param i64 i32 i32) (result i32) unreachable)"#;

/// Builds a processor with these memories and tables.
fn processor(fields: &str) -> Vec<u8> {
    component_from_core_wat(&format!("(module {fields} {EXPORTS})")).expect("a component")
}

/// Builds a processor with an initial memory of 250 MiB.
fn large() -> Vec<u8> {
    processor(r#"(memory (export "memory") 4000)"#)
}

fn task(sandbox: Value) -> Value {
    json!({ "process": "plugins.it", "sandbox": sandbox })
}

/// Returns the errors of `check` with each allocator.
fn refusals(app: &App) -> Vec<String> {
    let check = |allocator| {
        let said = saggar_on("check", app, &[allocator]);
        assert_eq!(said.code, Some(1), "{}", said.out);
        said.err
    };
    vec![check("--allocator=pooling"), check("--allocator=on-demand")]
}

#[test]
fn initial_memory_beyond_the_limit_is_a_problem_with_key_and_size() {
    let app = App::new().plugin_bytes("it", large()).task("it", &task(json!({})));
    for said in refusals(&app) {
        let says = |part: &str| assert!(said.contains(part), "no `{part}` in:\n{said}");
        says("tasks/it.json:1:");
        says("plugins/it.wasm");
        says("262144000 bytes at the start");
        says("`sandbox.memory` is 67108864 bytes");
        says("at least \"250MiB\"");
    }
}

#[test]
fn initial_memory_is_checked_against_the_limit_of_its_own_task() {
    let app = App::new().plugin_bytes("it", large()).task("it", &task(json!({})));
    let app = app.task("neighbour", &task(json!({ "memory": "256MiB" })));
    for said in refusals(&app) {
        assert!(said.contains("tasks/it.json:1:") && said.contains("250MiB"), "{said}");
        assert!(!said.contains("tasks/neighbour.json"), "{said}");
    }
}

#[test]
fn all_memories_and_tables_count() {
    let two = processor(r#"(memory (export "memory") 640) (memory 640)"#);
    let app = App::new().plugin_bytes("it", two).task("it", &task(json!({})));
    refusals(&app).iter().for_each(|said| assert!(said.contains("at least \"80MiB\""), "{said}"));
    let table = processor(r#"(memory (export "memory") 16) (table 90000 funcref)"#);
    let app = App::new().plugin_bytes("it", table).task("it", &task(json!({ "memory": "1MiB" })));
    refusals(&app).iter().for_each(|said| assert!(said.contains("at least \"2MiB\""), "{said}"));
}

#[test]
fn handlers_have_the_same_limit() {
    let recorder = std::fs::read(guests::RECORDER).expect("the guests have been built");
    let with_handler = json!({
        "process": "plugins.echo",
        "event": { "success": "plugins.recorder" },
        "sandbox": { "memory": "1MiB" },
    });
    let app = App::new().plugin("echo", guests::ECHO).plugin_bytes("recorder", recorder).task("it", &with_handler);
    for said in refusals(&app) {
        assert!(said.contains("plugins/recorder.wasm: its memories"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn initial_memory_at_the_limit_is_loaded_with_both_allocators() {
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let app = App::new().plugin_bytes("it", large()).task("it", &task(json!({ "memory": "250MiB" })));
        let host = TestHost::start_as(app, Start { allocator, ..Start::default() }).await;
        let job = host.run("it", json!([])).await;
        assert_eq!(job.reason, Some(saggar::FailureKind::Trap), "the processor did not start: {job:?}");
        host.shutdown().await;
    }
}
