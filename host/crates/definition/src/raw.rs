//! An object as it is in the file: its known keys with their locations. Owns duplicate, missing and unknown keys, and
//! suggestions for unknown keys; value types own the values.

use std::collections::HashMap;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use crate::diagnostic::{Diagnostic, Location};
use crate::key::Key;
use crate::source::Span;
use crate::suggest;
use crate::value::{Field, Keys, Reader, ValueType, truncated};

/// An object with known keys and unparsed values.
pub(crate) struct RawObject<'a> {
    path: String,
    span: Span,
    entries: HashMap<&'a str, Entry<'a>>,
}

struct Entry<'a> {
    key: Span,
    value: &'a Value<'a>,
}

impl<'a> RawObject<'a> {
    /// Opens the object in `field`. Returns `None` if it is not an object, and reports that to `reader`.
    pub(crate) fn open(ty: &impl ValueType, field: &Field<'a>, reader: &mut Reader<'_>) -> Option<Self> {
        match field.value {
            Value::Object(object) => Some(Self::of(object, field.path.clone(), ty.keys(), reader)),
            _ => reader.reject(ty, field),
        }
    }

    /// Opens the object of a whole file.
    pub(crate) fn root(object: &'a Object<'a>, reader: &mut Reader<'_>) -> Self {
        Self::of(object, String::new(), reader.task_keys, reader)
    }

    fn of(object: &'a Object<'a>, path: String, known: Keys, reader: &mut Reader<'_>) -> Self {
        let mut raw = Self { path, span: object.range().into(), entries: HashMap::new() };
        for property in &object.properties {
            let name = property.name.as_str();
            let entry = Entry { key: property.name.range().into(), value: &property.value };
            if let Some(first) = raw.entries.get(name) {
                raw.report_duplicate(name, first.key, entry.key, reader);
                continue;
            }
            if !known.iter().any(|key| key.name() == name) {
                raw.report_unknown(name, entry.key, known, reader);
            }
            raw.entries.insert(name, entry);
        }
        raw
    }

    /// Parses the value of `key`; returns the default if it is missing or invalid.
    pub(crate) fn read<F: ValueType>(&self, key: &Key<F>, reader: &mut Reader<'_>) -> F::Value {
        let Some(entry) = self.entries.get(key.name) else {
            if key.is_required {
                self.report_missing(key, reader);
            }
            return key.ty.default();
        };
        let field = Field { path: self.full_name(key.name), value: entry.value };
        key.ty.parse(&field, reader).unwrap_or_else(|| key.ty.default())
    }

    /// Returns the span of a key's value, if the key is present.
    pub(crate) fn span_of<F: ValueType>(&self, key: &Key<F>) -> Option<Span> {
        self.entries.get(key.name).map(|entry| entry.value.range().into())
    }

    fn full_name(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn report_missing<F: ValueType>(&self, key: &Key<F>, reader: &mut Reader<'_>) {
        let brace = Span { start: self.span.start, end: self.span.start + 1 };
        let message = format!("`{}` is missing", self.full_name(key.name));
        reader.problems.error(brace, message, format!("add it, for example `\"{}\": {}`", key.name, key.ty.example()));
    }

    fn report_duplicate(&self, name: &str, first: Span, second: Span, reader: &mut Reader<'_>) {
        let message = format!("duplicate key `{}`", self.full_name(&truncated(name)));
        let diagnostic = Diagnostic::error(Location::of(reader.problems.source(), second), message)
            .with_help("keep one of them")
            .with_related(Location::of(reader.problems.source(), first), "first here");
        reader.problems.add(diagnostic);
    }

    fn report_unknown(&self, name: &str, span: Span, known: Keys, reader: &mut Reader<'_>) {
        // Looking for similar names is expensive, and a file can have very many unknown keys.
        if reader.problems.is_full() {
            return reader.problems.suppress();
        }
        let message = match self.path.as_str() {
            "" => format!("unknown key `{}`", truncated(name)),
            path => format!("unknown key `{}` in `{path}`", truncated(name)),
        };
        let help = advice(name, known, reader.task_keys);
        reader.problems.error(span, message, help);
    }
}

/// Suggests what the author may have meant by `name`, where only the keys `known` are valid; `task` has the keys of a
/// task.
fn advice(name: &str, known: Keys, task: Keys) -> String {
    if let Some(key) = known.iter().find(|key| key.aliases().contains(&name)) {
        return format!("write `{}`", key.name());
    }
    if let Some(parent) = task.iter().find(|key| key.keys().iter().any(|inner| inner.name() == name)) {
        return format!("write it in `{0}`: `\"{0}\": {{\"{name}\": …}}`", parent.name());
    }
    if task.iter().any(|key| key.name() == name) {
        return format!("write `{name}` in the task itself, outside these braces");
    }
    match suggest::nearest(name, known.iter().map(|key| key.name())) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("valid keys are {}", listed(known)),
    }
}

fn listed(known: Keys) -> String {
    known.iter().map(|key| format!("`{}`", key.name())).collect::<Vec<_>>().join(", ")
}
