//! The crafted components are as documented: an attack that is refused as malformed would not test anything.

use saggar_tests::crafted::{attack, component_from_core_wat, contract, cut_every_4_kib, incompatible, malformed};
use saggar_tests::{foreach_attack, foreach_incompatible, foreach_malformed};
use wasmparser::Validator;

const GOOD: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "saggar:task/processor@0.1.0#process") (param i64 i32 i32) (result i32) unreachable))"#;

macro_rules! names {
    ($($name:ident)*) => { [$(stringify!($name)),*] };
}

#[test]
fn attacks_are_valid_components() {
    for name in foreach_attack!(names) {
        let bytes = attack(name).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Validator::new().validate_all(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn incompatible_components_are_valid() {
    for name in foreach_incompatible!(names) {
        let bytes = incompatible(name).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Validator::new().validate_all(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn malformed_files_are_invalid_or_too_large() {
    let good = component_from_core_wat(GOOD).unwrap();
    let valid_but_too_large = [
        "core_module",
        "hundred_megabytes",
        "fifty_thousand_functions",
        "fifty_thousand_types",
        "one_huge_function",
        "deeply_nested",
    ];
    for name in foreach_malformed!(names) {
        let bytes = malformed(name, &good).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let valid = Validator::new().validate_all(&bytes).is_ok();
        assert_eq!(valid, valid_but_too_large.contains(&name), "{name}");
    }
}

#[test]
fn a_file_is_cut_at_every_4_kib() {
    let lengths: Vec<_> = cut_every_4_kib(&[0; 12_288]).map(<[u8]>::len).collect();
    assert_eq!(lengths, [4096, 8192]);
}

#[test]
fn the_contract_is_one_package() {
    let (resolve, package) = contract().unwrap();
    assert_eq!(resolve.packages[package].name.to_string(), "saggar:task@0.1.0");
}
