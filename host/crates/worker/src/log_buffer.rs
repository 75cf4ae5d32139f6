//! The lines that one call writes to its job's log, buffered until they are flushed to the queue. Bounded: lines beyond
//! what a job may log are counted and dropped.

use parking_lot::Mutex;
use saggar_job::{Clock, LogSource};
use saggar_queue::{JobLog, LogLine};

/// The lines of one call.
#[derive(Default)]
pub(crate) struct LogBuffer(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    lines: Vec<LogLine>,
    /// All lines so far, including flushed ones.
    written: usize,
    bytes: usize,
    dropped_lines: usize,
    dropped_bytes: usize,
}

impl LogBuffer {
    /// Buffers a line, or drops and counts it if the call has written as much as a whole job may.
    pub(crate) fn write(&self, clock: &dyn Clock, source: LogSource, text: &str) {
        let mut buffer = self.0.lock();
        if buffer.written >= JobLog::GUEST_LINES || buffer.bytes + text.len() > JobLog::GUEST_BYTES {
            buffer.dropped_lines += 1;
            buffer.dropped_bytes += text.len();
            return;
        }
        buffer.written += 1;
        buffer.bytes += text.len();
        buffer.lines.push(LogLine { at: clock.now(), source, text: text.to_owned() });
    }

    /// Takes the lines since the last call.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.0.lock().lines)
    }

    /// Takes the last lines, and one that reports how many were dropped.
    pub(crate) fn finish(&self, clock: &dyn Clock) -> Vec<LogLine> {
        let mut buffer = self.0.lock();
        let mut lines = std::mem::take(&mut buffer.lines);
        if buffer.dropped_lines > 0 {
            let (dropped, bytes) = (buffer.dropped_lines, buffer.dropped_bytes);
            let text = format!("{dropped} more lines ({bytes} bytes) of this call were dropped: it wrote too much");
            lines.push(LogLine { at: clock.now(), source: LogSource::Host, text });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::{ManualClock, Timestamp};

    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_dropped_and_reported_at_the_end() {
        let clock = ManualClock::new(Timestamp(1));
        let log = LogBuffer::default();
        for _ in 0..JobLog::GUEST_LINES + 5 {
            log.write(&clock, LogSource::Stdout, "ab");
        }
        assert_eq!(log.take().len(), JobLog::GUEST_LINES);
        let rest = log.finish(&clock);
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].text, "5 more lines (10 bytes) of this call were dropped: it wrote too much");
    }
}
