//! Runs test262, the language's own test suite, on the script runner: every test of the language that needs no host beyond the
//! engine. Compares what passes with what is committed.

mod baseline;
mod metadata;
mod program;
mod report;
mod suite;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wasmtime::error::Context as _;
use wasmtime::{Result, bail};

use crate::runner::Runner;
use baseline::Baseline;
use report::{Outcome, Report};
use suite::Suite;

/// Ticks after which a test is stopped: half a minute. Some tests look at every character there is.
const TIMEOUT_TICKS: u64 = 6_000;

/// What to do with the results.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// Fail if a test fails that passed when the list was written.
    Compare,
    /// Write the list.
    Accept,
    /// Run the tests whose path contains this, and print why each failing one fails.
    Explain(&'a str),
}

/// Runs the suite in `folder`; `list` has what is known to fail.
pub(crate) fn run(component: &[u8], folder: &Path, list: &Path, purpose: Purpose<'_>) -> Result<()> {
    let filter = if let Purpose::Explain(filter) = purpose { filter } else { "" };
    let suite = Suite::open(folder, filter)?;
    let mut runner = Runner::new(component)?;
    runner.timeout_ticks = TIMEOUT_TICKS;
    let report = Report::new(run_all(&runner, &suite)?);
    print!("test262 of {}: {report}", suite.commit());
    match purpose {
        Purpose::Explain(_) => {
            report.failures().for_each(|(test, reason)| println!("{test}: {reason}"));
            Ok(())
        }
        Purpose::Accept => Baseline::of(&report, suite.commit()).write(list),
        Purpose::Compare => compare(&report, &Baseline::read(list)?, &suite),
    }
}

fn compare(report: &Report, baseline: &Baseline, suite: &Suite) -> Result<()> {
    if baseline.commit() != suite.commit() {
        bail!("the list is of the suite {}; run again with `--accept` to write it anew", baseline.commit());
    }
    let fallen: Vec<String> = report
        .failures()
        .filter(|(test, _)| !baseline.knows(test, report.features(test)))
        .map(|(test, reason)| format!("  {test}: {reason}"))
        .collect();
    if !fallen.is_empty() {
        bail!("{} tests passed before and fail now:\n{}", fallen.len(), fallen.join("\n"));
    }
    if report.passed() < baseline.passed() {
        bail!("{} tests passed before, and only {} now", baseline.passed(), report.passed());
    }
    let risen = report.passed() - baseline.passed();
    if risen > 0 {
        println!("{risen} more than the list says; run with `--accept` to write it anew");
    }
    Ok(())
}

/// Runs all tests, on all cores. Returns the outcome of each, in the order of the suite.
fn run_all(runner: &Runner, suite: &Suite) -> Result<Vec<Outcome>> {
    let threads = thread::available_parallelism().context("the number of cores")?.get();
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        while let Some(path) = suite.tests().get(next.fetch_add(1, Ordering::Relaxed)) {
            outcomes.push(program::run(runner, suite, path).with_context(|| path.clone())?);
        }
        Ok(outcomes)
    };
    let mut outcomes = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            outcomes.extend(worker.join().expect("no thread of the harness panics")?);
        }
        Ok::<(), wasmtime::Error>(())
    })?;
    outcomes.sort_by(|one, other| one.test.cmp(&other.test));
    Ok(outcomes)
}
