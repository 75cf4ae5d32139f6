//! `sandbox.kv`: what a task does with the key-value store. The operator decides what is granted.

use saggar_grant::Access;
use schemars::{Schema, json_schema};

use crate::key::Key;
use crate::parts::KvRequest;
use crate::raw::RawObject;
use crate::source::Located;
use crate::value::{ACCESS, Choice, Field, Form, KEY_PREFIX, Keys, Reader, ValueType, object_schema, written_object};

/// The access, or an object with the access and a prefix.
#[derive(Clone, Copy)]
pub(crate) struct Kv;

/// The keys of the object.
const KEYS: Keys = &[&ACCESS_KEY, &PREFIX];

const ACCESS_KEY: Key<Choice<Access>> =
    Key::new("access", ACCESS, "read looks at values; write changes them as well.").or(&["mode"]);

const PREFIX: Key<Form<String>> =
    Key::new("prefix", KEY_PREFIX, "The beginning of the keys that it uses: \"mail/\". Without it, all keys.");

impl ValueType for Kv {
    type Value = Option<Located<KvRequest>>;

    fn expected(&self) -> String {
        format!("{}, or an object with `access` and `prefix`", ACCESS.expected())
    }

    fn example(&self) -> String {
        r#"{"access": "write", "prefix": "mail/"}"#.to_owned()
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let request = if field.value.as_object().is_some() {
            let raw = RawObject::open(self, field, reader)?;
            let (access, prefix) = (raw.read(&ACCESS_KEY, reader), raw.read(&PREFIX, reader));
            KvRequest { access, prefix: prefix.unwrap_or_default() }
        } else {
            let text = reader.text(self, field)?;
            let Some(access) = ACCESS.value(&text) else { return reader.reject(self, field) };
            KvRequest { access, prefix: String::new() }
        };
        Some(Some(Located { value: request, span: field.span() }))
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        let KvRequest { access, prefix } = &value.as_ref()?.value;
        match prefix.is_empty() {
            true => ACCESS.written(access),
            false => written_object([ACCESS_KEY.written(access), PREFIX.written(&Some(prefix.clone()))]),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [ACCESS.schema(), object_schema(KEYS)] })
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}
