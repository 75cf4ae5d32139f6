//! No text of the repository, in whatever language, has a name that was replaced. CHANGELOG.md has the table of these names;
//! the test of the structure checks those that are only replaced as identifiers of Rust sources.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::renames::{self, Scope};

use super::root;

/// The files in which former names are necessary: the table itself, what reads a word of earlier stores, and the steps from
/// the schemas of earlier stores with their test.
const EXCEPTED: [&str; 5] = [
    "CHANGELOG.md",
    "host/crates/job/src/outcome.rs",
    "host/crates/store-sqlite/src/schema/1.sql",
    "host/crates/store-sqlite/src/schema/5.sql",
    "host/crates/store-sqlite/src/schema/tests.rs",
];

const TEXTS: [&str; 17] = [
    "c", "go", "h", "js", "json", "jsonc", "md", "py", "rs", "service", "sh", "snap", "sql", "toml", "ts", "wit", "yao",
];

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
                collect(&path, found);
            }
        } else if path.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| TEXTS.contains(&kind)) {
            // A file that is not in UTF-8 is a test's input.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            found.push((path.strip_prefix(root()).expect("a path in the repository").to_owned(), text));
        }
    }
}

#[test]
fn no_text_has_a_replaced_name() {
    let mut renames = renames::read().expect("the table of former names");
    renames.retain(|rename| rename.scope == Scope::Texts);
    assert!(renames.len() > 10, "the table has moved: {renames:?}");
    let mut texts = Vec::new();
    collect(&root(), &mut texts);
    assert!(texts.len() > 500, "the texts have moved: {} found", texts.len());
    let all = texts.len();
    texts.retain(|(path, _)| !EXCEPTED.iter().any(|excepted| path == Path::new(excepted)));
    assert_eq!(all - texts.len(), EXCEPTED.len(), "an excepted file has moved");
    let bad: String = texts
        .iter()
        .flat_map(|(path, text)| {
            let found = renames.iter().filter(move |rename| text.contains(&rename.former));
            found.map(move |rename| format!("\n{}: {} is {}", path.display(), rename.former, rename.present))
        })
        .collect();
    assert!(bad.is_empty(), "{bad}");
}
