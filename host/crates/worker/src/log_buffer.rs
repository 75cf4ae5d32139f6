//! The lines that one call writes to its job's log, buffered until they are flushed to the queue. Bounded: lines beyond
//! what a job may log are counted and dropped.

use parking_lot::Mutex;
use saggar_job::{Clock, LogSource};
use saggar_queue::{JobLog, LogLine};
use saggar_tenant::{RateQuota, Tenant};

/// Why lines of a tenant whose guests write too much are dropped.
const OVER_QUOTA: &str = "the tenant's quota `log_bytes_per_second` was used up";

/// The lines of one call.
#[derive(Default)]
pub(crate) struct LogBuffer(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    lines: Vec<LogLine>,
    /// All lines so far, including flushed ones.
    written: usize,
    bytes: usize,
    too_much: Dropped,
    over_quota: Dropped,
}

/// Lines that were dropped for one reason.
#[derive(Default)]
struct Dropped {
    lines: usize,
    bytes: usize,
}

impl Dropped {
    fn count(&mut self, text: &str) {
        self.lines += 1;
        self.bytes += text.len();
    }

    /// Returns the line that reports it.
    fn report(&self, clock: &dyn Clock, why: &str) -> Option<LogLine> {
        let Self { lines, bytes } = self;
        // Formatting is expensive, and most calls drop nothing.
        (*lines > 0).then(|| {
            let text = format!("{lines} more lines ({bytes} bytes) of this call were dropped: {why}");
            LogLine { at: clock.now(), source: LogSource::Host, text }
        })
    }
}

impl LogBuffer {
    /// Buffers a line. Drops and counts it if the call has written as much as a whole job may, or if the guests of the
    /// tenant write more than its quota allows.
    pub(crate) fn write(&self, clock: &dyn Clock, tenant: &Tenant, source: LogSource, text: &str) {
        let mut buffer = self.0.lock();
        if buffer.written >= JobLog::GUEST_LINES || buffer.bytes + text.len() > JobLog::GUEST_BYTES {
            return buffer.too_much.count(text);
        }
        // With its end, so that empty lines count.
        if tenant.take(RateQuota::LogBytesPerSecond, text.len() as u64 + 1).is_err() {
            return buffer.over_quota.count(text);
        }
        buffer.written += 1;
        buffer.bytes += text.len();
        buffer.lines.push(LogLine { at: clock.now(), source, text: text.to_owned() });
    }

    /// Takes the lines since the last call.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.0.lock().lines)
    }

    /// Takes the last lines, and those that report how many were dropped.
    pub(crate) fn finish(&self, clock: &dyn Clock) -> Vec<LogLine> {
        let mut buffer = self.0.lock();
        let mut lines = std::mem::take(&mut buffer.lines);
        lines.extend(buffer.too_much.report(clock, "it wrote too much"));
        lines.extend(buffer.over_quota.report(clock, OVER_QUOTA));
        lines
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::{ManualClock, Timestamp};
    use saggar_tenant::Quotas;

    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_dropped_and_reported_at_the_end() {
        let clock = ManualClock::new(Timestamp(1));
        let (log, tenant) = (LogBuffer::default(), Tenant::new("acme"));
        for _ in 0..JobLog::GUEST_LINES + 5 {
            log.write(&clock, &tenant, LogSource::Stdout, "ab");
        }
        assert_eq!(log.take().len(), JobLog::GUEST_LINES);
        let rest = log.finish(&clock);
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].text, "5 more lines (10 bytes) of this call were dropped: it wrote too much");
    }

    #[test]
    fn lines_beyond_the_tenants_quota_are_dropped_and_reported_at_the_end() {
        let (clock, tenant) = (ManualClock::new(Timestamp(1)), Tenant::new("acme"));
        tenant.set_quotas(&Quotas { log_bytes_per_second: Some(9), ..Quotas::default() });
        let (log, other) = (LogBuffer::default(), LogBuffer::default());
        for text in ["abc", "", "abc"] {
            log.write(&clock, &tenant, LogSource::Stdout, text);
        }
        other.write(&clock, &tenant, LogSource::Stdout, "ab");
        let texts = |lines: Vec<LogLine>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(log.finish(&clock)), ["abc", "", "abc"]);
        let dropped = format!("1 more lines (2 bytes) of this call were dropped: {OVER_QUOTA}");
        assert_eq!(texts(other.finish(&clock)), [dropped]);
        let unlimited = LogBuffer::default();
        unlimited.write(&clock, &Tenant::new("other"), LogSource::Stdout, "ab");
        assert_eq!(texts(unlimited.finish(&clock)), ["ab"]);
    }
}
