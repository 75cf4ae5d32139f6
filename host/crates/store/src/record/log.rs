//! A job's log: its lines, and the budget that keeps one job from filling the store.

use saggar_job::{LogSource, Timestamp};

/// The end of the line that reports dropped lines.
const DROPPED: &str = "were dropped here: the job's log is full";

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// The writer of the line.
    pub source: LogSource,
    /// The line, without its terminator.
    pub text: String,
}

impl LogLine {
    /// Creates a line of the host.
    pub fn host(at: Timestamp, text: impl Into<String>) -> Self {
        Self { at, source: LogSource::Host, text: text.into() }
    }

    /// Creates the line that reports a lost attempt.
    pub fn lost(at: Timestamp, attempt: u32) -> Self {
        Self::host(at, format!("attempt {attempt} was lost: the host died, or aborted it, while it ran"))
    }

    /// Returns whether it is the line that reports dropped lines ([`LogBudget::dropped_line`]). It is the last line of
    /// its log, and changes when more lines are dropped.
    pub fn is_of_dropped(&self) -> bool {
        self.source == LogSource::Host && self.text.ends_with(DROPPED)
    }

    /// Creates the line that reports a retry by hand.
    pub fn retried(at: Timestamp) -> Self {
        Self::host(at, "retried by hand: the job waits again, with its full number of attempts")
    }
}

/// A job's log in memory: its lines within their [`LogBudget`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobLog {
    lines: Vec<LogLine>,
    budget: LogBudget,
}

impl JobLog {
    /// Lines that guests may write to one job's log: more than people read, few enough for a page.
    pub const GUEST_LINES: usize = 1_000;
    /// Bytes of text that guests may write to one job's log.
    pub const GUEST_BYTES: usize = 256 * 1024;
    /// Lines that the host may write to one job's log.
    pub const HOST_LINES: usize = 200;
    /// Bytes of text that the host may write to one job's log.
    pub const HOST_BYTES: usize = 64 * 1024;
    /// Bytes of one line; a longer one is truncated at a character boundary. The contract's limit for `log.write`.
    pub const LINE_BYTES: usize = 8 * 1024;

    /// Appends the lines that the budgets allow, and counts the others.
    pub fn append(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        for mut line in lines {
            if self.budget.admit(&mut line) {
                self.lines.push(line);
            }
        }
    }

    /// Returns the number of stored lines.
    pub fn kept(&self) -> usize {
        self.lines.len()
    }

    /// Returns what it has used of its budget.
    pub fn budget(&self) -> &LogBudget {
        &self.budget
    }

    /// Returns the stored lines, oldest first; if others were dropped, a last line of the host says how many.
    pub fn lines(&self) -> Vec<LogLine> {
        self.lines.iter().cloned().chain(self.budget.dropped_line()).collect()
    }
}

/// What a job's log has used of its budget, and what was dropped: all that a store needs to append to a log without
/// reading it. Guests and the host have separate budgets, so that a chatty guest cannot hide the host's lines. The
/// first lines are stored, because the first error explains the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogBudget {
    /// Stored lines of guests.
    pub guest_lines: usize,
    /// Bytes of text in them.
    pub guest_bytes: usize,
    /// Stored lines of the host.
    pub host_lines: usize,
    /// Bytes of text in them.
    pub host_bytes: usize,
    /// Dropped lines.
    pub dropped_lines: usize,
    /// Bytes of text in them.
    pub dropped_bytes: usize,
    /// When the last dropped line was written.
    pub dropped_at: Timestamp,
}

impl LogBudget {
    /// Truncates the line to its maximum length, and returns whether it is to be stored; counts it either way.
    pub fn admit(&mut self, line: &mut LogLine) -> bool {
        let (lines, bytes, most_lines, most_bytes) = match line.source {
            LogSource::Host => (&mut self.host_lines, &mut self.host_bytes, JobLog::HOST_LINES, JobLog::HOST_BYTES),
            _ => (&mut self.guest_lines, &mut self.guest_bytes, JobLog::GUEST_LINES, JobLog::GUEST_BYTES),
        };
        line.text.truncate(line.text.floor_char_boundary(JobLog::LINE_BYTES));
        let fits = *lines < most_lines && *bytes + line.text.len() <= most_bytes;
        if fits {
            *lines += 1;
            *bytes += line.text.len();
        } else {
            self.dropped_lines += 1;
            self.dropped_bytes += line.text.len();
            self.dropped_at = line.at;
        }
        fits
    }

    /// Returns the host's line that ends a log with dropped lines.
    pub fn dropped_line(&self) -> Option<LogLine> {
        let Self { dropped_lines, dropped_bytes, dropped_at, .. } = *self;
        let text = format!("{dropped_lines} lines ({dropped_bytes} bytes) {DROPPED}");
        (dropped_lines > 0).then(|| LogLine::host(dropped_at, text))
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::LogLevel;

    use super::*;

    fn line(source: LogSource, text: &str) -> LogLine {
        LogLine { at: Timestamp(7), source, text: text.to_owned() }
    }

    #[test]
    fn lines_beyond_the_budget_are_dropped_and_counted() {
        let mut log = JobLog::default();
        log.append((0..JobLog::GUEST_LINES + 3).map(|n| line(LogSource::Stdout, &format!("{:04}", n))));
        let lines = log.lines();
        assert_eq!(lines.len(), JobLog::GUEST_LINES + 1);
        assert_eq!(lines[0].text, "0000");
        let last = lines.last().unwrap();
        assert_eq!(last.source, LogSource::Host);
        assert_eq!(last.text, "3 lines (12 bytes) were dropped here: the job's log is full");
    }

    #[test]
    fn bytes_beyond_the_budget_are_dropped_though_smaller_lines_still_fit() {
        let mut log = JobLog::default();
        let long = "x".repeat(JobLog::LINE_BYTES - 1);
        log.append((0..100).map(|_| line(LogSource::Log(LogLevel::Info), &long)));
        log.append([line(LogSource::Stderr, "small")]);
        let lines = log.lines();
        assert_eq!(lines.len(), 32 + 1 + 1);
        assert_eq!(lines[32].text, "small");
    }

    #[test]
    fn a_guest_that_spent_its_budget_does_not_silence_the_host() {
        let mut log = JobLog::default();
        log.append((0..2 * JobLog::GUEST_LINES).map(|_| line(LogSource::Stdout, "x")));
        log.append([line(LogSource::Host, "the error handler failed")]);
        assert!(log.lines().iter().any(|line| line.text == "the error handler failed"));
    }

    #[test]
    fn a_long_line_is_cut_on_a_character_border() {
        let mut log = JobLog::default();
        log.append([line(LogSource::Stdout, &format!("x{}", "é".repeat(JobLog::LINE_BYTES)))]);
        let text = &log.lines()[0].text;
        assert_eq!(text.len(), JobLog::LINE_BYTES - 1);
        assert!(text.ends_with('é'));
    }
}
