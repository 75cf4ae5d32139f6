//! Rules for source files: their first line, name and size, and the size of their functions.

use std::fs;
use std::path::{Path, PathBuf};

use super::root;

const LINES_OF_A_FILE: usize = 400;
const LINES_OF_A_FUNCTION: usize = 70;

/// Names that do not describe the content of a file or a folder of modules.
const BANNED_NAMES: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "types", "manager", "misc"];

/// Returns every Rust source of the repository: its path in the repository, and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["host", "guest-sdk", "examples", "fuzz", "tests", "xtask"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources have moved: {} found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        // `ui` contains intentionally invalid programs, for the errors of the macros.
        if path.is_dir() && !["target", "ui", "node_modules"].contains(&name) && !name.starts_with('.') {
            collect(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("a source in UTF-8");
            found.push((path.strip_prefix(root()).expect("a path in the repository").to_owned(), text));
        }
    }
}

/// Returns the files that violate the rule, one per line; empty if there are none.
fn offenders(mut rule: impl FnMut(&Path, &str) -> Option<String>) -> String {
    let one = |(path, text): &(PathBuf, String)| rule(path, text).map(|why| format!("\n{}: {why}", path.display()));
    sources().iter().filter_map(one).collect()
}

#[test]
fn every_file_begins_with_its_purpose() {
    let bad = offenders(|_, text| (!text.starts_with("//! ")).then(|| "does not begin with `//!`".into()));
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn files_are_short() {
    let bad = offenders(|_, text| {
        let lines = text.lines().take_while(|line| *line != "mod tests {").count();
        (lines > LINES_OF_A_FILE).then(|| format!("{lines} lines without its tests; at most {LINES_OF_A_FILE}"))
    });
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn functions_are_short() {
    let bad = offenders(|_, text| {
        let long: String = functions(text)
            .into_iter()
            .filter(|(_, lines)| *lines > LINES_OF_A_FUNCTION)
            .map(|(head, lines)| format!("\n    {lines} lines: {head}"))
            .collect();
        (!long.is_empty()).then_some(long)
    });
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn names_describe_their_content() {
    let bad = offenders(|path, _| {
        let named =
            |part: &std::ffi::OsStr| BANNED_NAMES.contains(&part.to_str()?.trim_end_matches(".rs")).then_some(());
        path.iter().find_map(named).map(|()| "has a name that does not describe its content".into())
    });
    assert!(bad.is_empty(), "{bad}");
}

/// Returns the head of each function and the number of lines of its body that are neither blank nor comments.
///
/// rustfmt indents the end of a function like its beginning, so this works without a parser.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| begins_a_function(line)) {
        let indentation = &line[..line.len() - line.trim_start().len()];
        let (brace, signature) = (format!("{indentation}}}"), format!("{indentation})"));
        let ends = |line: &&&str| **line == brace || line.starts_with(&signature) && line.ends_with(';');
        let body = lines[at + 1..].iter().take_while(|line| !ends(line)).filter(|line| counts(line)).count();
        if line.ends_with('{') || line.ends_with('(') {
            found.push((line.trim(), body));
        }
    }
    found
}

fn begins_a_function(line: &str) -> bool {
    let words = line.split_whitespace();
    let mut rest = words.skip_while(|word| {
        word.starts_with("pub") || ["async", "const", "unsafe", "extern", "\"C\"", "default"].contains(word)
    });
    rest.next() == Some("fn")
}

fn counts(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

#[test]
fn function_lines_are_counted() {
    let text = "pub(crate) async fn two() {\n    // why\n    one();\n\n    one();\n}\n\nfn none() {}\n";
    assert_eq!(functions(text), [("pub(crate) async fn two() {", 2)]);
}
