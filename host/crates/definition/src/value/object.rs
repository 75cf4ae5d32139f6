//! Keys as the table of them sees them, and the JSON Schema of an object that has them.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

/// The keys of one object.
pub(crate) type Keys = &'static [&'static dyn KnownKey];

/// A key, whatever its form is.
pub(crate) trait KnownKey {
    /// The key as a file writes it.
    fn name(&self) -> &'static str;

    /// Names by which people may look for it.
    fn aliases(&self) -> &'static [&'static str];

    /// Whether an object must have it.
    fn is_required(&self) -> bool;

    /// The keys of its value, if that can be an object.
    fn keys(&self) -> Keys;

    /// The JSON Schema of its value, with description and default.
    fn schema(&self) -> Schema;
}

/// The JSON Schema of an object with these keys and no others.
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
