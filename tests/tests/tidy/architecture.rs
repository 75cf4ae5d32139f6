//! Every place in the table "Where to change what" of ARCHITECTURE.md exists.

use std::fs;

use super::root;

/// Returns the rows of the table: a path and a symbol.
fn places(text: &str) -> Vec<(&str, &str)> {
    let (_, section) = text.split_once("## Where to change what").expect("the section");
    let rows = section.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| "));
    // The first row has the titles, the second one separates them from the rest.
    rows.filter(|row| !row.starts_with("| ---"))
        .skip(1)
        .map(|row| {
            let quoted: Vec<_> = row.split('`').skip(1).step_by(2).collect();
            let [path, symbol] = quoted[..] else { panic!("not a path and a symbol: {row}") };
            (path, symbol)
        })
        .collect()
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
