//! Texts of a form that a function checks.

use schemars::{Schema, json_schema};

use super::{Field, Reader, ValueType};

/// A text that a function parses.
pub(crate) struct Form<T: 'static> {
    /// What it is, in words that follow "must be".
    pub(crate) expected: &'static str,
    /// An example, in JSON.
    pub(crate) example: &'static str,
    /// Parses a text. The error says what to write instead.
    pub(crate) parse: fn(&str) -> Result<T, String>,
    /// Returns the text of a value.
    pub(crate) text: fn(&T) -> String,
}

// Derived implementations would ask for values that can be copied.
impl<T> Clone for Form<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Form<T> {}

impl<T> ValueType for Form<T> {
    type Value = Option<T>;

    fn expected(&self) -> String {
        self.expected.to_owned()
    }

    fn example(&self) -> String {
        self.example.to_owned()
    }

    fn default(&self) -> Option<T> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Option<T>> {
        let text = reader.text(self, field)?;
        match (self.parse)(&text) {
            Ok(value) => Some(Some(value)),
            // The error may repeat a part of the text.
            Err(_) if field.is_secret() => reader.reject(self, field),
            Err(help) => reader.reject_with(self, field, help),
        }
    }

    fn written(&self, value: &Option<T>) -> Option<serde_json::Value> {
        value.as_ref().map(|value| (self.text)(value).into())
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string" })
    }
}
