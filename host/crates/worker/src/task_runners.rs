//! The tasks of a worker: those that are open, and those whose definition cannot be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::LookupError;
use crate::task_runner::TaskRunner;

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
