//! The format of test files: the types that they are read into, and their JSON Schema, which is made of the same types.

use std::borrow::Cow;

use anyhow::Context;
use clap::ValueEnum;
use saggar_job::FailureKind;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::author::RoleArg;

/// Maximum number of cases in a file.
pub(super) const MAX_CASES: usize = 10_000;

/// A test file of Saggar: calls of the code beside it, and what they have to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TestFile {
    /// For editors: the location of this JSON Schema.
    #[serde(rename = "$schema", default)]
    #[schemars(with = "Option<String>")]
    _schema: IgnoredAny,
    /// The calls.
    #[serde(deserialize_with = "cases")]
    #[schemars(schema_with = "cases_schema")]
    cases: Vec<Case>,
}

/// A call, and what it has to do. What is not given is not checked, except that the call must not fail without
/// `problem`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The name in the output.
    pub(super) name: Option<String>,
    /// One of several handlers, or the function of a script.
    pub(super) handler: Option<String>,
    /// The name of the role; a processor by default.
    #[schemars(with = "Option<RoleName>")]
    role: Option<String>,
    /// The task of the app whose limits count, if several name the function.
    pub(super) task: Option<String>,
    /// The arguments of a processor.
    #[schemars(with = "Option<Vec<Value>>")]
    call: Option<Vec<Box<RawValue>>>,
    /// What a handler is called with.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value", transform = without_default)]
    input: Option<Box<RawValue>>,
    /// The response of a processor, or the id of an id source.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value", transform = without_default)]
    pub(super) response: Option<Box<RawValue>>,
    /// How the call fails.
    #[serde(default, deserialize_with = "object")]
    pub(super) problem: Option<ExpectedProblem>,
    /// Texts that lines of the log contain, in this order.
    pub(super) logs: Option<Vec<String>>,
    /// The last progress.
    #[serde(default, deserialize_with = "object")]
    pub(super) progress: Option<ExpectedProgress>,
    /// All jobs that the call adds, in this order.
    #[serde(default, deserialize_with = "objects")]
    pub(super) adds: Option<Vec<ExpectedAdd>>,
}

/// How a call fails.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedProblem {
    /// The code, such as `not-found`.
    pub(super) code: Option<String>,
    /// A part of the message.
    pub(super) message: Option<String>,
    /// Why the call failed.
    #[schemars(with = "Option<ReasonName>")]
    pub(super) reason: Option<String>,
}

/// The last progress of a call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedProgress {
    /// What has been done.
    pub(super) current: u64,
    /// What there is to do.
    pub(super) total: u64,
    /// The message.
    pub(super) message: Option<String>,
}

/// A job that a call adds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAdd {
    /// The id of the task.
    pub(super) task: String,
    /// The arguments, a JSON array.
    #[schemars(with = "Option<Vec<Value>>")]
    pub(super) args: Option<Box<RawValue>>,
    /// The delay in milliseconds.
    pub(super) delay_ms: Option<u64>,
}

impl Case {
    pub(super) fn role(&self) -> anyhow::Result<RoleArg> {
        let Some(name) = &self.role else { return Ok(RoleArg::Processor) };
        RoleArg::from_str(name, false).map_err(|_| {
            let names: Vec<_> = RoleArg::value_variants()
                .iter()
                .filter_map(ValueEnum::to_possible_value)
                .map(|value| value.get_name().to_owned())
                .collect();
            anyhow::anyhow!("there is no role `{name}`; the roles are {}", names.join(", "))
        })
    }

    /// Returns the arguments of a processor.
    pub(super) fn args(&self) -> Vec<String> {
        self.call.iter().flatten().map(|argument| argument.get().to_owned()).collect()
    }

    /// Returns the input of a handler.
    pub(super) fn input(&self) -> Option<&str> {
        self.input.as_deref().map(RawValue::get)
    }
}

/// Returns the reasons of a failed call. Only jobs are cancelled or lost.
fn reasons() -> Vec<&'static str> {
    let of_calls = |kind: &FailureKind| !matches!(kind, FailureKind::Cancelled | FailureKind::Lost);
    FailureKind::ALL.into_iter().filter(of_calls).map(FailureKind::name).collect()
}

/// Reads the cases of a file: a list, or an object with `cases`.
pub(super) fn parse(json: &[u8]) -> anyhow::Result<Vec<Case>> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    let read = if is_object {
        serde_json::from_slice(json).map(|Object(TestFile { cases, .. })| cases)
    } else {
        serde_json::from_slice(json).map(|Cases(cases)| cases)
    };
    read.context("the file is not a list of cases")
}

/// A value that is written as a JSON object. Serde reads a struct from an array, too, whose members would depend on the order
/// of the fields here.
struct Object<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}

struct ObjectVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The cases of a file.
struct Cases(Vec<Case>);

impl<'de> Deserialize<'de> for Cases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        cases(deserializer).map(Self)
    }
}

fn cases<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Case>, D::Error> {
    Ok(inner(Vec::deserialize(deserializer)?))
}

fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|Object(value)| value))
}

fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(inner))
}

fn inner<T>(objects: Vec<Object<T>>) -> Vec<T> {
    objects.into_iter().map(|Object(value)| value).collect()
}

/// Reads a member that is given, so that null is a value, too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// Returns the JSON Schema (draft 07, which editors support best) of a test file.
pub(crate) fn schema() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<AnyTestFile>().to_value()
}

/// A test file in either form, for the schema generator.
struct AnyTestFile;

impl JsonSchema for AnyTestFile {
    fn schema_name() -> Cow<'static, str> {
        "Saggar test file".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let description = "Calls of the code beside the file, and what they have to do: a list of cases, or an object with \
                           `cases`, which can name its schema.";
        let (list, object) = (cases_schema(generator), generator.subschema_for::<TestFile>());
        json_schema!({ "description": description, "anyOf": [list, object] })
    }
}

fn cases_schema(generator: &mut SchemaGenerator) -> Schema {
    let case = generator.subschema_for::<Case>();
    json_schema!({ "type": "array", "items": case, "minItems": 1, "maxItems": MAX_CASES })
}

/// The name of a role, for the schema generator.
struct RoleName;

impl JsonSchema for RoleName {
    fn schema_name() -> Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let values: Vec<_> = RoleArg::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        let names: Vec<&str> = values.iter().flat_map(|value| value.get_name_and_aliases()).collect();
        json_schema!({ "enum": names })
    }
}

/// The name of a reason, for the schema generator.
struct ReasonName;

impl JsonSchema for ReasonName {
    fn schema_name() -> Cow<'static, str> {
        "Reason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": reasons() })
    }
}

/// Removes the default null of a member that may be any value, because null is not the same as nothing.
fn without_default(schema: &mut Schema) {
    schema.remove("default");
}
