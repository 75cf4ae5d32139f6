//! No text of the repository, in whatever language, has a name that was replaced. The words of Rust sources are checked by
//! `cargo xtask structure` as well, which knows where a word means what it was invented for.

use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// Names that are gone, and the present ones. Each is so unusual that it has no other meaning.
const REPLACED: [(&str, &str); 12] = [
    ("--patience", "--retry-for"),
    ("SAGGAR_PATIENCE", "SAGGAR_RETRY_FOR"),
    ("attempts_max", "max_attempts"),
    ("attemptsMax", "maxAttempts"),
    ("`untold`", "`callback-pending`"),
    ("\"untold\"", "\"callback-pending\""),
    ("put back without", "requeued without"),
    ("saggar_handler_notices", "saggar_callbacks_pending"),
    ("saggar_sandbox_room", "saggar_sandbox_capacity"),
    ("saggar_sandbox_no_room", "saggar_sandbox_no_capacity"),
    ("tests/install-tools", "cargo xtask test"),
    ("job_sheet", "job_view"),
];

/// Files in which the names are necessary: the changelog, and the lists of replaced names.
const EXCEPTED: [&str; 3] = ["CHANGELOG.md", "tests/tests/tidy/names.rs", "xtask/src/structure/words.rs"];

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
    let mut texts = Vec::new();
    collect(&root(), &mut texts);
    assert!(texts.len() > 500, "the texts have moved: {} found", texts.len());
    texts.retain(|(path, _)| !EXCEPTED.iter().any(|excepted| path == Path::new(excepted)));
    let bad: String = texts
        .iter()
        .flat_map(|(path, text)| {
            let found = REPLACED.iter().filter(move |(old, _)| text.contains(*old));
            found.map(move |(old, new)| format!("\n{}: {old} is {new}", path.display()))
        })
        .collect();
    assert!(bad.is_empty(), "{bad}");
}
