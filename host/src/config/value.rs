//! The value types of the configuration. Each parses a raw value into a valid Rust value or a diagnostic, and formats
//! the value. `keys` defines which key has which type.

mod amount;
mod choice;
mod env_names;
mod grants;
mod http;
mod path;
mod table;
mod tenant;
mod token;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use saggar_definition::{Diagnostic, Problems, Source};
use serde_json::Value;

pub(crate) use amount::{Bytes, Count, Fraction, TimeSpan, time};
pub(crate) use choice::{Choice, LogFilter, Switch};
pub(crate) use env_names::EnvNames;
pub(crate) use grants::{GRANTS, GrantsTable};
pub(crate) use http::{Endpoint, ListenAddress, OtlpEndpoint, ServiceName};
pub(crate) use path::{CacheDir, StoreLocation};
pub(crate) use tenant::{ConfiguredTenant, TENANT, TenantList};
pub(crate) use token::TokenList;

use super::input::{Input, Inputs, Node, Origin, RawValue};

/// A variable that other programs read too, each with its own meaning: a value that is invalid here is ignored.
const SHARED_VARIABLE: &str = "RUST_LOG";

/// A variable with the full URL of a collector's trace endpoint. The other variables contain the base URL.
const FULL_URL_VARIABLE: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// The type of a key's value.
pub(crate) trait ValueType {
    /// The parsed value.
    type Value;

    /// Describes a valid value, for use after "must be".
    fn expected(&self) -> String;

    /// Returns an example for the file.
    fn example(&self) -> &'static str;

    /// Returns the value of a key without input. Also replaces a refused value.
    fn default(&self) -> Self::Value;

    /// Parses a raw value; `None` if it was refused and reported to `reader`.
    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Self::Value>;

    /// Converts a value to JSON, with secrets shortened; null without a value.
    fn to_json(&self, value: &Self::Value) -> Value;

    /// Returns the default as text; empty without a default.
    fn default_text(&self) -> String {
        value_text(&self.to_json(&self.default()))
    }
}

/// A raw value and its key.
pub(crate) struct Field<'a> {
    /// The key's name, such as `http.connections`.
    pub(crate) name: &'a str,
    pub(crate) node: &'a Node,
}

/// A key's effective value and its origin.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    /// The value as JSON, with secrets shortened.
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// The input that has the value; `None` for a default.
    pub(crate) node: Option<Node>,
}

/// Parses values; collects their problems and the settings.
pub(crate) struct Reader {
    file: Arc<Source>,
    in_file: Problems,
    pub(crate) external: Vec<Diagnostic>,
    settings: Vec<Setting>,
    file_dir: PathBuf,
    /// The variable that has the current value; `None` if the value is not from a variable.
    variable: Option<&'static str>,
    /// The command's own default for the current key.
    scope_default: Option<String>,
    /// The base directory of relative paths.
    pub(crate) base: PathBuf,
    /// Whether the file has tenants.
    pub(crate) has_tenants: bool,
}

impl Reader {
    /// Creates a reader of the inputs from `file`, located in `file_dir`, and from elsewhere.
    pub(crate) fn new(file: Arc<Source>, file_dir: PathBuf) -> Self {
        let in_file = Problems::new(file.clone());
        let (external, settings) = (Vec::new(), Vec::new());
        let (variable, scope_default, base) = (None, None, PathBuf::new());
        Self { file, in_file, external, settings, file_dir, variable, scope_default, base, has_tenants: false }
    }

    /// Returns the problems of the file, for the code that parses it.
    pub(crate) fn in_file(&mut self) -> &mut Problems {
        &mut self.in_file
    }

    /// Returns the value of a key: the strongest input, or its default. Parses overridden inputs too, so that an error
    /// is found before its input takes effect.
    pub(crate) fn value<F: ValueType>(&mut self, key: &'static str, ty: &F, raw: &Inputs) -> F::Value {
        let mut used = (ty.default(), Origin::Default, None);
        let mut is_refused = false;
        self.scope_default = raw.defaults.get(key).and_then(|given| match &given.node.value {
            RawValue::Text(text) => Some(text.clone()),
            _ => None,
        });
        for Input { origin, node, applies } in raw.of(key) {
            // Paths in a file are relative to the file; paths from elsewhere, to the working directory.
            self.base = if *origin == Origin::File { self.file_dir.clone() } else { PathBuf::new() };
            self.variable = match *origin {
                Origin::Variable(name) => Some(name),
                Origin::Default | Origin::File | Origin::Flag(_) => None,
            };
            match ty.parse(&Field { name: key, node }, self) {
                Some(value) if *applies => used = (value, *origin, Some(node.clone())),
                Some(_) => {}
                None => is_refused |= !self.is_shared(),
            }
        }
        self.variable = None;
        let (value, origin, node) = used;
        if !is_refused {
            self.settings.push(Setting { key, value: ty.to_json(&value), origin, node });
        }
        value
    }

