//! The files of test262 in the form that the source package of SpiderMonkey has them in: the harness is spread over the folders'
//! `shell.js`, and each test has a line or two of SpiderMonkey's own.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use wasmtime::error::Context as _;
use wasmtime::{Result, ensure};

/// The folders with tests of the language, and where the parts of the harness are that these need. The others test what is built
/// in (an hour of processor time), `Intl`, the suite's own harness, and proposals.
const FOLDERS: [&str; 2] = ["annexB/language", "language"];

/// SpiderMonkey's files between the tests.
const FOREIGN: [&str; 2] = ["shell.js", "browser.js"];

/// What SpiderMonkey puts in front of a test, and at its end.
const FIRST_LINE: &str = "// |reftest|";
const LAST_LINE: &str = "\nreportCompare(0, 0);\n";

/// The suite.
pub(crate) struct Suite {
    folder: PathBuf,
    commit: String,
    /// The tests' paths, sorted.
    tests: Vec<String>,
    /// The texts that tests include, by name.
    harness: BTreeMap<String, String>,
}

impl Suite {
    /// Lists the tests whose path contains `filter`, in the order of their paths, and keeps one in `share` of them.
    pub(crate) fn open(folder: &Path, filter: &str, share: NonZeroUsize) -> Result<Self> {
        let info = folder.join("GIT-INFO");
        let info = fs::read_to_string(&info).with_context(|| format!("cannot read {}", info.display()))?;
        let commit = info.lines().find_map(|line| line.strip_prefix("commit ")).context("GIT-INFO names no commit")?;
        let mut suite =
            Self { folder: folder.to_owned(), commit: commit.into(), tests: Vec::new(), harness: BTreeMap::new() };
        suite.add_harness("shell.js")?;
        for folder in FOLDERS {
            suite.add_folder(folder)?;
        }
        suite.tests.retain(|test| test.contains(filter));
        suite.tests.sort_unstable();
        suite.tests = suite.tests.into_iter().step_by(share.get()).collect();
        ensure!(!suite.tests.is_empty(), "no test has `{filter}` in its path");
        Ok(suite)
    }

    /// Returns which commit of the suite it is.
    pub(crate) fn commit(&self) -> &str {
        &self.commit
    }

    /// Returns the tests' paths.
    pub(crate) fn tests(&self) -> &[String] {
        &self.tests
    }

    /// Returns a file of the harness.
    pub(crate) fn harness(&self, name: &str) -> Option<&str> {
        self.harness.get(name).map(String::as_str)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.folder.join(path).is_file()
    }

    /// Returns the text of a test as it is in test262.
    pub(crate) fn read(&self, path: &str) -> Result<String> {
        let text = fs::read_to_string(self.folder.join(path)).with_context(|| format!("cannot read {path}"))?;
        let rest = match text.split_once('\n') {
            Some((first, rest)) if first.starts_with(FIRST_LINE) => rest,
            _ => &text,
        };
        Ok(rest.strip_suffix(LAST_LINE).unwrap_or(rest).to_owned())
    }

    fn add_folder(&mut self, path: &str) -> Result<()> {
        let folder = self.folder.join(path);
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().context("the suite's names are Unicode")?;
            let path = format!("{path}/{name}");
            if entry.file_type()?.is_dir() {
                self.add_folder(&path)?;
            } else if name == FOREIGN[0] {
                self.add_harness(&path)?;
            } else if name.ends_with(".js") && !name.contains("_FIXTURE") && !FOREIGN.contains(&name.as_str()) {
                self.tests.push(path);
            }
        }
        Ok(())
    }

    /// Adds the parts of a `shell.js`, each below a line with its name. The first of a name counts.
    fn add_harness(&mut self, path: &str) -> Result<()> {
        let text = fs::read_to_string(self.folder.join(path)).with_context(|| format!("cannot read {path}"))?;
        for part in text.split("\n// file: ").skip(1) {
            let (name, text) = part.split_once('\n').with_context(|| format!("{path} has a part without a name"))?;
            self.harness.entry(name.into()).or_insert_with(|| text.into());
        }
        Ok(())
    }
}
