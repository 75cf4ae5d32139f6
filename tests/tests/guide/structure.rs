//! The guide as a whole: its list of pages, their length, and their links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use saggar_job::FailureKind;
use saggar_tests::program;
use saggar_tests::tools::tool;
use serde_json::Value;

use super::PAGES;
use super::blocks::{Mark, blocks};

/// A page fits a few screens.
const LINES_OF_A_PAGE: usize = 200;

fn source() -> PathBuf {
    super::root().join("docs/guide/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the targets of all links in a text.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// Returns the anchor that readers of Markdown make of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|anchor| anchor == wanted)
}

#[test]
fn the_summary_lists_all_pages_in_their_order() {
    let summary = read(&source().join("SUMMARY.md"));
    assert_eq!(links(&summary), PAGES);
    let files = fs::read_dir(source()).expect("the folder of the pages").map(|entry| {
        let name = entry.expect("an entry of a folder").file_name();
        name.into_string().expect("a name in UTF-8")
    });
    let files: BTreeSet<String> = files.filter(|name| name != "SUMMARY.md").collect();
    let listed: BTreeSet<String> = PAGES.iter().map(|page| (*page).to_owned()).collect();
    assert_eq!(files, listed);
}

#[test]
fn pages_are_short() {
    for page in PAGES {
        let lines = read(&source().join(page)).lines().count();
        assert!(lines <= LINES_OF_A_PAGE, "{page} has {lines} lines; at most {LINES_OF_A_PAGE}");
    }
}

#[test]
fn all_links_lead_somewhere() {
    let mut count = 0;
    for page in PAGES {
        let path = source().join(page);
        let text = read(&path);
        for link in links(&text).into_iter().filter(|link| !link.starts_with("https://")) {
            let (file, fragment) = link.split_once('#').map_or((link, None), |(file, at)| (file, Some(at)));
            let target = if file.is_empty() { path.clone() } else { source().join(file) };
            assert!(target.exists(), "{page}: {link} does not exist");
            if let Some(fragment) = fragment {
                assert!(has_anchor(&read(&target), fragment), "{page}: {link} has no such heading");
            }
            count += 1;
        }
    }
    assert!(count > 50, "only {count} links were found");
}

/// The first page counts what a new user types: less than a minute for a script, less than three for a plugin in Rust.
#[test]
fn the_first_page_says_how_much_is_typed() {
    // 40 words of five letters.
    const KEYSTROKES_A_MINUTE: usize = 200;
    let page = read(&source().join("first-answer.md"));
    let mut counts = Vec::new();
    for section in page.split("\n## ") {
        let Some((before, claim)) = section.split_once("These are ") else { continue };
        let typed = blocks(before).into_iter().filter(|block| block.mark == Mark::Run { exit: 0 });
        let typed: usize = typed.map(|block| block.text.chars().count()).sum();
        assert!(claim.starts_with(&format!("{typed} keystrokes")), "{typed}: {claim}");
        counts.push(typed);
    }
    let [script, rust] = counts[..] else { panic!("{counts:?}") };
    assert!(script < KEYSTROKES_A_MINUTE && rust < 3 * KEYSTROKES_A_MINUTE, "{counts:?}");
}

/// The book is made without a warning.
#[test]
fn the_book_is_made() {
    let output = tempfile::tempdir().expect("a directory for the book");
    let mut mdbook = tool("mdbook");
    mdbook.arg("build").arg(super::root().join("docs/guide")).arg("--dest-dir").arg(output.path());
    let said = program::output(&mut mdbook);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.err.contains("WARN") && !said.err.contains("ERROR"), "{}", said.err);
    for page in PAGES {
        let html = output.path().join(page).with_extension("html");
        let title = read(&source().join(page)).lines().next().unwrap_or_default().trim_start_matches("# ").to_owned();
        assert!(read(&html).contains(&title), "{page}");
    }
}

/// Collects the names of all keys in a schema.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        found.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(members) => members.values().for_each(|member| keys(member, found)),
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_reference_has_every_key_of_a_task_file() {
    let page = read(&super::root().join("docs/tasks.md"));
    let mut all = BTreeSet::new();
    keys(&saggar::schema(), &mut all);
    assert!(all.len() > 20, "{all:?}");
    let is_there = |key: &String| {
        [format!("\"{key}\":"), format!("`{key}`"), format!(".{key}`")].iter().any(|form| page.contains(form))
    };
    let missing: Vec<_> = all.iter().filter(|key| !is_there(key)).collect();
    assert!(missing.is_empty(), "docs/tasks.md lacks {missing:?}");
}

#[test]
fn the_guide_has_every_reason_of_a_failure() {
    let page = read(&source().join("errors.md"));
    for reason in FailureKind::ALL.map(FailureKind::name) {
        assert!(page.contains(&format!("\n| `{reason}` |")), "errors.md lacks {reason}");
    }
}

#[test]
fn the_guide_has_every_function_of_the_contract() {
    let page = read(&source().join("contract.md"));
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(super::root().join("wit")).expect("the contract");
    let mut count = 0;
    for (name, id) in &resolve.packages[package].interfaces {
        for function in resolve.interfaces[*id].functions.keys() {
            assert!(page.contains(&format!("| `{name}.{function}` |")), "contract.md lacks {name}.{function}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
