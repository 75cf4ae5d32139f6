//! What somebody gave for a key, as it was written: in the file, in the environment, on the command line. Owns the raw half of
//! the configuration; what a value means is `form`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar_definition::{Location, Source, Span, truncated};

use super::secret;

/// A value as it was written, with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The text that it stands in, secrets masked: it is for showing.
    pub(crate) source: Arc<Source>,
    pub(crate) span: Span,
    pub(crate) value: RawValue,
}

/// What was written.
#[derive(Debug, Clone)]
pub(crate) enum RawValue {
    /// A text. What is given by flag or variable is always one.
    Text(String),
    /// A number, in decimal.
    Number(String),
    Boolean(bool),
    /// A date or a time of day, which no key wants.
    DateTime,
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

/// Who says what a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody.
    Default,
    File,
    /// The environment variable of this name.
    Variable(&'static str),
    /// The flag of this name, dashes included.
    Flag(&'static str),
}

/// A value and who gave it.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) origin: Origin,
    pub(crate) node: Node,
    /// Whether it is meant for the command that is at work; else it is only checked.
    pub(crate) applies: bool,
}

/// All that was given, by the names of keys. The fields stand in the order of precedence, the strongest last.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Defaults that a command has of its own.
    pub(crate) defaults: BTreeMap<&'static str, Input>,
    pub(crate) file: BTreeMap<&'static str, Input>,
    pub(crate) variables: BTreeMap<&'static str, Input>,
    pub(crate) flags: BTreeMap<&'static str, Input>,
}

impl Inputs {
    /// What was given for a key, the strongest last.
    pub(crate) fn of(&self, key: &str) -> impl Iterator<Item = &Input> {
        [&self.defaults, &self.file, &self.variables, &self.flags].into_iter().filter_map(move |level| level.get(key))
    }
}

impl Node {
    /// A text that stands outside of the file: `text` behind `before`, in something called `file`.
    pub(crate) fn external(file: &str, before: &str, text: &str) -> Self {
        let whole = format!("{before}{text}");
        let source = Arc::new(Source { file: file.to_owned(), text: secret::masked_text(&whole) });
        let span = Span { start: before.len(), end: whole.len() };
        Self { source, span, value: RawValue::Text(text.to_owned()) }
    }

    /// The text's pieces between `separator`, at most `max` of them, each with its own place. None if it is no text.
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
    /// What it is, as it follows "not".
    pub(crate) fn found(&self) -> String {
        match self {
            Self::Text(text) => format!("the text {:?}", truncated(&secret::masked_text(text))),
            Self::Number(text) => format!("the number {}", truncated(text)),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::DateTime => "a date or time".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}
