//! The tasks of an app by id, and a holder that a reload replaces.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

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

    /// Returns the number of tasks.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Returns whether the catalog is empty.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Returns the id that is most similar to `name`, for "did you mean".
    pub fn nearest(&self, name: &str) -> Option<&TaskId> {
        let nearest = suggest::nearest(name, self.tasks.keys().map(String::as_str))?;
        self.get(nearest).map(|task| &task.id)
    }

    /// Returns a catalog of the tasks for which `keep` returns true. A host drops the tasks whose plugins do not fit.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&Task) -> bool) -> Self {
        self.iter().filter(|task| keep(task)).cloned().collect()
    }
}

/// Of two tasks with one id, the later one is kept.
impl FromIterator<Arc<Task>> for Catalog {
    fn from_iter<I: IntoIterator<Item = Arc<Task>>>(tasks: I) -> Self {
        Self { tasks: tasks.into_iter().map(|task| (task.id.folded().to_owned(), task)).collect() }
    }
}

/// The current catalog. Reading never blocks, not even during a reload; readers keep the catalog they got.
#[derive(Debug, Default)]
pub struct LiveCatalog {
    current: ArcSwap<Catalog>,
}

impl LiveCatalog {
    /// Creates a holder of `catalog`.
    pub fn new(catalog: Catalog) -> Self {
        Self { current: ArcSwap::from_pointee(catalog) }
    }

    /// Returns the current catalog.
    pub fn current(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// Replaces the catalog for all readers at once, and returns the previous one.
    pub fn replace(&self, catalog: Catalog) -> Arc<Catalog> {
        self.current.swap(Arc::new(catalog))
    }
}
