//! Test files: where they are, and reading them. Each is beside the code that it tests: `plugins/mail.test.json` beside
//! `plugins/mail.wasm`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::case::{self, Case, MAX_CASES};

/// The end of a test file's name.
pub(super) const EXTENSION: &str = ".test.json";

/// The directories of an app that test files are searched in.
pub(super) const DIRECTORIES: [&str; 2] = ["plugins", "scripts"];

/// Maximum bytes of a test file.
const MAX_BYTES: u64 = 16 << 20;

/// Maximum number of directory entries that the search for test files reads.
const MAX_ENTRIES: usize = 100_000;

/// Returns whether a path is that of a test file.
pub(super) fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(EXTENSION)) && path.is_file()
}

/// Returns the path of a test file without its extension.
pub(super) fn stem(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(name.trim_end_matches(EXTENSION))
}

/// Finds the test files of an app, sorted by path. Links to directories are not followed.
pub(super) fn find(app: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut directories: Vec<_> = DIRECTORIES.iter().map(|name| app.join(name)).collect();
    let (mut found, mut left) = (Vec::new(), MAX_ENTRIES);
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", directory.display()))?;
            left = left.checked_sub(1).with_context(|| {
                format!("{} has more than {MAX_ENTRIES} files; name a test file instead", app.display())
            })?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(entry.path());
            } else if is_test_file(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    if found.is_empty() {
        bail!("{} has no test file, such as plugins/hello.test.json beside plugins/hello.wasm", app.display());
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads the cases of a file.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<Case>> {
    let bytes = saggar_definition::read_regular_file(file, MAX_BYTES).context("cannot read the file")?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("the file has more than {MAX_BYTES} bytes; split it");
    }
    let cases = case::parse(&bytes)?;
    if cases.is_empty() {
        bail!("the file has no case; write for example [{{ \"call\": [\"Ada\"], \"response\": \"Hello, Ada!\" }}]");
    }
    if cases.len() > MAX_CASES {
        bail!("the file has {} cases; at most {MAX_CASES} are accepted", cases.len());
    }
    Ok(cases)
}
