//! What passed, what failed and why, and which parts of the language are absent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// With the reason.
    Fail(String),
    /// It was not run, because it needs this of a host.
    NeedsHost(&'static str),
}

/// A test and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) test: String,
    pub(crate) features: Vec<String>,
    pub(crate) verdict: Verdict,
}

/// Tests that passed, of how many.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    passed: usize,
    all: usize,
}

/// The outcomes of all tests.
pub(crate) struct Report {
    outcomes: BTreeMap<String, (Vec<String>, Verdict)>,
    lacking: BTreeSet<String>,
}

impl Report {
    pub(crate) fn new(outcomes: Vec<Outcome>) -> Self {
        let mut of_features: BTreeMap<&str, Share> = BTreeMap::new();
        for outcome in &outcomes {
            for feature in &outcome.features {
                of_features.entry(feature).or_default().count(&outcome.verdict);
            }
        }
        let is_lacking = |(_, share): &(&str, Share)| share.passed == 0 && share.all > 0;
        let lacking = of_features.into_iter().filter(is_lacking).map(|(feature, _)| feature.to_owned()).collect();
        let outcomes = outcomes.into_iter().map(|it| (it.test, (it.features, one_line(it.verdict)))).collect();
        Self { outcomes, lacking }
    }

    /// Sets the features of which no test of the whole suite passes, because a share of the tests does not show which ones these
    /// are.
    pub(crate) fn lacking_as(self, lacking: &BTreeSet<String>) -> Self {
        Self { lacking: lacking.clone(), ..self }
    }

    /// Returns how many tests passed.
    pub(crate) fn passed(&self) -> usize {
        self.share(|_, _| true).passed
    }

    /// Returns how many tests were run.
    pub(crate) fn run(&self) -> usize {
        self.share(|_, _| true).all
    }

    /// Returns the features of which no test passes.
    pub(crate) fn lacking(&self) -> &BTreeSet<String> {
        &self.lacking
    }

    /// Returns what failed, with the reasons.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outcomes.iter().filter_map(|(test, (_, verdict))| match verdict {
            Verdict::Fail(reason) => Some((test.as_str(), reason.as_str())),
            _ => None,
        })
    }

    /// Returns the features that a test names.
    pub(crate) fn features(&self, test: &str) -> &[String] {
        self.outcomes.get(test).map_or(&[], |(features, _)| features)
    }

    fn share(&self, of: impl Fn(&str, &[String]) -> bool) -> Share {
        let mut share = Share::default();
        let chosen = self.outcomes.iter().filter(|(test, (features, _))| of(test, features));
        chosen.for_each(|(_, (_, verdict))| share.count(verdict));
        share
    }

    fn lacks(&self, features: &[String]) -> bool {
        features.iter().any(|feature| self.lacking.contains(feature))
    }
}

impl Share {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => (self.passed, self.all) = (self.passed + 1, self.all + 1),
            Verdict::Fail(_) => self.all += 1,
            Verdict::NeedsHost(_) => {}
        }
    }
}

/// Puts a reason, which a test can make as it likes, in one line.
fn one_line(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Fail(reason) => Verdict::Fail(reason.split_whitespace().collect::<Vec<_>>().join(" ")),
        other => other,
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.passed as f64 * 100.0 / self.all.max(1) as f64;
        write!(formatter, "{} of {} tests pass, {percent:.2} %", self.passed, self.all)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.share(|_, _| true))?;
        writeln!(formatter, "  of what the engine has: {}", self.share(|_, features| !self.lacks(features)))?;
        for folder in ["language/", "annexB/"] {
            writeln!(formatter, "  {folder:10} {}", self.share(|test, _| test.starts_with(folder)))?;
        }
        let mut needs: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, verdict) in self.outcomes.values() {
            if let Verdict::NeedsHost(what) = verdict {
                *needs.entry(what).or_default() += 1;
            }
        }
        for (what, count) in needs {
            writeln!(formatter, "  not run: {count} tests that need {what} of their host")?;
        }
        for feature in &self.lacking {
            let share = self.share(|_, features| features.contains(feature));
            if share.all == 0 {
                continue;
            }
            writeln!(formatter, "  the engine has no {feature}: {} tests", share.all)?;
        }
        Ok(())
    }
}
