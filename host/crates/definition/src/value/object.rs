//! Keys as trait objects, and the JSON Schema of an object with such keys.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

/// The keys of one object.
pub(crate) type Keys = &'static [&'static dyn KnownKey];

/// A key of any value type.
pub(crate) trait KnownKey {
    /// Returns the name of the key in a file.
    fn name(&self) -> &'static str;

    /// Returns other names that people may try.
    fn aliases(&self) -> &'static [&'static str];

    /// Returns whether an object must have the key.
    fn is_required(&self) -> bool;

    /// Returns the keys of its value, if the value can be an object.
    fn keys(&self) -> Keys;

    /// Returns the JSON Schema of its value, with description and default.
    fn schema(&self) -> Schema;
}

/// Returns an object of these keys and values; `None` without any.
pub(crate) fn written_object<const N: usize>(entries: [Option<(&'static str, Value)>; N]) -> Option<Value> {
    let object: Map<String, Value> =
        entries.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// Returns the JSON Schema of an object with these keys and no others.
pub(crate) fn object_schema(keys: Keys) -> Schema {
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name().to_owned(), key.schema().to_value())).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.is_required()).map(|key| key.name()).collect();
    let mut schema = json_schema!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}
