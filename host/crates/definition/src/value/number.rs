//! Numbers, which may also be written as text: integers, seconds, and fractions.

use std::time::Duration;

use schemars::{Schema, json_schema};

use super::{Field, Reader, ValueType, quantity, text_schema};

/// Pattern of a text that is a number, for the JSON Schema.
const NUMBER_PATTERN: &str = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?";

/// Up to this number, an `f64` represents every integer.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A non-negative integer.
#[derive(Clone, Copy)]
pub(crate) struct Integer {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) default: u64,
    /// The unit, if the key's name does not say it.
    pub(crate) unit: Option<&'static str>,
}

/// A duration in seconds, with fractions.
#[derive(Clone, Copy)]
pub(crate) struct Seconds {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    pub(crate) default: Duration,
    /// Whether 0 means the default.
    pub(crate) zero_is_default: bool,
}

/// A number from 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Fraction;

impl ValueType for Integer {
    type Value = u64;

    fn expected(&self) -> String {
        let unit = self.unit.map(|unit| format!(" of {unit}")).unwrap_or_default();
        format!("a whole number{unit} from {} to {}", grouped(self.min), grouped(self.max))
    }

    fn default(&self) -> u64 {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(self.example())
    }

    fn example(&self) -> String {
        self.default.to_string()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<u64> {
        let text = reader.scalar(self, field)?.into_text();
        match integer(&text).filter(|number| (self.min..=self.max).contains(number)) {
            Some(number) => Some(number),
            None => reader.reject(self, field),
        }
    }

    fn written(&self, value: &u64) -> Option<serde_json::Value> {
        Some((*value).into())
    }

    fn schema(&self) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": self.min, "maximum": self.max },
                text_schema(NUMBER_PATTERN),
            ],
        })
    }
}

impl ValueType for Seconds {
    type Value = Duration;

    fn expected(&self) -> String {
        let days = quantity::period_text(self.max);
        format!("a number of seconds from {} to {} ({days})", self.min.as_secs_f64(), grouped(self.max.as_secs()))
    }

    fn default(&self) -> Duration {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(self.example())
    }

    fn example(&self) -> String {
        self.default.as_secs_f64().to_string()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Duration> {
        let text = reader.scalar(self, field)?.into_text();
        let seconds = number(&text);
        if self.zero_is_default && seconds == Some(0.0) {
            return Some(self.default);
        }
        let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match duration.filter(|duration| (self.min..=self.max).contains(duration)) {
            Some(duration) => Some(duration),
            None => self.reject(&text, field, reader),
        }
    }

    fn written(&self, value: &Duration) -> Option<serde_json::Value> {
        // Whole seconds without a fraction, as an author writes them.
        let whole = (value.subsec_nanos() == 0).then(|| value.as_secs().into());
        Some(whole.unwrap_or_else(|| value.as_secs_f64().into()))
    }

    fn schema(&self) -> Schema {
        let min = if self.zero_is_default { 0.0 } else { self.min.as_secs_f64() };
        json_schema!({
            "anyOf": [
                { "type": "number", "minimum": min, "maximum": self.max.as_secs_f64() },
                text_schema(NUMBER_PATTERN),
            ],
        })
    }
}

impl Seconds {
    fn reject<T>(&self, text: &str, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<T> {
        match quantity::period(text).filter(|_| number(text).is_none() && !field.is_secret()) {
            Some(period) => reader.reject_with(self, field, format!("write {}", period.as_secs_f64())),
            None => reader.reject(self, field),
        }
    }
}

impl ValueType for Fraction {
    type Value = f64;

    fn expected(&self) -> String {
        "a number from 0 to 1".to_owned()
    }

    fn default(&self) -> f64 {
        0.0
    }

    fn default_text(&self) -> Option<String> {
        Some("0".to_owned())
    }

    fn example(&self) -> String {
        "0.1".to_owned()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<f64> {
        let text = reader.scalar(self, field)?.into_text();
        match number(&text).filter(|fraction| (0.0..=1.0).contains(fraction)) {
            Some(fraction) => Some(fraction),
            None => reader.reject(self, field),
        }
    }

    fn written(&self, value: &f64) -> Option<serde_json::Value> {
        Some((*value).into())
    }

    fn schema(&self) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "number", "minimum": 0, "maximum": 1 }, text_schema(NUMBER_PATTERN)],
        })
    }
}

/// Parses a finite number in JSON's notation; Rust's own parser also accepts `inf`, `NaN` and `+1`.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_json = text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    if !is_json {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Parses a non-negative integer, which may be written as `1.0` or `1e3`.
fn integer(text: &str) -> Option<u64> {
    let number = number(text)?;
    text.trim().parse().ok().or_else(|| {
        let is_whole = number.fract() == 0.0 && (0.0..=MAX_EXACT).contains(&number);
        is_whole.then_some(number as u64)
    })
}

/// Groups the digits of a number: `10,000,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_numbers_are_numbers() {
        assert_eq!(number("1.5e3"), Some(1500.0));
        assert_eq!(number(" -2 "), Some(-2.0));
        for text in ["", "-", "+1", "inf", "NaN", "0x10", "1e999", "1e", ".5", "١", "1_000"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_have_no_fraction_sign_or_rounding() {
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer("1e3"), Some(1000));
        assert_eq!(integer("-0"), Some(0));
        for text in ["1.5", "-1", "18446744073709551616", "1e17", "+5", "ten"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(
            (grouped(999), grouped(1000), grouped(12_345_678)),
            ("999".into(), "1,000".into(), "12,345,678".into())
        );
    }
}
