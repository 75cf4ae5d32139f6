//! What one call writes to its job's log, gathered until it is handed to the queue. Bounded: a guest that writes without
//! end is counted, not kept.

use parking_lot::Mutex;
use saggar_job::Clock;
use saggar_queue::{JobLog, LogLine, LogSource};

/// The lines of one call.
#[derive(Default)]
pub(crate) struct Transcript(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    lines: Vec<LogLine>,
    /// Of all lines so far, those handed over too.
    written: usize,
    bytes: usize,
    dropped_lines: usize,
    dropped_bytes: usize,
}

impl Transcript {
    /// Keeps a line, or counts it if the call has written as much as a whole job may.
    pub(crate) fn write(&self, clock: &dyn Clock, source: LogSource, text: &str) {
        let mut gathered = self.0.lock();
        if gathered.written >= JobLog::GUEST_LINES || gathered.bytes + text.len() > JobLog::GUEST_BYTES {
            gathered.dropped_lines += 1;
            gathered.dropped_bytes += text.len();
            return;
        }
        gathered.written += 1;
        gathered.bytes += text.len();
        gathered.lines.push(LogLine { at: clock.now(), source, text: text.to_owned() });
    }

    /// The lines since the last time.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.0.lock().lines)
    }

    /// The last lines, and one that says what was dropped.
    pub(crate) fn finish(&self, clock: &dyn Clock) -> Vec<LogLine> {
        let mut gathered = self.0.lock();
        let mut lines = std::mem::take(&mut gathered.lines);
        if gathered.dropped_lines > 0 {
            let (dropped, bytes) = (gathered.dropped_lines, gathered.dropped_bytes);
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
    fn what_is_too_much_is_counted_and_said_at_the_end() {
        let clock = ManualClock::new(Timestamp(1));
        let transcript = Transcript::default();
        for _ in 0..JobLog::GUEST_LINES + 5 {
            transcript.write(&clock, LogSource::Stdout, "ab");
        }
        assert_eq!(transcript.take().len(), JobLog::GUEST_LINES);
        let rest = transcript.finish(&clock);
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].text, "5 more lines (10 bytes) of this call were dropped: it wrote too much");
    }
}
