//! Every test that SECURITY.md names exists.

use std::fs;

use super::root;

/// Returns the tests that the tables of promises name, as path and function.
fn named(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.lines().filter(|line| line.starts_with("| ")).flat_map(|row| row.split('`').skip(1).step_by(2));
    quoted.filter_map(|quoted| quoted.split_once("::")).filter(|(path, _)| path.ends_with(".rs")).collect()
}

/// Returns the promises, which are the rows of the tables with a column `test`, that name no test.
fn without_test(text: &str) -> Vec<&str> {
    let mut in_table = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("| promise |") {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if in_table && !line.starts_with("| ---") && !line.contains(".rs::") {
            found.push(line);
        }
    }
    found
}

#[test]
fn every_test_that_holds_a_promise_exists() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    assert_eq!(without_test(&text), Vec::<&str>::new());
    let named = named(&text);
    assert!(named.len() >= 40, "only {} tests are named", named.len());
    for (path, test) in named {
        let source = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, after) = source.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("{path} has no `{test}`"));
        let before = &source[..source.len() - after.len()];
        let attribute = before.rsplit("\n}").next().unwrap_or_default();
        assert!(
            ["#[test]", "#[tokio::test"].iter().any(|test| attribute.contains(test)),
            "{path}: `{test}` is not a test"
        );
    }
}

#[test]
fn a_promise_without_a_test_is_found() {
    let text =
        "| promise | number | test |\n| --- | --- | --- |\n| a | 1 | `b.rs::c` |\n| d | 2 | none |\n\n| e | f |\n";
    assert_eq!(without_test(text), ["| d | 2 | none |"]);
    assert_eq!(named(text), [("b.rs", "c")]);
}
