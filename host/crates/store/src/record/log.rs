//! A job's own log: its lines, and the budget that keeps one job from filling the store.

use saggar_job::Timestamp;

/// How the line ends that says what was dropped.
const DROPPED: &str = "were dropped here: the job's log is full";

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub source: LogSource,
    /// The line, without its end.
    pub text: String,
}

/// Who wrote a line of a job's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// The guest, on its standard output.
    Stdout,
    /// The guest, on its standard error.
    Stderr,
    /// The guest, through the contract's `log`.
    Log(LogLevel),
    /// The host: attempts, handlers that failed, lines dropped.
    Host,
}

/// How much a line of the contract's `log` matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// What happened.
    Info,
    /// Odd, but the work goes on.
    Warn,
    /// Something failed.
    Error,
}

impl LogLine {
    /// A line of the host's.
    pub fn host(at: Timestamp, text: impl Into<String>) -> Self {
        Self { at, source: LogSource::Host, text: text.into() }
    }

    /// What a log says when an attempt was lost.
    pub fn lost(at: Timestamp, attempt: u32) -> Self {
        Self::host(at, format!("attempt {attempt} was lost: the host died, or broke off, while it ran"))
    }

    /// Whether it is the one that says what was dropped ([`LogBudget::dropped_line`]). It is the last one of its log, and
    /// changes when more is dropped.
    pub fn is_of_dropped(&self) -> bool {
        self.source == LogSource::Host && self.text.ends_with(DROPPED)
    }

    /// What a log says when its job was retried by hand.
    pub fn retried(at: Timestamp) -> Self {
        Self::host(at, "retried by hand: the job waits again, with all its attempts before it")
    }
}

/// A job's log as a store in memory keeps it: its lines within their [`LogBudget`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobLog {
    lines: Vec<LogLine>,
    budget: LogBudget,
}

impl JobLog {
    /// Lines that guests may write to one job's log: more than anybody reads, little enough for a page.
    pub const GUEST_LINES: usize = 1_000;
    /// Bytes of text that guests may write to one job's log.
    pub const GUEST_BYTES: usize = 256 * 1024;
    /// Lines that the host may write to one job's log.
    pub const HOST_LINES: usize = 200;
    /// Bytes of text that the host may write to one job's log.
    pub const HOST_BYTES: usize = 64 * 1024;
    /// Bytes of one line; a longer one is cut on a character border. The contract's limit for `log.write`.
    pub const LINE_BYTES: usize = 8 * 1024;

    /// Appends the lines that the budgets allow, and counts the others.
    pub fn append(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        for mut line in lines {
            if self.budget.admit(&mut line) {
                self.lines.push(line);
            }
        }
    }

    /// How many lines are kept.
    pub fn kept(&self) -> usize {
        self.lines.len()
    }

    /// What it has used of its budget.
    pub fn budget(&self) -> &LogBudget {
        &self.budget
    }

    /// The lines kept, oldest first; if others were dropped, a last line of the host's says how many.
    pub fn lines(&self) -> Vec<LogLine> {
        self.lines.iter().cloned().chain(self.budget.dropped_line()).collect()
    }
}

/// What a job's log has used of its budget, and what was dropped: all that a store has to keep to append to a log without
/// reading it. Guests and host have a budget each, so that a chatty guest cannot hide what the host has to say. What was
/// there first stays, for the first error is the one that explains the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogBudget {
    /// Lines of guests that are kept.
    pub guest_lines: usize,
    /// Bytes of text in them.
    pub guest_bytes: usize,
    /// Lines of the host that are kept.
    pub host_lines: usize,
    /// Bytes of text in them.
    pub host_bytes: usize,
    /// Lines that were dropped.
    pub dropped_lines: usize,
    /// Bytes of text in them.
    pub dropped_bytes: usize,
    /// When the last of them was written.
    pub dropped_at: Timestamp,
}

impl LogBudget {
    /// Cuts the line to its greatest length, and says whether it is to be kept; counts it either way.
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

    /// The line of the host's that ends a log of which lines were dropped.
    pub fn dropped_line(&self) -> Option<LogLine> {
        let Self { dropped_lines, dropped_bytes, dropped_at, .. } = *self;
        let text = format!("{dropped_lines} lines ({dropped_bytes} bytes) {DROPPED}");
        (dropped_lines > 0).then(|| LogLine::host(dropped_at, text))
    }
}

#[cfg(test)]
mod tests {
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
