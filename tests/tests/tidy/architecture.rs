//! Every place in the tables "Where to change what" and "What an addition touches" of ARCHITECTURE.md exists.

use std::fs;

use super::root;

/// Files that are edited by hand for one addition.
const FILES_OF_AN_ADDITION: usize = 6;

/// Returns what is quoted in each row of the table in a section, with the row.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let (_, section) = text.split_once(heading).expect("the section");
    let rows = section.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| "));
    // The first row has the titles, the second one separates them from the rest.
    rows.filter(|row| !row.starts_with("| ---"))
        .skip(1)
        .map(|row| (row, row.split('`').skip(1).step_by(2).collect()))
        .collect()
}

/// Returns the rows of the table of places: a path and a symbol.
fn places(text: &str) -> Vec<(&str, &str)> {
    rows(text, "## Where to change what")
        .into_iter()
        .map(|(row, quoted)| {
            let [path, symbol] = quoted[..] else { panic!("not a path and a symbol: {row}") };
            (path, symbol)
        })
        .collect()
}

#[test]
fn the_files_of_an_addition_exist_and_are_few() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let additions = rows(&text, "## What an addition touches");
    assert!(additions.len() >= 8, "only {} additions are named", additions.len());
    for (row, files) in additions {
        assert!((1..=FILES_OF_AN_ADDITION).contains(&files.len()), "{} files: {row}", files.len());
        for file in files {
            assert!(root().join(file).is_file(), "{file} does not exist");
        }
    }
}

#[test]
fn every_row_of_the_architecture_table_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let places = places(&text);
    assert!(places.len() >= 40, "only {} places are named", places.len());
    for (path, symbol) in places {
        let source = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let is_word = |word: &str| word == symbol;
        let mut words = source.split(|character: char| !character.is_alphanumeric() && character != '_');
        assert!(words.any(is_word), "{path} has no `{symbol}`");
    }
}
