//! Names of functions: which an object has, and what to say about one that is missing.

use rquickjs::{Object, Value};

use crate::ffi::{self, Property};

/// Returns the names of an object's functions, sorted, without those that `is_builtin`.
pub(crate) fn functions<'js>(object: &Object<'js>, is_builtin: impl Fn(&str, &Value<'js>) -> bool) -> Vec<String> {
    let mut names = ffi::own_names(object).unwrap_or_default();
    names.retain(|name| match ffi::own_property(object, name) {
        Ok(Some(Property::Value(value))) => value.is_function() && !is_builtin(name, &value),
        Ok(_) => false,
        Err(_) => {
            object.ctx().catch();
            false
        }
    });
    names.sort();
    names
}

/// Whether a text can be the name of a function.
pub(crate) fn is_identifier(name: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == '$';
    name.chars().all(is_part) && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// Returns the end of a sentence about a missing function: the similar one, and those that there are.
pub(crate) fn alternatives(name: &str, functions: &[String]) -> String {
    const SHOWN: usize = 30;
    if functions.is_empty() {
        return "; it has none".into();
    }
    let similar = functions.iter().min_by_key(|function| distance(name, function));
    let similar = similar.filter(|function| distance(name, function) <= 1 + name.chars().count() / 4);
    let more = functions.len().saturating_sub(SHOWN);
    let shown = functions.iter().take(SHOWN).map(|function| format!("`{function}`")).collect::<Vec<_>>().join(", ");
    let shown = if more > 0 { format!("{shown} and {more} more") } else { shown };
    match similar {
        Some(similar) => format!("; did you mean `{similar}`? It has {shown}"),
        None => format!("; it has {shown}"),
    }
}

/// Returns how many insertions, deletions and replacements lead from one name to the other, without regard to case.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (at, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
