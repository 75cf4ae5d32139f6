//! A task's id: its syntax, its comparison, and its derivation from a file's path.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// Maximum length of an id. Ids are used as keys in stores, labels of metrics and parts of URLs.
const MAX_ID_BYTES: usize = 128;

/// Suffixes of a task file's name before its extension.
const SUFFIXES: [&str; 2] = [".task", ".tsk"];

/// A task's id: segments of letters, digits, `_` and `-`, separated by dots. Ids that differ only in case are equal and
/// have the same order and hash; the spelling is preserved for display.
#[derive(Debug, Clone)]
pub struct TaskId {
    spelling: Arc<str>,
    folded: Arc<str>,
}

/// Why a text is not a valid task id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TaskIdError {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has an empty segment.
    #[error("it has an empty part before, after or between its dots")]
    EmptySegment,
    /// It has an invalid character.
    #[error("it has the invalid character `{}`", .0.escape_debug())]
    Character(char),
    /// It is longer than 128 bytes.
    #[error("it is longer than {MAX_ID_BYTES} characters")]
    TooLong,
}

impl TaskId {
    /// Parses `text` as an id.
    pub fn parse(text: &str) -> Result<Self, TaskIdError> {
        if text.is_empty() {
            return Err(TaskIdError::Empty);
        }
        if text.len() > MAX_ID_BYTES {
            return Err(TaskIdError::TooLong);
        }
        let is_allowed = |c: &char| c.is_ascii_alphanumeric() || ['_', '-', '.'].contains(c);
        if let Some(character) = text.chars().find(|c| !is_allowed(c)) {
            return Err(TaskIdError::Character(character));
        }
        if text.split('.').any(str::is_empty) {
            return Err(TaskIdError::EmptySegment);
        }
        Ok(Self { spelling: text.into(), folded: fold(text).into() })
    }

    /// Returns the id of the task in a file, from its path below `tasks/` with `/` as separator: `mail/send.task.yao`
    /// is `mail.send`.
    pub(crate) fn of_file(path: &str) -> Result<Self, TaskIdError> {
        let stem = path.rsplit_once('.').map_or(path, |(stem, _extension)| stem);
        let suffix = SUFFIXES.iter().find_map(|suffix| {
            let at = stem.len().checked_sub(suffix.len())?;
            stem.get(at..)?.eq_ignore_ascii_case(suffix).then_some(at)
        });
        let stem = suffix.and_then(|at| stem.get(..at)).unwrap_or(stem);
        Self::parse(&stem.replace('/', "."))
    }

    /// Returns the id as its file spells it.
    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    /// Returns the id in lower case: the same text for all spellings, for use as a key.
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// Converts an id into the form in which ids are compared.
pub(crate) fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

impl PartialEq for TaskId {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for TaskId {}

impl Hash for TaskId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl Ord for TaskId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl PartialOrd for TaskId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.spelling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> String {
        TaskId::of_file(path).map_or_else(|error| error.to_string(), |id| id.to_string())
    }

    #[test]
    fn an_id_is_the_path_with_dots_and_without_its_extensions() {
        assert_eq!(of("test.yao"), "test");
        assert_eq!(of("mail/send.task.yao"), "mail.send");
        assert_eq!(of("mail/send.TSK.jsonc"), "mail.send");
        assert_eq!(of("task.json"), "task");
        assert_eq!(of("a/task/tsk.yao"), "a.task.tsk");
        assert_eq!(of("mail.send.yao"), "mail.send");
    }

    #[test]
    fn invalid_ids_are_rejected() {
        assert_eq!(TaskId::parse(""), Err(TaskIdError::Empty));
        assert_eq!(TaskId::of_file("a..b.yao"), Err(TaskIdError::EmptySegment));
        assert_eq!(TaskId::of_file("a b.yao"), Err(TaskIdError::Character(' ')));
        assert_eq!(TaskId::of_file("任务.yao"), Err(TaskIdError::Character('任')));
        assert_eq!(TaskId::parse(&"x".repeat(129)), Err(TaskIdError::TooLong));
    }

    #[test]
    fn ids_compare_without_case_and_keep_their_spelling() {
        let (a, b) = (TaskId::parse("Mail.Send").unwrap(), TaskId::parse("mail.send").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), Ordering::Equal);
        assert_eq!((a.as_str(), a.folded()), ("Mail.Send", "mail.send"));
    }
}
