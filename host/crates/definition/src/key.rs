//! A key of a task file: its name, value type and meaning.

use schemars::Schema;
use serde_json::Value;

use crate::value::{Keys, KnownKey, ValueType};

/// A key of a task file.
pub(crate) struct Key<F> {
    /// The name of the key in a file.
    pub(crate) name: &'static str,
    /// The type of its value.
    pub(crate) ty: F,
    /// Its meaning, for the JSON Schema.
    pub(crate) meaning: &'static str,
    /// Whether an object must have it.
    pub(crate) is_required: bool,
    /// Other names that people may try.
    pub(crate) aliases: &'static [&'static str],
}

impl<F> Key<F> {
    /// Creates an optional key.
    pub(crate) const fn new(name: &'static str, ty: F, meaning: &'static str) -> Self {
        Self { name, ty, meaning, is_required: false, aliases: &[] }
    }

    /// Makes the key required.
    pub(crate) const fn required(self) -> Self
    where
        F: Copy, // a const function cannot drop its argument
    {
        Self { is_required: true, ..self }
    }

    /// Adds names that people may try.
    pub(crate) const fn or(self, aliases: &'static [&'static str]) -> Self
    where
        F: Copy,
    {
        Self { aliases, ..self }
    }
}

impl<F: ValueType> Key<F> {
    /// Returns the key with its value, as an author would write it; `None` if the key would be left out.
    pub(crate) fn written(&self, value: &F::Value) -> Option<(&'static str, Value)> {
        Some((self.name, self.ty.written(value)?))
    }
}

impl<F: ValueType> KnownKey for Key<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn is_required(&self) -> bool {
        self.is_required
    }

    fn keys(&self) -> Keys {
        self.ty.keys()
    }

    fn schema(&self) -> Schema {
        let mut schema = self.ty.schema();
        schema.insert("description".to_owned(), self.meaning.into());
        let default = self.ty.default_text().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(default) = default {
            schema.insert("default".to_owned(), default);
        }
        schema
    }
}
