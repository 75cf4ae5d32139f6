//! Runs test262, the language's own test suite, on the script runner: every test of the language that needs no host beyond the
//! engine. Compares what passes with what is committed.

mod baseline;
mod metadata;
mod program;
mod report;
mod suite;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wasmtime::error::Context as _;
use wasmtime::{Result, bail, ensure};

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
    /// The same with one test in so many, for a check that takes less time.
    CompareShare(NonZeroUsize),
    /// Write the list.
    Accept,
    /// Run the tests whose path contains this, and print why each failing one fails.
    Explain(&'a str),
}

/// Runs the suite in `folder`; `list` has what is known to fail.
pub(crate) fn run(component: &[u8], folder: &Path, list: &Path, purpose: Purpose<'_>) -> Result<()> {
    let filter = if let Purpose::Explain(filter) = purpose { filter } else { "" };
    let share = if let Purpose::CompareShare(share) = purpose { share } else { NonZeroUsize::MIN };
    let suite = Suite::open(folder, filter, share)?;
    // Before the tests run, which takes long.
    let baseline = match purpose {
        Purpose::Compare | Purpose::CompareShare(_) => Some(Baseline::read(list, suite.commit())?),
        Purpose::Accept | Purpose::Explain(_) => None,
    };
    let mut runner = Runner::new(component)?;
    runner.timeout_ticks = TIMEOUT_TICKS;
    let report = Report::new(run_all(&runner, &suite)?);
    let Some(baseline) = baseline else {
        print!("test262 of {}: {report}", suite.commit());
        if let Purpose::Accept = purpose {
            return Baseline::of(&report, suite.commit()).write(list);
        }
        report.failures().for_each(|(test, reason)| println!("{test}: {reason}"));
        return Ok(());
    };
    if let Purpose::CompareShare(share) = purpose {
        let report = report.lacking_as(baseline.lacking());
        print!("one test in {share} of test262 of {}: {report}", suite.commit());
        return fail_if_fallen(&report, &baseline);
    }
    print!("test262 of {}: {report}", suite.commit());
    fail_if_fallen(&report, &baseline)?;
    compare_sums(&report, &baseline)
}

/// Fails if a test fails that is not in the list.
fn fail_if_fallen(report: &Report, baseline: &Baseline) -> Result<()> {
    let fallen: Vec<String> = report
        .failures()
        .filter(|(test, _)| !baseline.knows(test, report.features(test)))
        .map(|(test, reason)| format!("  {test}: {reason}"))
        .collect();
    ensure!(fallen.is_empty(), "{} tests passed before and fail now:\n{}", fallen.len(), fallen.join("\n"));
    Ok(())
}

/// Compares how many of all tests pass with the number in the list.
fn compare_sums(report: &Report, baseline: &Baseline) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::report::Verdict;
    use super::*;

    fn outcome(test: &str, feature: &str, is_passed: bool) -> Outcome {
        let verdict = if is_passed { Verdict::Pass } else { Verdict::Fail("no reason".into()) };
        Outcome { test: test.into(), features: vec![feature.into()], verdict }
    }

    #[test]
    fn a_share_is_compared_with_the_list_of_all() {
        let all = [("a", "old", true), ("b", "old", false), ("c", "new", false), ("d", "old", true)];
        let all = Report::new(all.map(|(test, feature, passed)| outcome(test, feature, passed)).into());
        let baseline = Baseline::of(&all, "commit");
        let share =
            |is_passed| vec![outcome("b", "old", false), outcome("c", "new", false), outcome("d", "old", is_passed)];
        let good = Report::new(share(true)).lacking_as(baseline.lacking());
        assert!(fail_if_fallen(&good, &baseline).is_ok(), "what fails is in the list, or of a feature in it");
        assert!(good.to_string().starts_with("1 of 3 tests pass"), "{good}");
        // In the share no test of `old` passes, but one of all does.
        let bad = Report::new(share(false)).lacking_as(baseline.lacking());
        assert!(!bad.to_string().contains("has no old"), "{bad}");
        let why = fail_if_fallen(&bad, &baseline).expect_err("`d` passed before").to_string();
        assert!(why.contains("1 tests passed before and fail now:\n  d: no reason"), "{why}");
    }
}
