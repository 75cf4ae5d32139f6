//! Numeric values: counts, bytes, durations, fractions.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Field, Reader, ValueType};

/// The units of bytes, largest first.
const BYTE_UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A whole number.
pub(crate) struct Count {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) default: usize,
}

/// A number of bytes.
pub(crate) struct Bytes {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) default: usize,
}

/// A duration.
pub(crate) struct TimeSpan {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    pub(crate) default: Duration,
}

/// A fraction from 0 to 1.
pub(crate) struct Fraction {
    pub(crate) default: f64,
}

impl ValueType for Count {
    type Value = usize;

    fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }

    fn example(&self) -> &'static str {
        "1000"
    }

    fn default(&self) -> usize {
        self.default
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<usize> {
        let count = reader.scalar(self, field)?.parse().ok();
        count.filter(|count| (self.min..=self.max).contains(count)).or_else(|| reader.reject(self, field))
    }

    fn to_json(&self, value: &usize) -> Value {
        json!(value)
    }
}

impl ValueType for Bytes {
    type Value = usize;

    fn expected(&self) -> String {
        format!("a number of bytes from {} to {}", bytes_text(self.min), bytes_text(self.max))
    }

    fn example(&self) -> &'static str {
        "\"64KiB\""
    }

    fn default(&self) -> usize {
        self.default
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<usize> {
        let bytes = bytes(reader.scalar(self, field)?);
        bytes.filter(|bytes| (self.min..=self.max).contains(bytes)).or_else(|| reader.reject(self, field))
    }

    fn to_json(&self, value: &usize) -> Value {
        json!(bytes_text(*value))
    }
}

impl ValueType for TimeSpan {
    type Value = Duration;

    fn expected(&self) -> String {
        format!("a duration from {} to {}", time_text(self.min), time_text(self.max))
    }

    fn example(&self) -> &'static str {
        "\"1m 30s\""
    }

    fn default(&self) -> Duration {
        self.default
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Duration> {
        let time = time(reader.scalar(self, field)?);
        time.filter(|time| (self.min..=self.max).contains(time)).or_else(|| reader.reject(self, field))
    }

    fn to_json(&self, value: &Duration) -> Value {
        json!(time_text(*value))
    }
}

impl ValueType for Fraction {
    type Value = f64;

    fn expected(&self) -> String {
        "a number from 0 to 1".to_owned()
    }

    fn example(&self) -> &'static str {
        "0.1"
    }

    fn default(&self) -> f64 {
        self.default
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<f64> {
        let share = reader.scalar(self, field)?.trim().parse().ok();
        share.filter(|share| (0.0..=1.0).contains(share)).or_else(|| reader.reject(self, field))
    }

    fn to_json(&self, value: &f64) -> Value {
        json!(value)
    }
}

/// Parses a number of bytes such as `64KiB` or `65536`. Refuses `64KB`, because it is ambiguous.
fn bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = if unit.is_empty() { "B" } else { unit.trim() };
    let (_, factor) = BYTE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    count.parse::<usize>().ok()?.checked_mul(*factor)
}

fn bytes_text(bytes: usize) -> String {
    let whole = BYTE_UNITS.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    whole.map_or_else(|| bytes.to_string(), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

/// Parses a duration such as `90s` or `1m 30s`. Numbers without a unit, such as `90` and `0.5`, are seconds.
pub(crate) fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

fn time_text(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_units() {
        for (text, expected) in
            [("65536", Some(65_536)), ("64KiB", Some(65_536)), ("1 mib", Some(1 << 20)), ("7B", Some(7))]
        {
            assert_eq!(bytes(text), expected, "{text}");
        }
        for text in ["", "KiB", "64KB", "-1", "1.5KiB", "99999999999999999999", "18446744073709551615MiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert_eq!((bytes_text(65_536), bytes_text(1000), bytes_text(0)), ("64KiB".into(), "1000B".into(), "0".into()));
    }

    #[test]
    fn durations_without_a_unit_are_seconds() {
        let ms = |text| time(text).map(|time| time.as_millis());
        for (text, expected) in
            [("30s", 30_000), ("30", 30_000), ("0.5", 500), ("1m 30s", 90_000), ("250ms", 250), ("0s", 0)]
        {
            assert_eq!(ms(text), Some(expected), "{text}");
        }
        for text in ["", "s", "-1", "-1s", "1e300", "nan", "inf", "5x", "30 parrots"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
