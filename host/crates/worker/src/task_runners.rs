//! The tasks of a worker: those that are open, and those whose definition cannot be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::LookupError;
use crate::task_runner::TaskRunner;

/// How many tasks a message lists.
const LISTED: usize = 20;

/// By id, in lower case.
#[derive(Default)]
pub(crate) struct TaskRunners {
    pub(crate) open: BTreeMap<String, Arc<TaskRunner>>,
    /// The first problem of each task whose definition cannot be used.
    pub(crate) broken: BTreeMap<String, Arc<str>>,
}

impl TaskRunners {
    pub(crate) fn find(&self, task: &str) -> Result<&Arc<TaskRunner>, LookupError> {
        let found = self.open.get(task).or_else(|| self.open.get(&task.to_lowercase()));
        found.ok_or_else(|| self.why_not(task))
    }

    /// Formats the ids of the open tasks as the end of a message.
    pub(crate) fn listed(&self) -> String {
        let ids: Vec<_> = self.open.values().take(LISTED).map(|runner| format!("`{}`", runner.id())).collect();
        match self.open.len().saturating_sub(LISTED) {
            0 if ids.is_empty() => "; there are no tasks that can run".to_owned(),
            0 => format!("; there are {}", ids.join(", ")),
            more => format!("; there are {} and {more} more", ids.join(", ")),
        }
    }

    fn why_not(&self, task: &str) -> LookupError {
        if let Some((task, problem)) = self.broken.get_key_value(&task.to_lowercase()) {
            return LookupError::TaskBroken { task: task.clone(), problem: problem.clone() };
        }
        let ids = self.open.keys().map(String::as_str);
        let nearest = saggar_definition::nearest(task, ids).and_then(|id| self.open.get(id));
        let nearest = nearest.map(|runner| runner.setup().task.id.as_str().to_owned());
        LookupError::UnknownTask { task: task.chars().take(200).collect(), nearest }
    }
}
