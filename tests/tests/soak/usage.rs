//! What the host and its tenants have used, measured at the borders of windows of time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// For how long the host knows the processor time of a tenant exactly: it counts over an hour, and forgets it in twentieths.
pub(super) const REMEMBERED: Duration = Duration::from_secs(55 * 60);

/// What was used until a time.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    pub(super) at: Instant,
    /// The seconds that the guests of each tenant have computed, rounded, and less those for which code of removed tenants
    /// of the same name was compiled. So only a difference of two means something.
    pub(super) guests: BTreeMap<String, i64>,
    /// The processor time of the host's process, in seconds.
    pub(super) process: f64,
}

/// A part of the soak, in windows of the same length.
pub(super) struct Phase {
    /// The usage at the beginning, and at the end of each window.
    borders: Vec<Usage>,
}

impl Phase {
    /// Creates a phase of the usages at its beginning and at the end of each of its windows.
    pub(super) fn new(borders: Vec<Usage>) -> Self {
        assert!(borders.len() > 1, "a phase has a window");
        Self { borders }
    }

    /// Returns the beginning and the end of each window.
    pub(super) fn windows(&self) -> impl Iterator<Item = (Instant, Instant)> {
        self.borders.windows(2).map(|pair| (pair[0].at, pair[1].at))
    }

    pub(super) fn contains(&self, at: Instant) -> bool {
        self.first().at <= at && at < self.last().at
    }

    /// Returns how many processors the host's process used on average.
    pub(super) fn process(&self) -> f64 {
        let (first, last) = (self.first(), self.last());
        (last.process - first.process) / (last.at - first.at).as_secs_f64()
    }

    /// Returns how many processors the guests of each tenant used on average, in the windows that end by `until`.
    pub(super) fn guests(&self, until: Instant) -> BTreeMap<&str, f64> {
        let (first, last) = (self.first(), self.borders.iter().rfind(|usage| usage.at <= until));
        let last = last.filter(|last| last.at > first.at).expect("the first window ends within an hour of the start");
        let seconds = (last.at - first.at).as_secs_f64();
        let computed = |(tenant, until): (&String, &i64)| {
            let before = first.guests.get(tenant).copied().unwrap_or_default();
            until.saturating_sub(before).max(0) as f64 / seconds
        };
        last.guests.iter().map(|entry| (entry.0.as_str(), computed(entry))).collect()
    }

    fn first(&self) -> &Usage {
        &self.borders[0]
    }

    fn last(&self) -> &Usage {
        &self.borders[self.borders.len() - 1]
    }
}
