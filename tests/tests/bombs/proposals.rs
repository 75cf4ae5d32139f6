//! Proposals that guests do not need: a component that uses one is refused, which reduces the attack surface.

use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost};
use serde_json::json;

/// Returns the error for a component with `fields`.
async fn refusal(fields: &str) -> String {
    let bytes = wat::parse_str(format!("(component {fields})")).unwrap_or_else(|error| panic!("{fields}: {error}"));
    let app = App::new().plugin_bytes("bad", bytes).task("it", &json!({ "process": "plugins.bad" }));
    TestHost::try_start(app, Start::confined()).await.err().unwrap_or_else(|| panic!("a host loaded {fields}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_proposals_are_refused() {
    for fields in [
        "(core module (memory i64 1))",
        "(core module (table i64 1 funcref))",
        "(core module (memory 1 1 shared))",
        "(core module (type (struct (field i32))))",
        "(core module (type (array i8)))",
        "(core module (table 1 (ref null any)))",
        "(core module (tag (param i32)))",
        "(core module (func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
        "(core module (memory 1 (pagesize 1)))",
        "(core module (func (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0))))",
        "(core module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))",
        "(core module (type $f (func)) (type $c (cont $f)))",
        "(type (stream u8))",
        "(type (future u8))",
        "(core func (canon task.cancel))",
        "(core func (canon backpressure.inc))",
        "(import \"f\" (func async))",
        "(type error-context)",
    ] {
        let why = refusal(fields).await;
        assert!(
            ["not a valid component", "does not support"].iter().any(|words| why.contains(words)),
            "{fields}: {why}"
        );
    }
}

/// Proposals that ordinary guests use are accepted; the error is the missing export.
#[tokio::test(flavor = "multi_thread")]
async fn proposals_that_compilers_use_are_accepted() {
    for fields in [
        "(core module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
        "(core module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))",
        "(core module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1))))",
        "(core module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
        "(core module (func (param v128) (result v128) (i8x16.add (local.get 0) (local.get 0))))",
        "(core module (func $f (return_call $f)))",
        "(core module (memory 1) (memory 1))",
        "(core module (import \"\" \"g\" (global $g i32)) (global i32 (i32.add (global.get $g) (i32.const 1))))",
    ] {
        let why = refusal(fields).await;
        assert!(why.contains("does not export"), "{fields}: {why}");
    }
}
