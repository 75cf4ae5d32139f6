//! Tables in the file: those whose keys are fixed, and those whose keys are names.

use saggar_definition::{nearest, truncated};

use super::super::input::{Entry, Node, RawValue};
use super::{Field, Reader, ValueType};

/// Maximum number of tables under names, and of items of a list.
pub(super) const MAX_ENTRIES: usize = 1000;

/// A table with known keys, while it is read.
pub(super) struct KnownTable<'n> {
    /// Its full name, such as `grants.http`.
    path: String,
    node: &'n Node,
    entries: &'n [Entry],
    /// Whether everything that was read so far is valid.
    is_valid: bool,
}

impl<'n> KnownTable<'n> {
    /// Opens a table that may have these keys. Reports unknown keys, which make the table invalid. Returns `None` if it
    /// is not a table.
    pub(super) fn open(node: &'n Node, path: &str, keys: &[&'static str], reader: &mut Reader) -> Option<Self> {
        let entries = entries(node, path, reader)?;
        let is_valid = known_keys(entries, keys, path, reader).is_some();
        Some(Self { path: path.to_owned(), node, entries, is_valid })
    }

    /// Returns whether the table has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    /// Parses the value of a key; `None` if the table does not have it, or if it is invalid.
    pub(super) fn value<T: ValueType>(&mut self, key: &str, ty: &T, reader: &mut Reader) -> Option<T::Value> {
        self.read(key, reader, |node, name, reader| ty.parse(&Field { name, node }, reader))
    }

    /// Like [`value`](Self::value), for a key that the table must have.
    pub(super) fn required<T: ValueType>(&mut self, key: &str, ty: &T, reader: &mut Reader) -> Option<T::Value> {
        if !self.has(key) {
            self.reject(format!("`{}` needs `{key}`", self.path), format!("write `{key} = {}`", ty.example()), reader);
        }
        self.value(key, ty, reader)
    }

    /// Reads the value of a key by a function that gets its full name, and returns `None` for an invalid value.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        reader: &mut Reader,
        read: impl FnOnce(&'n Node, &str, &mut Reader) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let value = read(node, &format!("{}.{key}", self.path), reader);
        self.is_valid &= value.is_some();
        value
    }

    /// Reports an error of the whole table.
    pub(super) fn reject(&mut self, message: String, help: String, reader: &mut Reader) {
        reader.error(self.node, message, help);
        self.is_valid = false;
    }

    /// Returns the value, unless something of the table is invalid.
    pub(super) fn finish<T>(self, value: T) -> Option<T> {
        self.is_valid.then_some(value)
    }

    fn node(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.name == key).map(|entry| &entry.node)
    }
}

/// Reads a table whose keys are names, each with a table of its own; `None` if something of it is invalid. `name_help`
/// says what a name consists of.
pub(super) fn read_named<T>(
    node: &Node,
    path: &str,
    is_name: fn(&str) -> bool,
    name_help: &str,
    reader: &mut Reader,
    read: impl Fn(&str, &Node, &str, &mut Reader) -> Option<T>,
) -> Option<Vec<T>> {
    let entries = entries(node, path, reader)?;
    if entries.len() > MAX_ENTRIES {
        reader.error(node, format!("`{path}` has more than {MAX_ENTRIES} tables"), "remove unused ones");
        return None;
    }
    let mut values = Vec::new();
    let mut is_valid = true;
    for entry in entries {
        if !is_name(&entry.name) {
            let message = format!("invalid name `{}` in `{path}`", truncated(&entry.name));
            reader.in_file().error(entry.name_span, message, name_help);
            is_valid = false;
            continue;
        }
        match read(&entry.name, &entry.node, &format!("{path}.{}", entry.name), reader) {
            Some(value) => values.push(value),
            None => is_valid = false,
        }
    }
    is_valid.then_some(values)
}

fn entries<'n>(node: &'n Node, path: &str, reader: &mut Reader) -> Option<&'n [Entry]> {
    let RawValue::Table(entries) = &node.value else {
        let help = format!("write `[{path}]` on a line of its own, and its keys below it");
        reader.error(node, format!("`{path}` must be a table"), help);
        return None;
    };
    Some(entries)
}

/// Reports unknown keys; returns `None` if there are some.
pub(super) fn known_keys(entries: &[Entry], keys: &[&'static str], table: &str, reader: &mut Reader) -> Option<()> {
    let mut known = Some(());
    for entry in entries.iter().filter(|entry| !keys.contains(&entry.name.as_str())) {
        let help = match entry.name.as_str() {
            "tokens" => "write `token`: each is a `[[tenant.token]]`".to_owned(),
            name => match nearest(name, keys.iter().copied()) {
                Some(key) => format!("did you mean `{key}`?"),
                None => {
                    let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                    format!("valid keys are {}", names.join(", "))
                }
            },
        };
        let message = format!("unknown key `{}` in `{table}`", truncated(&entry.name));
        reader.in_file().error(entry.name_span, message, help);
        known = None;
    }
    known
}

/// Parses a value, or returns the default if there is none; `None` if it is invalid.
pub(super) fn optional<T: ValueType>(
    node: Option<&Node>,
    name: &'static str,
    ty: &T,
    default: T::Value,
    reader: &mut Reader,
) -> Option<T::Value> {
    match node {
        Some(node) => ty.parse(&Field { name, node }, reader),
        None => Some(default),
    }
}
