//! Test files: where they are, and their format. Each is beside the code that it tests: `plugins/mail.test.json` beside
//! `plugins/mail.wasm`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::cli::author::RoleArg;

/// The end of a test file's name.
pub(super) const EXTENSION: &str = ".test.json";

/// The directories of an app that test files are searched in.
const DIRECTORIES: [&str; 2] = ["plugins", "scripts"];

/// Maximum bytes of a test file.
const MAX_BYTES: u64 = 16 << 20;

/// Maximum number of cases in a file.
const MAX_CASES: usize = 10_000;

/// Maximum number of directory entries that the search for test files reads.
const MAX_ENTRIES: usize = 100_000;

/// A call, and what it has to do. What is not given is not checked, except that the call must not fail without
/// `problem`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The name in the output.
    pub(super) name: Option<String>,
    /// One of several handlers, or the function of a script.
    pub(super) handler: Option<String>,
    /// The name of the role; a processor by default.
    role: Option<String>,
    /// The arguments of a processor.
    call: Option<Vec<Box<RawValue>>>,
    /// What a handler is called with.
    #[serde(default, deserialize_with = "given")]
    input: Option<Box<RawValue>>,
    /// The response of a processor, or the id of an id source.
    #[serde(default, deserialize_with = "given")]
    pub(super) response: Option<Box<RawValue>>,
    /// How the call fails.
    pub(super) problem: Option<ExpectedProblem>,
    /// Texts that lines of the log contain, in this order.
    pub(super) logs: Option<Vec<String>>,
    /// The last progress.
    pub(super) progress: Option<ExpectedProgress>,
    /// All jobs that the call adds, in this order.
    pub(super) adds: Option<Vec<ExpectedAdd>>,
}

/// How a call fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedProblem {
    pub(super) code: Option<String>,
    /// A part of the message.
    pub(super) message: Option<String>,
    /// `failed`, `rejected`, `trap`, `timeout` or `out-of-memory`.
    pub(super) reason: Option<String>,
}

/// The last progress of a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedProgress {
    pub(super) current: u64,
    pub(super) total: u64,
    pub(super) message: Option<String>,
}

/// A job that a call adds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAdd {
    pub(super) task: String,
    pub(super) args: Option<Box<RawValue>>,
    pub(super) delay_ms: Option<u64>,
}

/// Reads a member that is given, so that null is a value, too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

impl Case {
    pub(super) fn role(&self) -> anyhow::Result<RoleArg> {
        let Some(name) = &self.role else { return Ok(RoleArg::Processor) };
        RoleArg::from_str(name, false).map_err(|_| {
            let names: Vec<_> = RoleArg::value_variants()
                .iter()
                .filter_map(ValueEnum::to_possible_value)
                .map(|value| value.get_name().to_owned())
                .collect();
            anyhow::anyhow!("there is no role `{name}`; the roles are {}", names.join(", "))
        })
    }

    /// Returns the arguments of a processor.
    pub(super) fn args(&self) -> Vec<String> {
        self.call.iter().flatten().map(|argument| argument.get().to_owned()).collect()
    }

    /// Returns the input of a handler.
    pub(super) fn input(&self) -> Option<&str> {
        self.input.as_deref().map(RawValue::get)
    }
}

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
    let cases: Vec<Case> = serde_json::from_slice(&bytes).context("the file is not a list of cases")?;
    // Serde reads a struct from an array, too, whose members would depend on the order of the fields here.
    let forms: Vec<&RawValue> = serde_json::from_slice(&bytes).context("the file is not a list of cases")?;
    if let Some(index) = forms.iter().position(|form| !form.get().starts_with('{')) {
        bail!("case {} of the file is not an object", index + 1);
    }
    if cases.is_empty() {
        bail!("the file has no case; write for example [{{ \"call\": [\"Ada\"], \"response\": \"Hello, Ada!\" }}]");
    }
    if cases.len() > MAX_CASES {
        bail!("the file has {} cases; at most {MAX_CASES} are accepted", cases.len());
    }
    Ok(cases)
}
