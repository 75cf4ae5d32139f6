//! Checks that a text is JSON, without building anything from it. Runs outside the guest's stack.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Whether `text` is one valid JSON value that nests at most 128 levels deep; if not, what is wrong and where.
///
/// The limit of 128 is serde_json's own, below which its recursion is known to be safe.
pub fn check_json(text: &str) -> Result<(), String> {
    // The answers of most jobs; not worth a parser's set-up.
    if matches!(text, "null" | "true" | "false" | "{}" | "[]" | "\"\"") {
        return Ok(());
    }
    match serde_json::from_str::<Checked>(text) {
        Ok(Checked) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Any JSON value, read to its end and forgotten. serde's own `IgnoredAny` will not do: serde_json skips it without
/// looking into strings and without its limit of depth.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_json_and_nothing_else() {
        for good in ["null", "[1,2.5e3,\"x\\u00e9\"]", " {\"a\":[{}]} ", "\"\"", "0"] {
            assert_eq!(check_json(good), Ok(()), "{good}");
        }
        for bad in ["", "nul", "[1,]", "{a:1}", "1 2", "\"\\ud800\"", "\"a", "[1", "01", "NaN", "\"\n\""] {
            assert!(check_json(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_what_nests_too_deep_without_using_up_the_stack() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(check_json(&deep(127)), Ok(()));
        assert!(check_json(&deep(129)).is_err());
        assert!(check_json(&deep(1_000_000)).is_err());
        assert!(check_json(&"{\"a\":".repeat(100_000)).is_err());
    }
}
