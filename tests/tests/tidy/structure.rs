//! Rules for the structure of a crate: its top modules do not import each other in a cycle, type names are unique, and
//! no file is more than three folders below its `src`.
//!
//! The exceptions to the rules are listed below. The lists may only become shorter: an obsolete exception fails its
//! test as well.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use xtask::structure::{DEEPEST, Structure};

/// Groups of top modules that import each other, by crate.
const CYCLES: &[(&str, &[&str])] = &[];

/// Type names that occur more than once, by crate.
const REPEATED_TYPES: &[(&str, &[&str])] = &[];

/// Files that are too deep.
const DEEP_FILES: &[&str] = &[];

static STRUCTURE: LazyLock<Structure> =
    LazyLock::new(|| Structure::read(&super::root()).expect("the sources of the workspace"));

#[test]
fn top_modules_do_not_import_each_other_in_a_cycle() {
    let cycles = STRUCTURE.shapes.iter().flat_map(|shape| shape.cycles.iter().map(|cycle| (&shape.name, cycle)));
    let line = |crate_name: &str, modules: Vec<&str>| format!("{crate_name}: {}", modules.join(", "));
    let found = cycles.map(|(name, cycle)| line(name, cycle.iter().map(String::as_str).collect())).collect();
    let excepted = CYCLES.iter().map(|(name, cycle)| line(name, cycle.to_vec())).collect();
    check("these modules import each other in a cycle; `cargo xtask structure` shows all", &found, &excepted);
}

#[test]
fn no_type_name_occurs_twice_in_a_crate() {
    let types = STRUCTURE.shapes.iter().flat_map(|shape| shape.repeated_types.keys().map(|name| (&shape.name, name)));
    let found = types.map(|(crate_name, name)| format!("{crate_name}: {name}")).collect();
    let excepted = REPEATED_TYPES
        .iter()
        .flat_map(|(crate_name, names)| names.iter().map(move |name| format!("{crate_name}: {name}")));
    check("these names belong to more than one type; `cargo xtask structure` shows where", &found, &excepted.collect());
}

#[test]
fn no_identifier_is_a_former_name() {
    let found = STRUCTURE
        .former_names
        .iter()
        .map(|found| format!("{} ({}, now: {})", found.former, found.count, found.present));
    check("a former name, by the table in CHANGELOG.md", &found.collect(), &BTreeSet::new());
}

#[test]
fn no_file_is_deeper_than_three_folders() {
    let found = STRUCTURE.deep_files.iter().map(|file| file.display().to_string()).collect();
    let excepted = DEEP_FILES.iter().map(|file| (*file).to_owned()).collect();
    check(&format!("these files are more than {DEEPEST} folders below `src`"), &found, &excepted);
}

/// Asserts that the violations are exactly the exceptions.
fn check(rule: &str, found: &BTreeSet<String>, excepted: &BTreeSet<String>) {
    let difference = difference(found, excepted);
    assert!(difference.is_empty(), "{rule}:{difference}");
}

fn difference(found: &BTreeSet<String>, excepted: &BTreeSet<String>) -> String {
    let new = found.difference(excepted).map(|offender| format!("\n    {offender}"));
    let gone =
        excepted.difference(found).map(|exception| format!("\n    (remove this exception from the list) {exception}"));
    new.chain(gone).collect()
}

#[test]
fn obsolete_exceptions_are_violations_too() {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(difference(&set(&["a"]), &set(&["a"])), "");
    assert_eq!(difference(&set(&["a", "b"]), &set(&["a"])), "\n    b");
    assert_eq!(difference(&set(&[]), &set(&["a"])), "\n    (remove this exception from the list) a");
}
