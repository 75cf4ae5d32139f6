//! Parses the file's text into values with locations. Owns the messages of TOML errors; does not know the keys.

use std::ops::Range;
use std::sync::Arc;

use saggar_definition::{Diagnostic, Location, Problems, Source, Span, truncated};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::input::{Entry, Node, RawValue};

/// Parses `text`, whose locations are those of `source`. Reports all errors, at most one syntax error per line. Skips
/// entries that an error has made unreliable, so that no consequential errors are reported.
pub(crate) fn parse(text: &str, source: &Arc<Source>, problems: &mut Problems) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries = Tree { source }.entries(table.get_ref());
    let mut regions = ErrorRegions { text, lines: Vec::new(), from: text.len() };
    let mut errors: Vec<(Option<Span>, String)> =
        errors.iter().map(|error| (error.span().map(span_of), error.message().to_owned())).collect();
    errors.sort_by_key(|(span, _)| span.map_or(0, |span| span.start));
    for (span, message) in errors {
        let (at, is_duplicate) = (span.unwrap_or(Span { start: 0, end: 0 }), message.starts_with("duplicate key"));
        if is_duplicate && at.start >= regions.from {
            continue;
        }
        if problems.is_full() {
            problems.suppress();
        } else if is_duplicate {
            problems.add(duplicate(text, at, &entries, problems));
        } else if regions.is_new(span) {
            let (message, help) = explain(&message, span);
            problems.error(at, message, help);
        }
    }
    regions.remove_from(&mut entries);
    entries
}

/// The parts of the text that are unreliable because of errors.
struct ErrorRegions<'t> {
    text: &'t str,
    /// The lines with errors, each from its first character to after its last.
    lines: Vec<Range<usize>>,
    /// The start of the first header with an error. The entries after it may belong to any table.
    from: usize,
}

impl ErrorRegions<'_> {
    /// Returns whether the error is the first of its line. Must be called in the order of the text.
    fn is_new(&mut self, span: Option<Span>) -> bool {
        let at = self.text.floor_char_boundary(span.map_or(0, |span| span.start));
        if self.lines.last().is_some_and(|line| at < line.end) {
            return false;
        }
        let (before, after) = self.text.split_at(at);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(self.text.len(), |newline| at + newline) + 1;
        let is_header = self.text.get(start..).is_some_and(|line| line.trim_start().starts_with('['));
        if is_header || span.is_none() {
            self.from = self.from.min(start);
        }
        self.lines.push(start..end);
        true
    }

    fn remove_from(&self, entries: &mut Vec<Entry>) {
        entries.retain_mut(|entry| {
            match &mut entry.node.value {
                RawValue::Table(inner) => self.remove_from(inner),
                RawValue::List(items) => self.remove_from_list(items),
                _ => {}
            }
            self.is_reliable(entry.name_span) && self.is_reliable(entry.node.span)
        });
    }

    fn remove_from_list(&self, items: &mut Vec<Node>) {
        let is_whole = |entries: &Vec<Entry>| entries.iter().all(|entry| self.is_reliable(entry.node.span));
        // Otherwise a token that lost some of its keys would be reported as incomplete.
        items.retain(|item| match &item.value {
            RawValue::Table(inner) => self.is_reliable(item.span) && is_whole(inner),
            _ => self.is_reliable(item.span),
        });
    }

    fn is_reliable(&self, span: Span) -> bool {
        let before = self.lines.partition_point(|line| line.start <= span.start);
        let line = before.checked_sub(1).and_then(|last| self.lines.get(last));
        span.start < self.from && line.is_none_or(|line| line.end <= span.start)
    }
}

/// Converts the parsed values into nodes.
struct Tree<'s> {
    source: &'s Arc<Source>,
}

impl Tree<'_> {
    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let entry = |(name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
            name: name.get_ref().to_string(),
            name_span: span_of(name.span()),
            node: self.node(value),
        };
        table.iter().map(entry).collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let written = match value.get_ref() {
            DeValue::String(text) => RawValue::Text(text.to_string()),
            DeValue::Integer(number) => {
                let decimal = i128::from_str_radix(number.as_str(), number.radix());
                RawValue::Number(decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
            }
            DeValue::Float(number) => RawValue::Number(number.as_str().to_owned()),
            DeValue::Boolean(boolean) => RawValue::Boolean(*boolean),
            DeValue::Datetime(time) => RawValue::DateTime(time.to_string()),
            DeValue::Array(items) => RawValue::List(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => RawValue::Table(self.entries(table)),
        };
        Node { source: self.source.clone(), span: span_of(value.span()), value: written }
    }
}

fn span_of(range: Range<usize>) -> Span {
    Span { start: range.start, end: range.end }
}

fn duplicate(text: &str, span: Span, entries: &[Entry], problems: &Problems) -> Diagnostic {
    let name = text.get(span.start..span.end).unwrap_or_default();
    let message = format!("duplicate key `{}`", truncated(name));
    let diagnostic = Diagnostic::error(Location::of(problems.source(), span), message).with_help("keep one of the two");
    match last_before(span.start, name.trim_matches(['"', '\'']), entries) {
        Some(first) => diagnostic.with_related(Location::of(problems.source(), first), "first defined here"),
        None => diagnostic,
    }
}

/// Returns the last key of this name before `start`. It belongs to the same table, because a table's keys are adjacent.
fn last_before(start: usize, name: &str, entries: &[Entry]) -> Option<Span> {
    let of = |entry: &Entry| {
        let own = Some(entry.name_span).filter(|span| entry.name == name && span.start < start);
        own.into_iter().chain(within(start, name, &entry.node)).max_by_key(|span| span.start)
    };
    entries.iter().filter_map(of).max_by_key(|span| span.start)
}

fn within(start: usize, name: &str, node: &Node) -> Option<Span> {
    match &node.value {
        RawValue::Table(inner) => last_before(start, name, inner),
        RawValue::List(items) => {
            items.iter().filter_map(|item| within(start, name, item)).max_by_key(|span| span.start)
        }
        _ => None,
    }
}

/// Explains an error of the parser to users who do not know the grammar; returns message and advice.
fn explain(message: &str, span: Option<Span>) -> (String, &'static str) {
    let is_empty = span.is_none_or(|span| span.start == span.end);
    let explained = match message {
        _ if message.starts_with("string values must be quoted") && is_empty => {
            ("missing value", "write `key = value`")
        }
        _ if message.starts_with("string values must be quoted") => {
            ("a text needs double quotes", "write `\"` before and after it")
        }
        _ if message.contains("string") && (message.contains("expected `\"") || message.contains("expected `'")) => {
            ("missing closing quote", "add the closing quote")
        }
        _ if message.contains("escape") => {
            ("unknown escape", "write `\\\\` for one backslash, or put the text in single quotes")
        }
        _ if message.starts_with("key with no value") => ("missing value", "write `key = value`"),
        _ if message.starts_with("invalid unquoted key") => {
            ("invalid key", "write `key = value`; a key consists of letters, digits, `_` and `-`")
        }
        _ if message.starts_with("invalid float") || message.starts_with("invalid integer") => {
            ("invalid number", "put a text in double quotes")
        }
        _ if message.starts_with("unclosed") && message.contains("`]`") => ("missing closing `]`", "add `]`"),
        _ if message.starts_with("unclosed") && message.contains("`}`") => ("missing closing `}`", "add `}`"),
        _ if message.contains("recurs") => ("nested too deeply", "tables and lists have at most six levels"),
        _ => return (format!("invalid TOML: {message}"), "write `key = value`, with texts in double quotes"),
    };
    (explained.0.to_owned(), explained.1)
}
