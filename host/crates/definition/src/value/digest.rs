//! Digests of code, by which a task pins a version of its processor.

use schemars::Schema;

use super::{Field, Reader, ValueType, text_schema};
use crate::source::Located;

const PREFIX: &str = "sha256:";

/// Pattern of a digest, for the JSON Schema.
const PATTERN: &str = "sha256:[0-9a-f]{64}";

/// The digest of a component or of a script; in hexadecimal, without the prefix.
#[derive(Clone, Copy)]
pub(crate) struct Digest;

impl ValueType for Digest {
    type Value = Option<Located<String>>;

    fn expected(&self) -> String {
        format!("`{PREFIX}` and 64 hexadecimal digits in lower case")
    }

    fn example(&self) -> String {
        format!("\"{PREFIX}{}\"", "0123456789abcdef".repeat(4))
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let text = reader.text(self, field)?;
        match text.strip_prefix(PREFIX).filter(|digits| is_digest(digits)) {
            Some(digits) => Some(Some(Located { value: digits.to_owned(), span: field.span() })),
            None => reader.reject_with(self, field, "copy it from `saggar deployments` or from `saggar check`"),
        }
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        value.as_ref().map(|digest| format!("{PREFIX}{}", digest.value).into())
    }

    fn schema(&self) -> Schema {
        text_schema(PATTERN)
    }
}

/// Returns whether this is a SHA-256 in hexadecimal.
fn is_digest(digits: &str) -> bool {
    digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_digests_in_lower_case_are_accepted() {
        assert!(is_digest(&"0a".repeat(32)));
        for bad in ["", "0a", &"0A".repeat(32), &"0a".repeat(33), &"0g".repeat(32)] {
            assert!(!is_digest(bad), "{bad}");
        }
    }
}
