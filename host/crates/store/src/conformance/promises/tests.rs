//! The contract and the list of promises agree: every method names the tests that hold it, every name is that of a
//! promise, and every promise is named.

use std::collections::BTreeSet;
use std::path::Path;

const CONTRACT: [&str; 5] = [
    include_str!("../../contract.rs"),
    include_str!("../../contract/kv.rs"),
    include_str!("../../contract/store.rs"),
    include_str!("../../contract/deployments.rs"),
    include_str!("../../contract/observer.rs"),
];

macro_rules! names_of_promises {
    ($($subject:ident { $($promise:ident,)+ })+) => {
        [$($(concat!(stringify!($subject), "::", stringify!($promise))),+),+]
    };
}

fn promises() -> BTreeSet<&'static str> {
    BTreeSet::from(crate::with_promises! { names_of_promises })
}

/// Returns the names in the paragraphs `Tests: …` of a comment.
fn named_in(comment: &str) -> BTreeSet<&str> {
    let paragraphs = comment.split("\n\n").filter_map(|paragraph| paragraph.strip_prefix("Tests: "));
    paragraphs.flat_map(|names| names.split('`').skip(1).step_by(2)).collect()
}

/// Returns each documented item of a source: its comment, and its first line.
fn items(source: &str) -> Vec<(String, &str)> {
    let (mut items, mut comment) = (Vec::new(), String::new());
    for line in source.lines().map(str::trim_start) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text.strip_prefix(' ').unwrap_or(text));
            comment.push('\n');
        } else if !line.starts_with("#[") {
            items.push((std::mem::take(&mut comment), line));
        }
    }
    items.retain(|(comment, _)| !comment.is_empty());
    items
}

fn contract() -> Vec<(String, &'static str)> {
    CONTRACT.into_iter().flat_map(items).collect()
}

#[test]
fn every_test_that_the_contract_names_exists_and_every_promise_is_named() {
    let contract = contract();
    let named = contract.iter().flat_map(|(comment, _)| named_in(comment)).filter(|name| elsewhere(name).is_none());
    let named: BTreeSet<&str> = named.collect();
    let promises = promises();
    let unknown: Vec<_> = named.difference(&promises).collect();
    assert!(unknown.is_empty(), "the contract names tests that do not exist: {unknown:#?}");
    let unnamed: Vec<_> = promises.difference(&named).collect();
    assert!(unnamed.is_empty(), "no paragraph of the contract names these tests: {unnamed:#?}");
}

/// Returns the file, relative to the repository, and the function of a test that is not one of the conformance suite.
fn elsewhere(name: &str) -> Option<(&str, &str)> {
    name.split_once("::").filter(|(file, _)| file.ends_with(".rs"))
}

#[test]
fn every_test_elsewhere_that_the_contract_names_exists() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let contract = contract();
    let named: BTreeSet<&str> = contract.iter().flat_map(|(comment, _)| named_in(comment)).collect();
    let mut count = 0;
    for (file, function) in named.into_iter().filter_map(elsewhere) {
        let source = std::fs::read_to_string(repository.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {function}(")), "{file} has no test `{function}`");
        count += 1;
    }
    assert!(count > 0, "no such test was found");
}

#[test]
fn every_method_of_the_contract_names_a_test() {
    let contract = contract();
    let methods = contract.iter().filter(|(_, line)| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.starts_with("fn ")
    });
    let (tested, untested): (Vec<_>, Vec<_>) = methods.partition(|(comment, _)| !named_in(comment).is_empty());
    assert!(tested.len() >= 29, "only {} methods were found", tested.len());
    assert!(
        untested.is_empty(),
        "these methods name no test: {:#?}",
        untested.iter().map(|item| item.1).collect::<Vec<_>>()
    );
}
