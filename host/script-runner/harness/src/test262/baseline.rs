//! The committed list of what fails.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wasmtime::error::Context as _;
use wasmtime::{Result, ensure};

use super::report::Report;

const HEAD: &str = "\
# The tests of test262 that the script runner fails. `cargo xtask script-runner --test262` compares the results with this list;
# `--accept` rewrites it. Each line is a test, or a language feature without a passing test.
";

/// What failed when the list was written.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    commit: String,
    passed: usize,
    run: usize,
    lacking: BTreeSet<String>,
    failing: BTreeSet<String>,
}

impl Baseline {
    /// Returns the list that this report makes.
    pub(crate) fn of(report: &Report, commit: &str) -> Self {
        let lacking = report.lacking().clone();
        let is_listed = |test: &str| report.features(test).iter().all(|feature| !lacking.contains(feature));
        let failing =
            report.failures().map(|(test, _)| test).filter(|test| is_listed(test)).map(str::to_owned).collect();
        Self { commit: commit.into(), passed: report.passed(), run: report.run(), lacking, failing }
    }

    /// Reads the list, which has to be of this commit of the suite.
    pub(crate) fn read(file: &Path, commit: &str) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut baseline = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["suite", commit] => baseline.commit = (*commit).into(),
                ["passed", passed, "of", run] => {
                    (baseline.passed, baseline.run) = (passed.parse()?, run.parse()?);
                }
                ["lacks", feature] => drop(baseline.lacking.insert((*feature).into())),
                _ => drop(baseline.failing.insert(line.into())),
            }
        }
        ensure!(
            baseline.commit == commit,
            "the list is of the suite {}; run again with `--accept` to write it anew",
            baseline.commit
        );
        Ok(baseline)
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let mut text = format!("{HEAD}suite {}\npassed {} of {}\n", self.commit, self.passed, self.run);
        for feature in &self.lacking {
            writeln!(text, "lacks {feature}")?;
        }
        for test in &self.failing {
            writeln!(text, "{test}")?;
        }
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Returns the features of which no test passed.
    pub(crate) fn lacking(&self) -> &BTreeSet<String> {
        &self.lacking
    }

    pub(crate) fn passed(&self) -> usize {
        self.passed
    }

    /// Whether this test, which names these features, is known to fail.
    pub(crate) fn knows(&self, test: &str, features: &[String]) -> bool {
        self.failing.contains(test) || features.iter().any(|feature| self.lacking.contains(feature))
    }
}
