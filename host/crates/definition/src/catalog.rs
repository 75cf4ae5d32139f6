//! The tasks of an app by id.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{TaskId, fold};
use crate::suggest;
use crate::task::Task;

/// The tasks of one app. Immutable; a reload creates a new catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    tasks: BTreeMap<TaskKey, Arc<Task>>,
}

/// An id in lower case.
type TaskKey = String;

impl Catalog {
    /// Returns the task with this id, in any case.
    pub fn get(&self, id: &str) -> Option<&Arc<Task>> {
        self.tasks.get(&fold(id))
    }

    /// Returns all tasks in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Task>> {
        self.tasks.values()
    }

    /// Returns the id that is most similar to `name`, for "did you mean".
    pub fn nearest(&self, name: &str) -> Option<&TaskId> {
        let nearest = suggest::nearest(name, self.tasks.keys().map(String::as_str))?;
        self.get(nearest).map(|task| &task.id)
    }
}

/// Of two tasks with one id, the later one is kept.
impl FromIterator<Arc<Task>> for Catalog {
    fn from_iter<I: IntoIterator<Item = Arc<Task>>>(tasks: I) -> Self {
        Self { tasks: tasks.into_iter().map(|task| (task.id.folded().to_owned(), task)).collect() }
    }
}
