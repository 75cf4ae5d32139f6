//! Values in words: text, choices, booleans, and ignored values.

use schemars::{Schema, json_schema};

use super::{Field, Reader, Scalar, ValueType, text_schema};
use crate::suggest;

/// One line of text for people.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    /// Maximum number of characters.
    pub(crate) max_chars: usize,
}

/// One of a few names; the first is the default.
#[derive(Clone, Copy)]
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

/// True or false.
#[derive(Clone, Copy)]
pub(crate) struct Bool;

/// Any value, which is ignored.
#[derive(Clone, Copy)]
pub(crate) struct Ignored;

impl ValueType for Text {
    type Value = Option<String>;

    fn expected(&self) -> String {
        format!("one line of at most {} characters", self.max_chars)
    }

    fn example(&self) -> String {
        "\"Send mail\"".to_owned()
    }

    fn default(&self) -> Option<String> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Option<String>> {
        let text = reader.text(self, field)?;
        if text.chars().count() > self.max_chars || text.contains(char::is_control) {
            return reader.reject(self, field);
        }
        Some(Some(text).filter(|text| !text.trim().is_empty()))
    }

    fn written(&self, value: &Option<String>) -> Option<serde_json::Value> {
        value.clone().map(Into::into)
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string", "maxLength": self.max_chars })
    }
}

impl<T: Copy + PartialEq> Choice<T> {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Returns the value with this name.
    pub(crate) fn value(&self, name: &str) -> Option<T> {
        self.0.iter().find(|(one, _)| *one == name).map(|(_, value)| *value)
    }
}

impl<T: Copy + PartialEq> ValueType for Choice<T> {
    type Value = T;

    fn expected(&self) -> String {
        let names: Vec<String> = self.names().map(|name| format!("{name:?}")).collect();
        match names.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => names.concat(),
        }
    }

    fn example(&self) -> String {
        self.names().last().map(|name| format!("{name:?}")).unwrap_or_default()
    }

    fn default(&self) -> T {
        let (_, value) = self.0[0];
        value
    }

    fn default_text(&self) -> Option<String> {
        self.names().next().map(|name| format!("{name:?}"))
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<T> {
        let text = reader.text(self, field)?;
        if let Some(value) = self.value(&text) {
            return Some(value);
        }
        let nearest = suggest::nearest(&text, self.names());
        match nearest.filter(|_| !field.is_secret()) {
            Some(name) => reader.reject_with(self, field, format!("write {name:?}")),
            None => reader.reject(self, field),
        }
    }

    fn written(&self, value: &T) -> Option<serde_json::Value> {
        let (name, _) = self.0.iter().find(|(_, one)| one == value)?;
        Some((*name).into())
    }

    fn schema(&self) -> Schema {
        text_schema(&self.names().collect::<Vec<_>>().join("|"))
    }
}

impl ValueType for Bool {
    type Value = bool;

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn example(&self) -> String {
        "true".to_owned()
    }

    fn default(&self) -> bool {
        false
    }

    fn default_text(&self) -> Option<String> {
        Some("false".to_owned())
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<bool> {
        if let Some(literal) = field.value.as_boolean_lit() {
            return Some(literal.value);
        }
        match reader.scalar(self, field)? {
            Scalar::Text(text) if text == "true" => Some(true),
            Scalar::Text(text) if text == "false" => Some(false),
            _ => reader.reject(self, field),
        }
    }

    fn written(&self, value: &bool) -> Option<serde_json::Value> {
        Some((*value).into())
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, text_schema("true|false")] })
    }
}

impl ValueType for Ignored {
    type Value = ();

    fn expected(&self) -> String {
        "anything".to_owned()
    }

    fn example(&self) -> String {
        "\"…\"".to_owned()
    }

    fn default(&self) {}

    fn parse(&self, _: &Field<'_>, _: &mut Reader<'_>) -> Option<()> {
        Some(())
    }

    fn written(&self, _: &()) -> Option<serde_json::Value> {
        None
    }

    fn schema(&self) -> Schema {
        json_schema!({})
    }
}
