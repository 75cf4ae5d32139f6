//! The examples keep their promises: they build, they are installed, their own tests pass, they are small.

use std::fs;

use xtask::examples;

/// What a plugin that only answers may weigh. Of it, some 40 KB are the standard library's and some 20 KB serde_json's.
const SMALLEST_BYTES: u64 = 100_000;

/// What an example may be long, so that it is read.
const LONGEST_LINES: usize = 60;

#[test]
fn a_plugin_that_only_answers_is_small() {
    let installed = examples::install().unwrap();
    let hello = installed.iter().find(|component| component.ends_with("apps/hello/plugins/hello.wasm")).unwrap();
    let size = fs::metadata(hello).unwrap().len();
    assert!(size < SMALLEST_BYTES, "{} has {size} bytes", hello.display());
}

#[test]
fn the_examples_own_tests_pass() {
    examples::test().unwrap();
}

#[test]
fn an_example_is_short() {
    for package in fs::read_dir(examples::root().join("examples/plugins")).unwrap() {
        let source = package.unwrap().path().join("src/lib.rs");
        let lines = fs::read_to_string(&source).unwrap().lines().count();
        assert!(lines < LONGEST_LINES, "{} has {lines} lines", source.display());
    }
}
