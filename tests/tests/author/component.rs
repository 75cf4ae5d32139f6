//! `saggar component` makes components that a host runs, and refuses everything else with a clear message.

use std::fs;
use std::path::{Path, PathBuf};

use saggar_tests::crafted::{BOMBS, bomb};
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A processor that answers its arguments, as a compiler for C would write it.
const ECHO: &str = r#"(module
    (import "saggar:task/progress@0.1.0" "report" (func $report (param i64 i64 i32 i32)))
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "saggar:task/processor@0.1.0#process") (param $id i64) (param $at i32) (param $length i32) (result i32)
        (call $report (i64.const 1) (i64.const 2) (local.get $at) (i32.const 1))
        (i32.store8 (i32.const 16) (i32.const 0))
        (i32.store (i32.const 24) (local.get $at))
        (i32.store (i32.const 28) (local.get $length))
        (i32.const 16)))"#;

/// A directory with the core module `core.wasm`.
fn with_module(bytes: &[u8]) -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (module, output) = (dir.path().join("core.wasm"), dir.path().join("out.wasm"));
    fs::write(&module, bytes).expect("a file");
    (dir, module, output)
}

fn component(module: &Path, output: &Path, more: &[&str]) -> CommandOutput {
    let (module, output) = (module.to_string_lossy(), output.to_string_lossy());
    saggar([&["component", &*module, "-o", &*output][..], more].concat())
}

/// Asserts that these bytes are refused without a trace; returns the message.
fn refusal(bytes: &[u8], more: &[&str]) -> String {
    let (dir, module, output) = with_module(bytes);
    let said = component(&module, &output, more);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(!said.err.contains("panicked"), "{}", said.err);
    assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 1, "only the module is left");
    said.err.replace(&*module.to_string_lossy(), "core.wasm")
}

#[test]
fn a_core_module_becomes_a_component_that_runs() {
    let (_dir, module, output) = with_module(&wat::parse_str(ECHO).unwrap());
    let made = component(&module, &output, &["--role", "processor", "--json"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let document: Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(document["bytes"], fs::metadata(&output).unwrap().len());
    let first = fs::read(&output).unwrap();

    let again = component(&module, &output, &[]);
    assert_eq!(again.code, Some(0), "an existing component is replaced: {again:?}");
    assert_eq!(fs::read(&output).unwrap(), first, "the roles are those that the module exports");

    let ran = saggar(["test", output.to_str().unwrap(), "1", "two", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&ran["response"], &ran["imports_used"]), (&json!([1, "two"]), &json!(["progress"])));
    assert_eq!(ran["progress"], json!({ "current": 1, "total": 2, "message": "[", "reports": 1 }));
}

#[test]
fn what_is_no_core_module_is_refused() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "the file is empty"),
        (b"(module)", "text format"),
        (b"#!/bin/sh\n", "this is not WebAssembly"),
        (b"\0asm\x01\0\0\0\xff\xff", "this is not a valid core module"),
    ];
    for (bytes, expected) in cases {
        let message = refusal(bytes, &[]);
        assert!(message.starts_with("saggar: core.wasm: ") && message.contains(expected), "{message}");
    }
    let message = refusal(&fs::read(guests::ECHO).unwrap(), &["--role", "processor"]);
    assert!(message.contains("this is a component already"), "{message}");
}

#[test]
fn missing_exports_and_imports_are_named() {
    let module = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "process")))"#).unwrap();
    let message = refusal(&module, &["--role", "processor", "--role", "on-success"]);
    for expected in [
        "`saggar:task/processor@0.1.0#process`",
        "`saggar:task/success-handler@0.1.0#on-success`",
        "`cabi_realloc`",
        "it exports `memory`, `process`",
    ] {
        assert!(message.contains(expected), "no {expected} in {message}");
    }
    assert!(refusal(&module, &[]).contains("the module exports no role"));
    let unlinked = ECHO.replacen("(module", r#"(module (import "env" "missing" (func))"#, 1);
    let message = refusal(&wat::parse_str(unlinked).unwrap(), &[]);
    assert!(message.contains("imports `env.missing`, which no host provides"), "{message}");
    let program = ECHO.replacen("(memory", r#"(func (export "_start")) (memory"#, 1);
    assert!(refusal(&wat::parse_str(program).unwrap(), &[]).contains("build it without `main`"));
}

#[test]
fn an_unreadable_module_or_adapter_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out.wasm");
    let nowhere = component(&dir.path().join("nowhere.wasm"), &output, &[]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.err.contains("nowhere.wasm: No such file"), "{}", nowhere.err);
    let directory = component(dir.path(), &output, &[]);
    assert!(directory.err.contains("not a regular file"), "{}", directory.err);
    let huge = dir.path().join("huge.wasm");
    fs::File::create(&huge).unwrap().set_len((64 << 20) + 1).unwrap();
    let too_large = component(&huge, &output, &[]);
    assert!(too_large.err.contains("at most 67108864 are accepted"), "{}", too_large.err);
    let message = refusal(&wat::parse_str(ECHO).unwrap(), &["--adapter", "env=/nowhere/adapter.wasm"]);
    assert!(message.contains("/nowhere/adapter.wasm"), "{message}");
    let (_dir, module, _) = with_module(&wat::parse_str(ECHO).unwrap());
    let unwritable = component(&module, Path::new("/nowhere/out.wasm"), &[]);
    assert_eq!(unwritable.code, Some(1));
    assert!(unwritable.err.contains("cannot write /nowhere/out.wasm"), "{}", unwritable.err);
}

/// Appends a custom section.
fn with_section(module: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let leb = |mut value: usize| {
        let mut bytes = Vec::new();
        loop {
            let byte = (value & 0x7f) as u8;
            value >>= 7;
            bytes.push(if value == 0 { byte } else { byte | 0x80 });
            if value == 0 {
                return bytes;
            }
        }
    };
    let body = [&leb(name.len())[..], name.as_bytes(), content].concat();
    [module, &[0], &leb(body.len()), &body].concat()
}

#[test]
fn hostile_modules_end_as_a_message() {
    let module = wat::parse_str(ECHO).unwrap();
    for length in (0..module.len()).step_by(7) {
        refusal(&module[..length], &[]);
    }
    let deep = format!(
        r#"(module (func (export "saggar:task/processor@0.1.0#process") {} {}))"#,
        "block ".repeat(3_000),
        "end ".repeat(3_000)
    );
    refusal(&wat::parse_str(deep).unwrap(), &["--role", "processor"]);
    // A world of its own is parsed by code that recurses and believes counts.
    for name in BOMBS {
        let section = with_section(&module, "component-type:bomb", &bomb(name).unwrap());
        let message = refusal(&section, &[]);
        assert!(message.contains("cannot make a component"), "{name}: {message}");
    }
    let names = (0..5_000).map(|n| format!(r#"(export "\1b[2J{n}" (func 0))"#)).collect::<String>();
    let message = refusal(&wat::parse_str(format!("(module (func) {names})")).unwrap(), &[]);
    assert!(message.len() < 4_000 && !message.contains('\u{1b}') && message.contains("more"), "{message}");
}
