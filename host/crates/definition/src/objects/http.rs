//! `sandbox.http`: the origins and methods of the requests that a task makes. The operator decides what is granted.

use saggar_grant::{Method, OriginPattern};
use schemars::{Schema, json_schema};

use crate::key::Key;
use crate::parts::HttpRequest;
use crate::raw::RawObject;
use crate::value::{Field, Form, Keys, List, METHOD, ORIGIN, Reader, ValueType, object_schema, written_object};

/// A list of origins, or an object with origins and methods.
#[derive(Clone, Copy)]
pub(crate) struct Http;

/// The origins alone.
const LIST: List<Form<OriginPattern>> = List { item: ORIGIN, items: "origins", min: 0 };

/// The keys of the object.
const KEYS: Keys = &[&ORIGINS, &METHODS];

const ORIGINS: Key<List<Form<OriginPattern>>> = Key::new(
    "origins",
    List { item: ORIGIN, items: "origins", min: 1 },
    "Origins such as https://api.example.com, or https://*.example.com for all names below example.com.",
)
.required()
.or(&["origin", "hosts", "urls"]);

const METHODS: Key<List<Form<Method>>> = Key::new(
    "methods",
    List { item: METHOD, items: "methods", min: 1 },
    "Methods such as GET. Without it, all methods that the operator grants.",
)
.or(&["method"]);

impl ValueType for Http {
    type Value = Option<HttpRequest>;

    fn expected(&self) -> String {
        format!("{}, or an object with `origins` and `methods`", LIST.expected())
    }

    fn example(&self) -> String {
        LIST.example()
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        if field.value.as_object().is_some() {
            let raw = RawObject::open(self, field, reader)?;
            let (origins, methods) = (raw.read(&ORIGINS, reader), raw.read(&METHODS, reader));
            return Some(Some(HttpRequest { origins, methods }));
        }
        if field.value.as_array().is_none() {
            return reader.reject(self, field);
        }
        let origins = LIST.parse(field, reader)?;
        Some(Some(HttpRequest { origins, methods: Vec::new() }).filter(|request| !request.origins.is_empty()))
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        let HttpRequest { origins, methods } = value.as_ref()?;
        match methods.is_empty() {
            true => LIST.written(origins),
            false => written_object([ORIGINS.written(origins), METHODS.written(methods)]),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [LIST.schema(), object_schema(KEYS)] })
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}
