//! What a value of a task file may look like. Owns reading one value: from text or environment to a valid Rust value,
//! or to a diagnostic. Each kind of value is a [`ValueType`], which reads it and describes it for the JSON Schema, so that
//! the two cannot differ. Which key has which form is `keys`'.

mod capability;
mod choice;
mod number;
mod object;
mod quantity;
mod reference;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use schemars::{Schema, json_schema};

pub(crate) use capability::{Dirs, EnvNames, Origins};
pub(crate) use choice::{BackoffName, Bool, DirPath, Ignored, Text};
pub(crate) use number::{Fraction, Integer, Seconds};
pub(crate) use object::{Keys, KnownKey, object_schema};
pub(crate) use quantity::{Bytes, Period};
pub(crate) use reference::{Handler, Processor};

use crate::problems::Problems;
use crate::source::Span;

/// What a task file finds in place of `$ENV.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// The value of the environment variable.
    Set(String),
    /// It is not set.
    Unset,
    /// The operator lets task files see other variables only: those whose names match these patterns.
    NotAllowed(String),
}

impl From<Option<String>> for Variable {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }
}

/// Gives the value of an environment variable. A task's author can make any value visible, so it answers only for variables
/// that the authors may see.
pub type Environment<'a> = &'a dyn Fn(&str) -> Variable;

/// What stands before a variable's name where a value is taken from the environment.
const ENV_PREFIX: &str = "$ENV.";

/// Text that names an environment variable, as the JSON Schema says it.
const ENV_PATTERN: &str = r"\$ENV\.[A-Za-z_][A-Za-z0-9_]*";

/// A kind of value.
pub(crate) trait ValueType {
    /// What it is once it is read.
    type Value;

    /// What a value of this form is, as it follows "must be".
    fn expected(&self) -> String;

    /// The value of a key that is left out. It also stands in for a value that was refused, in a task which is
    /// dropped later.
    fn default(&self) -> Self::Value;

    /// The fallback as somebody would write it, in JSON. None where leaving the key out means that there is nothing.
    fn default_text(&self) -> Option<String> {
        None
    }

    /// A value as somebody may write it, in JSON.
    fn example(&self) -> String;

    /// Reads the value in `field`. `None` means that it was refused, which `reader` knows by then.
    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value>;

    /// The JSON Schema of a value, without description and default.
    fn schema(&self) -> Schema;

    /// The keys of the object that a value is, if it can be one.
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

/// A value that is neither list nor object.
pub(crate) enum Scalar {
    /// A JSON number, as it was written.
    Number(String),
    /// Text, from the file or the environment.
    Text(String),
}

impl Scalar {
    /// The text of a number or of text.
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

    /// Whether the value comes from the environment, so that no message may show it.
    pub(crate) fn is_secret(&self) -> bool {
        self.value.as_string_lit().is_some_and(|text| text.value.starts_with(ENV_PREFIX))
    }

    /// The values of a list.
    pub(crate) fn items(&self) -> Option<Vec<Field<'a>>> {
        let elements = &self.value.as_array()?.elements;
        let field = |(index, value)| Field { path: format!("{}[{index}]", self.path), value };
        Some(elements.iter().enumerate().map(field).collect())
    }
}

/// Reads the values of one file.
pub(crate) struct Reader<'e> {
    pub(crate) problems: Problems,
    env: Environment<'e>,
}

impl<'e> Reader<'e> {
    pub(crate) fn new(problems: Problems, env: Environment<'e>) -> Self {
        Self { problems, env }
    }

    /// The value as a scalar, taken from the environment if it says so. `None` means that it was refused.
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

    /// The value as text, where a number is no text.
    pub(crate) fn text(&mut self, ty: &impl ValueType, field: &Field<'_>) -> Option<String> {
        match self.scalar(ty, field)? {
            Scalar::Text(text) => Some(text),
            Scalar::Number(_) => self.reject(ty, field),
        }
    }

    fn variable(&mut self, field: &Field<'_>, name: &str) -> Option<String> {
        if !is_variable_name(name) {
            let message = format!("`{}` names no environment variable after `{ENV_PREFIX}`", field.path);
            let help = format!("write `{ENV_PREFIX}NAME`, where NAME has letters, digits and `_`");
            self.problems.error(field.span(), message, help);
            return None;
        }
        let (why, help) = match (self.env)(name) {
            Variable::Set(value) => return Some(value),
            Variable::Unset => ("not set", "set it where the host is started, or write the value here".to_owned()),
            Variable::NotAllowed(allowed) => {
                let help = format!(
                    "task files may use the variables {allowed}: rename this one, write the value here, or let the \
                     operator add the name to the configuration key `env_allow`"
                );
                ("not one that task files may use", help)
            }
        };
        let message = format!("the environment variable `{}` for `{}` is {why}", truncated(name), field.path);
        self.problems.error(field.span(), message, help);
        None
    }

    /// Says that the value is not what the form wants, and what it is instead.
    pub(crate) fn reject<T>(&mut self, ty: &impl ValueType, field: &Field<'_>) -> Option<T> {
        let help = match ty.default_text() {
            Some(default) => format!("leave `{}` out to have the default, {default}", field.path),
            None => format!("write for example `{}`", ty.example()),
        };
        self.reject_with(ty, field, help)
    }

    /// The same with advice of its own.
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

/// What a value is, as it follows "not".
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

/// The start of a text that may be of any length, for a message.
pub fn truncated(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether an environment variable may have this name: what every shell can set.
pub(crate) fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The schema of text that matches `pattern` or names an environment variable.
fn text_schema(pattern: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": format!("^({pattern}|{ENV_PATTERN})$") })
}
