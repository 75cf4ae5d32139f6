//! Unknown, misplaced, duplicate and missing keys.

use super::{problems, problems_with};

#[test]
fn unknown_keys_name_the_nearest() {
    insta::assert_snapshot!(problems_with("\"worker_num\": 1, \"Time-Out\": 1, \"retries\": 3, \"colour\": 1"));
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
        "  \"size\": 1,\n  \"name\": \"a\",\n  \"name\": \"b\", \"size\": 1, \"nope\": 1, \"nope\": 2"
    ));
}

#[test]
fn the_processor_is_required() {
    insta::assert_snapshot!(problems("\n  {\n  \"name\": \"x\"\n}"));
}
