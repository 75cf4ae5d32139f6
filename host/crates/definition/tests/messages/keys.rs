//! Unknown, misplaced, duplicate and missing keys.

use std::collections::BTreeSet;

use super::{problems, problems_with};

#[test]
fn unknown_keys_name_the_nearest() {
    insta::assert_snapshot!(problems_with("\"worker_num\": 1, \"Time-Out\": 1, \"retries\": 3"));
}

#[test]
fn an_unknown_key_unlike_all_others_lists_them() {
    let shown = problems_with("\"colour\": 1");
    let (_, listed) = shown.split_once("valid keys are ").unwrap_or_else(|| panic!("{shown}"));
    let listed: BTreeSet<&str> = listed.split('`').skip(1).step_by(2).collect();
    let schema = saggar_definition::schema();
    let keys: BTreeSet<&str> =
        schema["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
    assert_eq!(listed, keys);
}

#[test]
fn the_wrong_key_of_the_original_document_is_corrected() {
    insta::assert_snapshot!(problems_with("\"event\": {\"process\": \"plugins.x\", \"succes\": \"\", \"x\": 1}"));
}

#[test]
fn misplaced_keys_name_the_right_object() {
    insta::assert_snapshot!(problems_with("\"next\": \"plugins.ids\", \"memory\": 1, \"sandbox\": {\"timeout\": 1}"));
}

#[test]
fn keys_of_inner_objects_are_checked_too() {
    let lines = "\"attempt_after\": {\"dealy\": 1},\n\"retention\": {\"sucess\": 1},\n\"sandbox\": {\"dirs\": [{\"pth\": \"a\"}]}";
    insta::assert_snapshot!(problems_with(lines));
}

#[test]
fn a_duplicate_key_shows_both_positions() {
    insta::assert_snapshot!(problems_with(
        "  \"size\": 1,\n  \"name\": \"a\",\n  \"name\": \"b\", \"size\": 1, \"siez\": 1, \"siez\": 2"
    ));
}

#[test]
fn the_processor_is_required() {
    insta::assert_snapshot!(problems("\n  {\n  \"name\": \"x\"\n}"));
}
