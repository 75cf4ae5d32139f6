//! A job's own log: its lines, and the budget that keeps one job from filling the store.

use saggar_job::Timestamp;

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

/// A job's log as a store keeps it. Guests and host have a budget each, so that a chatty guest cannot hide what the host
/// has to say. What goes beyond a budget is dropped and counted; what was there first stays, for the first error is the
/// one that explains the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobLog {
    lines: Vec<LogLine>,
    guest: Spent,
    host: Spent,
    dropped: Spent,
    dropped_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Spent {
    lines: usize,
    bytes: usize,
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
            let (spent, most_lines, most_bytes) = match line.source {
                LogSource::Host => (&mut self.host, Self::HOST_LINES, Self::HOST_BYTES),
                _ => (&mut self.guest, Self::GUEST_LINES, Self::GUEST_BYTES),
            };
            line.text.truncate(line.text.floor_char_boundary(Self::LINE_BYTES));
            let bytes = line.text.len();
            if spent.lines < most_lines && spent.bytes + bytes <= most_bytes {
                spent.lines += 1;
                spent.bytes += bytes;
                self.lines.push(line);
            } else {
                self.dropped.lines += 1;
                self.dropped.bytes += bytes;
                self.dropped_at = line.at;
            }
        }
    }

    /// The lines kept, oldest first; if others were dropped, a last line of the host's says how many.
    pub fn lines(&self) -> Vec<LogLine> {
        let mut lines = self.lines.clone();
        if self.dropped.lines > 0 {
            let Spent { lines: dropped, bytes } = self.dropped;
            let text = format!("{dropped} lines ({bytes} bytes) were dropped here: the job's log is full");
            lines.push(LogLine { at: self.dropped_at, source: LogSource::Host, text });
        }
        lines
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
