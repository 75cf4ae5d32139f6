//! What a call does besides asking: its log and its progress, within the bounds of a job's log.

use saggar_job::LogSource;

/// Lines and bytes of a log that are recorded of one call: as many as a job's log keeps.
const MAX_LINES: usize = 1_000;
const MAX_LOG_BYTES: usize = 256 << 10;

/// Reports of progress that are recorded of one call, besides the last one.
const MAX_REPORTS: usize = 1_000;

/// A report of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The amount done …
    pub current: u64,
    /// … of this amount.
    pub total: u64,
    /// The guest's message.
    pub message: String,
}

/// The log and the progress of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// The first lines.
    pub log: Vec<(LogSource, String)>,
    /// The first reports.
    pub progress: Vec<Report>,
    /// The last report, if it is not among the first.
    pub last_progress: Option<Report>,
    budget: Budget,
}

/// What was recorded so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Budget {
    lines: usize,
    bytes: usize,
    reports: usize,
}

impl Budget {
    /// Returns whether a line is recorded.
    pub(crate) fn admits_line(&mut self, text: &str) -> bool {
        let fits = self.lines < MAX_LINES && self.bytes + text.len() <= MAX_LOG_BYTES;
        if fits {
            self.lines += 1;
            self.bytes += text.len();
        }
        fits
    }

    /// Returns whether a report is one of the first.
    pub(crate) fn admits_report(&mut self) -> bool {
        let fits = self.reports < MAX_REPORTS;
        self.reports += usize::from(fits);
        fits
    }
}

impl Effects {
    /// Adds a line.
    pub(crate) fn log(&mut self, source: LogSource, text: String) {
        if self.budget.admits_line(&text) {
            self.log.push((source, text));
        }
    }

    /// Adds a report.
    pub(crate) fn report(&mut self, report: Report) {
        if self.budget.admits_report() {
            self.progress.push(report);
        } else {
            self.last_progress = Some(report);
        }
    }
}
