//! The guide as a whole: its list of pages, their length, and their links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::PAGES;

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
