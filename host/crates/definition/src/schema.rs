//! The JSON Schema of a task file, for editors. `keys` provides keys, limits and descriptions.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::keys;
use crate::value::object_schema;

/// A task file, for the schema generator.
struct TaskFile;

impl JsonSchema for TaskFile {
    fn schema_name() -> Cow<'static, str> {
        "Saggar task".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = object_schema(keys::TASK);
        let description = "A task of Saggar: what runs, how many jobs at once, how long, and which handlers are called. Any \
                           text may be \"$ENV.NAME\", the value of an environment variable.";
        schema.insert("description".to_owned(), description.into());
        schema
    }
}

/// Returns the JSON Schema (draft 07, which editors support best) of a task file.
pub fn schema() -> serde_json::Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<TaskFile>().to_value()
}
