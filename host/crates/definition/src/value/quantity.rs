//! Numbers with a unit: bytes such as `64MiB`, and durations such as `7d`.

use std::ops::RangeInclusive;
use std::time::Duration;

use schemars::{Schema, json_schema};

use super::number::number;
use super::{Field, Reader, ValueType, text_schema};
use crate::source::Located;

/// Units of bytes, largest first.
const BYTE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units of time in seconds, largest first.
const TIME_UNITS: [(&str, u64); 4] = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];

/// A number of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) default: u64,
}

/// A number of bytes that can be left out.
#[derive(Clone, Copy)]
pub(crate) struct OptionalBytes {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) example: u64,
}

/// A duration with a unit.
#[derive(Clone, Copy)]
pub(crate) struct Period {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    pub(crate) default: Duration,
}

impl ValueType for Bytes {
    type Value = u64;

    fn expected(&self) -> String {
        format!("a number of bytes from {} to {}", bytes_text(self.min), bytes_text(self.max))
    }

    fn default(&self) -> u64 {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(self.example())
    }

    fn example(&self) -> String {
        format!("\"{}\"", bytes_text(self.default))
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<u64> {
        read_bytes(self, self.min..=self.max, field, reader)
    }

    fn written(&self, value: &u64) -> Option<serde_json::Value> {
        Some(bytes_text(*value).into())
    }

    fn schema(&self) -> Schema {
        bytes_schema(self.min, self.max)
    }
}

impl ValueType for OptionalBytes {
    type Value = Option<Located<u64>>;

    fn expected(&self) -> String {
        format!("a number of bytes from {} to {}", bytes_text(self.min), bytes_text(self.max))
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn example(&self) -> String {
        format!("\"{}\"", bytes_text(self.example))
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let value = read_bytes(self, self.min..=self.max, field, reader)?;
        Some(Some(Located { value, span: field.span() }))
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        value.as_ref().map(|bytes| bytes_text(bytes.value).into())
    }

    fn schema(&self) -> Schema {
        bytes_schema(self.min, self.max)
    }
}

fn read_bytes(
    ty: &impl ValueType,
    range: RangeInclusive<u64>,
    field: &Field<'_>,
    reader: &mut Reader<'_>,
) -> Option<u64> {
    let text = reader.scalar(ty, field)?.into_text();
    match bytes(&text).filter(|bytes| range.contains(bytes)) {
        Some(bytes) => Some(bytes),
        None => reject_bytes(ty, &text, field, reader),
    }
}

/// Reports an invalid value. `64MB` is invalid because it is ambiguous; the help suggests `64MiB`.
fn reject_bytes<T>(ty: &impl ValueType, text: &str, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<T> {
    let (count, unit) = split_unit(text);
    let binary = unit.chars().next().map(|prefix| format!("{count}{}iB", prefix.to_ascii_uppercase()));
    match binary.filter(|binary| !field.is_secret() && bytes(text).is_none() && bytes(binary).is_some()) {
        Some(binary) => reader.reject_with(ty, field, format!("write \"{binary}\"; units are KiB, MiB and GiB")),
        None => reader.reject(ty, field),
    }
}

fn bytes_schema(min: u64, max: u64) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            text_schema(r"[0-9]+(\.[0-9]+)? ?([KkMmGg][Ii])?[Bb]?"),
        ],
    })
}

impl ValueType for Period {
    type Value = Duration;

    fn expected(&self) -> String {
        format!(
            "a duration from {} to {}, such as \"90s\", \"15m\", \"24h\" or \"7d\"",
            period_text(self.min),
            period_text(self.max)
        )
    }

    fn default(&self) -> Duration {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(self.example())
    }

    fn example(&self) -> String {
        format!("\"{}\"", period_text(self.default))
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Duration> {
        let text = reader.scalar(self, field)?.into_text();
        match period(&text).filter(|period| (self.min..=self.max).contains(period)) {
            Some(period) => Some(period),
            None => reader.reject(self, field),
        }
    }

    fn written(&self, value: &Duration) -> Option<serde_json::Value> {
        Some(period_text(*value).into())
    }

    fn schema(&self) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number", "minimum": self.min.as_secs_f64(), "maximum": self.max.as_secs_f64() },
                text_schema(r"[0-9]+(\.[0-9]+)? ?[smhdSMHD]?"),
            ],
        })
    }
}

/// Parses a number of bytes such as `64MiB`, `1.5 GiB` or `1048576`.
fn bytes(text: &str) -> Option<u64> {
    let bytes = scaled(text, &BYTE_UNITS)?;
    // Below 2^53, an `f64` shows reliably whether it has a fraction.
    (bytes.fract() == 0.0).then_some(bytes as u64)
}

/// Parses a duration such as `90s`, `1.5h` or `3600` (seconds).
pub(super) fn period(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(scaled(text, &TIME_UNITS)?).ok()
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<f64> {
    if let Some(plain) = number(text) {
        return Some(plain);
    }
    let (count, unit) = split_unit(text);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    Some(number(count)? * *factor as f64)
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (count, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len()));
    (count.trim(), unit)
}

/// Formats a number of bytes in the largest unit without a fraction.
pub fn bytes_text(bytes: u64) -> String {
    in_units(bytes, &BYTE_UNITS).map_or_else(|| bytes.to_string(), |(count, unit)| format!("{count}{unit}"))
}

/// Formats a duration in the largest unit without a fraction, or in seconds with a fraction.
pub(super) fn period_text(period: Duration) -> String {
    let whole = Some(period).filter(|period| period.subsec_nanos() == 0);
    match whole.and_then(|period| in_units(period.as_secs(), &TIME_UNITS)) {
        Some((1, "d")) => "24h".to_owned(),
        Some((count, unit)) => format!("{count}{unit}"),
        None => format!("{}s", period.as_secs_f64()),
    }
}

fn in_units(amount: u64, units: &[(&'static str, u64)]) -> Option<(u64, &'static str)> {
    let (unit, factor) = units.iter().find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))?;
    Some((amount / factor, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_binary_units_in_any_case() {
        assert_eq!(bytes("64MiB"), Some(64 << 20));
        assert_eq!(bytes("1.5 gib"), Some(3 << 29));
        assert_eq!(bytes("1048576"), Some(1 << 20));
        for text in ["64MB", "MiB", "64 Mi B", "0.3B", "-1e400", "１MiB", "64M"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn periods_without_a_unit_are_seconds() {
        let seconds = |text| period(text).map(|period| period.as_secs_f64());
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("1.5h"), Some(5400.0));
        assert_eq!(seconds("7d"), Some(604_800.0));
        assert_eq!(seconds("60"), Some(60.0));
        for text in ["-1s", "1w", "h", "1e300", "1h30m"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!((bytes_text(4 << 30), bytes_text(1000)), ("4GiB".to_owned(), "1000B".to_owned()));
        assert_eq!(period_text(Duration::from_secs(90 * 60)), "90m");
        assert_eq!(period_text(Duration::from_millis(1500)), "1.5s");
    }
}