    /// Returns whether the current value may be meant for other programs.
    fn is_shared(&self) -> bool {
        self.variable == Some(SHARED_VARIABLE)
    }

    /// Returns whether the current value is the full URL of a collector's endpoint, whatever its path.
    pub(crate) fn is_full_url(&self) -> bool {
        self.variable == Some(FULL_URL_VARIABLE)
    }

    /// Returns the input that has the value of a key; `None` for a default.
    pub(crate) fn node(&self, key: &str) -> Option<Node> {
        self.settings.iter().find(|setting| setting.key == key)?.node.clone()
    }

    /// Returns the input in the file that has the value of a key; `None` if the value is from elsewhere.
    pub(crate) fn node_in_file(&self, key: &str) -> Option<Node> {
        let is_of_file = |setting: &&Setting| setting.key == key && setting.origin == Origin::File;
        self.settings.iter().find(is_of_file)?.node.clone()
    }

    /// Returns whether the key was read without refused inputs.
    pub(crate) fn is_read(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key)
    }

    /// Sets the shown value of a key whose default depends on other keys.
    pub(crate) fn show(&mut self, key: &str, value: Value) {
        if let Some(setting) = self.settings.iter_mut().find(|setting| setting.key == key) {
            setting.value = value;
        }
    }

    /// Returns the text; refuses numbers and all other values.
    pub(crate) fn text<'n>(&mut self, ty: &impl ValueType, field: &Field<'n>) -> Option<&'n str> {
        match &field.node.value {
            RawValue::Text(text) => Some(text),
            _ => self.reject(ty, field),
        }
    }

    /// Returns a text or number as written; refuses all other values.
    pub(crate) fn scalar<'n>(&mut self, ty: &impl ValueType, field: &Field<'n>) -> Option<&'n str> {
        match &field.node.value {
            RawValue::Text(text) | RawValue::Number(text) => Some(text),
            _ => self.reject(ty, field),
        }
    }

    /// Refuses the value: reports what the type expects and what was found.
    pub(crate) fn reject<T>(&mut self, ty: &impl ValueType, field: &Field<'_>) -> Option<T> {
        let default = self.scope_default.clone().unwrap_or_else(|| ty.default_text());
        let help = match default.as_str() {
            "" => format!("write for example `{}`", ty.example()),
            _ => format!(
                "remove `{}` to use the default, {default}, or write for example `{}`",
                field.name,
                ty.example()
            ),
        };
        self.reject_with(ty, field, help)
    }

    /// Like `reject`, with other advice.
    pub(crate) fn reject_with<T>(
        &mut self,
        ty: &impl ValueType,
        field: &Field<'_>,
        help: impl Into<String>,
    ) -> Option<T> {
        let message = format!("`{}` must be {}, not {}", field.name, ty.expected(), field.node.value.found());
        self.error(field.node, message, help);
        None
    }

    /// Records an error at `node`, or a warning if the value may be meant for other programs.
    pub(crate) fn error(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        if self.is_shared() {
            self.external.push(Diagnostic::warning(node.location(), message).with_help(help));
        } else if Arc::ptr_eq(&node.source, &self.file) {
            self.in_file.error(node.span, message, help);
        } else {
            self.external.push(Diagnostic::error(node.location(), message).with_help(help));
        }
    }

    /// Returns all settings in the order of reading, and all problems: those of the command line and the environment,
    /// then those of the file.
    pub(crate) fn finish(self) -> (Vec<Setting>, Vec<Diagnostic>) {
        let mut problems = self.external;
        problems.extend(self.in_file.finish());
        (self.settings, problems)
    }
}

/// Formats a value for people: texts without quotes, each item of a list on its own line, empty for null.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(value_text).collect::<Vec<_>>().join("\n"),
        // What is inside of an item of a list stays on its line.
        Value::Object(fields) => {
            fields.values().map(|field| value_text(field).replace('\n', ", ")).collect::<Vec<_>>().join(" ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
