//! Texts that a function parses: one, or a list.

use serde_json::Value;

use super::super::input::RawValue;
use super::table::MAX_ENTRIES;
use super::{Field, Reader, ValueType};

/// A text.
pub(super) struct Word<T: 'static> {
    /// What it is, in words that follow "must be".
    pub(super) expected: &'static str,
    pub(super) example: &'static str,
    /// Parses a text; the error says what to write instead.
    pub(super) parse: fn(&str) -> Result<T, String>,
}

/// A list of texts.
pub(super) struct WordList<T: 'static> {
    /// What they are, in the plural.
    pub(super) words: &'static str,
    pub(super) example: &'static str,
    /// Whether there must be one.
    pub(super) is_required: bool,
    /// Parses a text; the error says what to write instead.
    pub(super) parse: fn(&str) -> Result<T, String>,
}

impl<T> ValueType for Word<T> {
    type Value = Option<T>;

    fn expected(&self) -> String {
        self.expected.to_owned()
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn default(&self) -> Option<T> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Option<T>> {
        match (self.parse)(reader.text(self, field)?) {
            Ok(value) => Some(Some(value)),
            Err(help) => reader.reject_with(self, field, help),
        }
    }

    /// The value is shown with the table that it is in.
    fn to_json(&self, _: &Option<T>) -> Value {
        Value::Null
    }
}

impl<T> ValueType for WordList<T> {
    type Value = Vec<T>;

    fn expected(&self) -> String {
        match self.is_required {
            true => format!("a list of 1 to {MAX_ENTRIES} {}", self.words),
            false => format!("a list of at most {MAX_ENTRIES} {}", self.words),
        }
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn default(&self) -> Vec<T> {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Vec<T>> {
        let RawValue::List(items) = &field.node.value else { return reader.reject(self, field) };
        if !(usize::from(self.is_required)..=MAX_ENTRIES).contains(&items.len()) {
            let message = format!("`{}` must be {}, and has {}", field.name, self.expected(), items.len());
            reader.error(field.node, message, format!("write for example `{}`", self.example));
            return None;
        }
        let mut values = Vec::new();
        for item in items {
            let parsed = match &item.value {
                RawValue::Text(text) => (self.parse)(text),
                _ => Err(format!("write for example `{}`", self.example)),
            };
            match parsed {
                Ok(value) => values.push(value),
                Err(help) => {
                    reader.error(item, format!("`{}` has an invalid item, {}", field.name, item.value.found()), help);
                }
            }
        }
        (values.len() == items.len()).then_some(values)
    }

    /// The values are shown with the table that they are in.
    fn to_json(&self, _: &Vec<T>) -> Value {
        Value::Null
    }
}
