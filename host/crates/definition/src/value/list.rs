//! Lists of values of one type.

use schemars::{Schema, json_schema};

use super::{Field, Keys, Reader, ValueType};
use crate::source::Located;

/// Maximum number of entries of a list. An operator has to read and grant each of them.
const MAX_LEN: usize = 64;

/// A list of items.
#[derive(Clone, Copy)]
pub(crate) struct List<I> {
    /// The type of an item.
    pub(crate) item: I,
    /// What the items are, in the plural.
    pub(crate) items: &'static str,
    /// Minimum number of items.
    pub(crate) min: usize,
}

impl<T: Clone, I: ValueType<Value = Option<T>>> ValueType for List<I> {
    type Value = Vec<Located<T>>;

    fn expected(&self) -> String {
        match self.min {
            0 => format!("a list of at most {MAX_LEN} {}", self.items),
            min => format!("a list of {min} to {MAX_LEN} {}", self.items),
        }
    }

    fn example(&self) -> String {
        format!("[{}]", self.item.example())
    }

    fn default(&self) -> Self::Value {
        Vec::new()
    }

    /// Parses the items. Reports and drops invalid ones.
    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let Some(fields) = field.items().filter(|fields| (self.min..=MAX_LEN).contains(&fields.len())) else {
            return reader.reject(self, field);
        };
        let read = |field: &Field<'_>| Some(Located { value: self.item.parse(field, reader)??, span: field.span() });
        Some(fields.iter().filter_map(read).collect())
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        let items = value.iter().filter_map(|entry| self.item.written(&Some(entry.value.clone())));
        (!value.is_empty()).then(|| items.collect())
    }

    fn schema(&self) -> Schema {
        let mut schema = json_schema!({ "type": "array", "items": self.item.schema(), "maxItems": MAX_LEN });
        if self.min > 0 {
            schema.insert("minItems".to_owned(), self.min.into());
        }
        schema
    }

    fn keys(&self) -> Keys {
        self.item.keys()
    }
}
