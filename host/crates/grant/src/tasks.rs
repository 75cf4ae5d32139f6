//! Which tasks a guest may add jobs to, and which jobs it may look up and cancel.

use std::fmt;

use thiserror::Error;

use crate::access::JobAccess;

/// Maximum length of a pattern: that of a task's id, and the wildcard.
const MAX_PATTERN: usize = 130;

/// A pattern of task ids: `*` for all, `mail.*` for all below `mail.`, or one id. Ids are compared without regard to
/// case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskPattern {
    spelling: String,
    ids: Ids,
}

/// The ids of a pattern, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Ids {
    Any,
    /// Those that begin with this text, which ends with a dot.
    Below(String),
    One(String),
}

/// Why a text is not a pattern of task ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TaskPatternError {
    /// The wildcard is not the last part.
    #[error("`*` must be the whole last part, as in `mail.*`")]
    Wildcard,
    /// It is neither an id nor a wildcard.
    #[error("write the id of a task, such as `mail.send`, `mail.*` for all tasks below `mail`, or `*` for all tasks")]
    Id,
}

impl TaskPattern {
    /// Returns the pattern of all tasks.
    pub fn all() -> Self {
        Self { spelling: "*".to_owned(), ids: Ids::Any }
    }

    /// Parses a pattern.
    pub fn parse(text: &str) -> Result<Self, TaskPatternError> {
        if text == "*" {
            return Ok(Self::all());
        }
        let (id, is_below) = match text.strip_suffix(".*") {
            Some(parent) => (parent, true),
            None => (text, false),
        };
        if id.contains('*') {
            return Err(TaskPatternError::Wildcard);
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if text.len() > MAX_PATTERN || !id.bytes().all(is_allowed) || id.split('.').any(str::is_empty) {
            return Err(TaskPatternError::Id);
        }
        let folded = id.to_ascii_lowercase();
        let ids = if is_below { Ids::Below(folded + ".") } else { Ids::One(folded) };
        Ok(Self { spelling: text.to_owned(), ids })
    }

    /// Returns whether the pattern includes the task with this id.
    pub fn matches(&self, task: &str) -> bool {
        let begins_with = |prefix: &str| {
            task.len() > prefix.len()
                && task
                    .as_bytes()
                    .get(..prefix.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        match &self.ids {
            Ids::Any => true,
            Ids::Below(prefix) => begins_with(prefix),
            Ids::One(id) => id.eq_ignore_ascii_case(task),
        }
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.spelling
    }
}

impl fmt::Display for TaskPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

/// What a task has of the tasks of its app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TasksGranted {
    /// The tasks that its guests may add jobs to.
    pub add: Vec<TaskPattern>,
    /// The jobs that its guests may look up and cancel.
    pub jobs: JobAccess,
}

impl TasksGranted {
    /// Returns whether its guests may add jobs to this task.
    pub fn allows_adding_to(&self, task: &str) -> bool {
        self.add.iter().any(|pattern| pattern.matches(task))
    }
}

impl Default for TasksGranted {
    /// Jobs can be added to every task, and those that were added can be looked up and cancelled.
    fn default() -> Self {
        Self { add: vec![TaskPattern::all()], jobs: JobAccess::Added }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_includes_ids_in_any_case() {
        for (pattern, id, is_included) in [
            ("*", "mail.send", true),
            ("mail.*", "mail.send", true),
            ("mail.*", "Mail.a.b", true),
            ("mail.*", "mail", false),
            ("mail.*", "mail.", false),
            ("mail.*", "mails.send", false),
            ("Mail.Send", "mail.send", true),
            ("mail.send", "mail.sender", false),
            ("mail.*", "mäil.x", false),
        ] {
            assert_eq!(TaskPattern::parse(pattern).expect(pattern).matches(id), is_included, "{pattern} {id}");
        }
    }

    #[test]
    fn a_wildcard_is_the_last_part() {
        for text in ["*.send", "mail*", "mail.*.x", "**", "mail.**"] {
            assert_eq!(TaskPattern::parse(text), Err(TaskPatternError::Wildcard), "{text}");
        }
        for text in ["", ".", ".*", "mail.", "a b", "mail..x", "ü"] {
            assert_eq!(TaskPattern::parse(text), Err(TaskPatternError::Id), "{text}");
        }
    }
}
