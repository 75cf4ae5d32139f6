//! The raw inputs for a key: from the file, the environment and the command line. Owns the unparsed half of the
//! configuration; `value` parses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar_definition::{Location, Source, Span, truncated};

use super::secret;

/// A raw value with its location.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The text that contains the value, with secrets masked because messages show it.
    pub(crate) source: Arc<Source>,
    pub(crate) span: Span,
    pub(crate) value: RawValue,
}

/// A value before it is parsed by its type.
#[derive(Debug, Clone)]
pub(crate) enum RawValue {
    /// A text. Flags and variables always have one.
    Text(String),
    /// A number in decimal notation.
    Number(String),
    Boolean(bool),
    /// A date, a time of day, or both, as written.
    DateTime(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table in the file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) node: Node,
}

/// The origin of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The default.
    Default,
    File,
    /// The environment variable of this name.
    Variable(&'static str),
    /// The flag of this name, with its dashes.
    Flag(&'static str),
}

/// A value and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) origin: Origin,
    pub(crate) node: Node,
    /// Whether the running command uses the value; otherwise it only validates it.
    pub(crate) applies: bool,
}

/// All inputs, by the names of keys. The fields are in order of precedence, the strongest last.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Defaults of the command itself.
    pub(crate) defaults: BTreeMap<&'static str, Input>,
    pub(crate) file: BTreeMap<&'static str, Input>,
    pub(crate) variables: BTreeMap<&'static str, Input>,
    pub(crate) flags: BTreeMap<&'static str, Input>,
}

impl Inputs {
    /// Returns the inputs of a key, the strongest last.
    pub(crate) fn of(&self, key: &str) -> impl Iterator<Item = &Input> {
        [&self.defaults, &self.file, &self.variables, &self.flags].into_iter().filter_map(move |level| level.get(key))
    }
}

impl Node {
    /// Creates a text from outside of the file: `text` after `before`, in a source called `file`.
    pub(crate) fn external(file: &str, before: &str, text: &str) -> Self {
        let whole = format!("{before}{text}");
        let source = Arc::new(Source { file: file.to_owned(), text: secret::masked_text(&whole) });
        let span = Span { start: before.len(), end: whole.len() };
        Self { source, span, value: RawValue::Text(text.to_owned()) }
    }

    /// Splits the text at `separator` into at most `max` parts, each with its own location. Returns no parts if it is
    /// not a text.
    pub(crate) fn pieces(&self, separator: char, max: usize) -> Vec<Self> {
        let RawValue::Text(text) = &self.value else { return Vec::new() };
        let mut start = self.span.start;
        let piece = |piece: &str| {
            let blank = piece.len() - piece.trim_start().len();
            let span = Span { start: start + blank, end: start + blank + piece.trim().len() };
            start += piece.len() + separator.len_utf8();
            Self { source: self.source.clone(), span, value: RawValue::Text(piece.trim().to_owned()) }
        };
        text.splitn(max, separator).map(piece).collect()
    }

    pub(crate) fn location(&self) -> Location {
        Location::of(&self.source, self.span)
    }
}

impl RawValue {
    /// Describes the value, for use after "not".
    pub(crate) fn found(&self) -> String {
        match self {
            Self::Text(text) => format!("the text {:?}", truncated(&secret::masked_text(text))),
            Self::Number(text) => format!("the number {}", truncated(text)),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::DateTime(_) => "a date or time".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}
