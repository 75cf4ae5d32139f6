//! The types of values in a task file. A [`ValueType`] parses a value, from the file or the environment, into a valid
//! Rust value or a diagnostic, and describes it for the JSON Schema, so the two cannot differ. `keys` and
//! `objects` assign a type to each key.

mod capability;
mod choice;
mod digest;
mod form;
mod list;
mod number;
mod object;
mod quantity;
mod record;
mod reference;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use schemars::{Schema, json_schema};

pub(crate) use capability::{
    ACCESS, ARGUMENT_POINTER, DIR_NAME, ENV_NAME, KEY_PREFIX, METHOD, ORIGIN, SECRET_NAME, TASK_PATTERN,
};
pub(crate) use choice::{Bool, Choice, Ignored, Text};
pub(crate) use digest::Digest;
pub(crate) use form::Form;
pub(crate) use list::List;
pub(crate) use number::{Fraction, Integer, Seconds};
pub(crate) use object::{Keys, KnownKey, object_schema, written_object};
pub use quantity::bytes_text;
pub(crate) use quantity::{Bytes, OptionalBytes, Period};
pub(crate) use record::Record;
pub(crate) use reference::{Handler, Processor};

use crate::problems::Problems;
use crate::source::Span;

/// The result of looking up `$ENV.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// The value of the variable.
    Set(String),
    /// It is not set.
    Unset,
    /// The operator does not allow this variable in task files; it has the patterns of the allowed names.
    NotAllowed(String),
}

impl From<Option<String>> for Variable {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }
}

/// Looks up an environment variable. It must return only values that task authors may see because an author can make
/// any value visible.
pub type Environment<'a> = &'a dyn Fn(&str) -> Variable;

/// Prefix of a text that names an environment variable.
const ENV_PREFIX: &str = "$ENV.";

/// Pattern of a text that names an environment variable, for the JSON Schema.
const ENV_PATTERN: &str = r"\$ENV\.[A-Za-z_][A-Za-z0-9_]*";

/// A type of value.
pub(crate) trait ValueType {
    /// The parsed value.
    type Value;

    /// Describes a valid value, in words that follow "must be".
    fn expected(&self) -> String;

    /// Returns the value of an omitted key. Also used in place of an invalid value, in a task that is dropped later.
    fn default(&self) -> Self::Value;

    /// Returns the default as an author would write it, in JSON; `None` without a default value.
    fn default_text(&self) -> Option<String> {
        None
    }

    /// Returns an example of a value, in JSON.
    fn example(&self) -> String;

    /// Parses the value in `field`. Returns `None` if it is invalid, and reports that to `reader`.
    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value>;

    /// Returns the value as an author would write it; `None` if the key would be left out.
    fn written(&self, value: &Self::Value) -> Option<serde_json::Value>;

    /// Returns the JSON Schema of a value, without description and default.
    fn schema(&self) -> Schema;

    /// Returns the keys of the value, if it can be an object.
    fn keys(&self) -> Keys {
        &[]
    }
}

/// A value in a task file, with its full name for messages.
pub(crate) struct Field<'a> {
    /// Such as `event.success` or `sandbox.http[2]`.
    pub(crate) path: String,
    pub(crate) value: &'a Value<'a>,
}

/// A value that is not a list or an object.
pub(crate) enum Scalar {
    /// A JSON number, as written.
    Number(String),
    /// Text, from the file or the environment.
    Text(String),
}

impl Scalar {
    /// Returns the text of either kind.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Number(text) | Self::Text(text) => text,
        }
    }
}

impl<'a> Field<'a> {
    pub(crate) fn span(&self) -> Span {
        self.value.range().into()
    }

    /// Returns whether the value comes from the environment; messages must not show such a value.
    pub(crate) fn is_secret(&self) -> bool {
        self.value.as_string_lit().is_some_and(|text| text.value.starts_with(ENV_PREFIX))
    }

    /// Returns the items of a list; `None` if the value is not a list.
    pub(crate) fn items(&self) -> Option<Vec<Field<'a>>> {
        let elements = &self.value.as_array()?.elements;
        let field = |(index, value)| Field { path: format!("{}[{index}]", self.path), value };
        Some(elements.iter().enumerate().map(field).collect())
    }
}

/// Parses the values of one file.
pub(crate) struct Reader<'e> {
    pub(crate) problems: Problems,
    /// The keys of a task, to suggest them for unknown keys.
    pub(crate) task_keys: Keys,
    env: Environment<'e>,
}

impl<'e> Reader<'e> {
    pub(crate) fn new(problems: Problems, task_keys: Keys, env: Environment<'e>) -> Self {
        Self { problems, task_keys, env }
    }

    /// Returns the value as a scalar, from the environment if it names a variable; `None` if it is invalid.
    pub(crate) fn scalar(&mut self, ty: &impl ValueType, field: &Field<'_>) -> Option<Scalar> {
        match field.value {
            Value::NumberLit(number) => Some(Scalar::Number(number.value.to_owned())),
            Value::StringLit(text) => match text.value.strip_prefix(ENV_PREFIX) {
                Some(name) => self.variable(field, name).map(Scalar::Text),
                None => Some(Scalar::Text(text.value.to_string())),
            },
            _ => self.reject(ty, field),
        }
    }

    /// Returns the value as text; a number is invalid.
    pub(crate) fn text(&mut self, ty: &impl ValueType, field: &Field<'_>) -> Option<String> {
        match self.scalar(ty, field)? {
            Scalar::Text(text) => Some(text),
            Scalar::Number(_) => self.reject(ty, field),
        }
    }

    fn variable(&mut self, field: &Field<'_>, name: &str) -> Option<String> {
        if !is_variable_name(name) {
            let message = format!("`{}` has no valid variable name after `{ENV_PREFIX}`", field.path);
            let help = format!("write `{ENV_PREFIX}NAME`, where NAME has letters, digits and `_`");
            self.problems.error(field.span(), message, help);
            return None;
        }
        let (why, help) = match (self.env)(name) {
            Variable::Set(value) => return Some(value),
            Variable::Unset => ("not set", "set it in the environment of the host, or write the value here".to_owned()),
            Variable::NotAllowed(allowed) => {
                let help = format!(
                    "task files may use the variables {allowed}: rename this one, write the value here, or ask the operator \
                     to add the name to the configuration key `env_allow`"
                );
                ("not allowed in task files", help)
            }
        };
        let message = format!("the environment variable `{}` for `{}` is {why}", truncated(name), field.path);
        self.problems.error(field.span(), message, help);
        None
    }

    /// Reports that the value is invalid, with the expected and the actual value.
    pub(crate) fn reject<T>(&mut self, ty: &impl ValueType, field: &Field<'_>) -> Option<T> {
        let help = match ty.default_text() {
            Some(default) => format!("remove `{}` to use the default, {default}", field.path),
            None => format!("write for example `{}`", ty.example()),
        };
        self.reject_with(ty, field, help)
    }

    /// Reports that the value is invalid, like [`Self::reject`], with other help.
    pub(crate) fn reject_with<T>(
        &mut self,
        ty: &impl ValueType,
        field: &Field<'_>,
        help: impl Into<String>,
    ) -> Option<T> {
        let message = format!("`{}` must be {}, not {}", field.path, ty.expected(), found(field.value));
        self.problems.error(field.span(), message, help);
        None
    }
}

/// Describes a value, in words that follow "not".
fn found(value: &Value<'_>) -> String {
    match value {
        Value::StringLit(text) => match text.value.strip_prefix(ENV_PREFIX) {
            Some(name) => format!("the value of the environment variable `{}`", truncated(name)),
            None => format!("the text {:?}", truncated(&text.value)),
        },
        Value::NumberLit(number) => truncated(number.value),
        Value::BooleanLit(boolean) => boolean.value.to_string(),
        Value::NullKeyword(_) => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Truncates a text to the length that fits into a message.
pub fn truncated(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Returns whether this is a valid name of an environment variable, one that every shell can set.
pub(crate) fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns the schema of text that matches `pattern` or names an environment variable.
fn text_schema(pattern: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": format!("^({pattern}|{ENV_PATTERN})$") })
}
