//! All tasks of an app, by id, and the holder that a reload swaps. Owns looking up; where tasks come from is `load`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::id::{TaskId, fold};
use crate::suggest;
use crate::task::Task;

/// The tasks of one app. Never changes; a reload makes a new one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    tasks: BTreeMap<TaskKey, Arc<Task>>,
}

/// An id in lower case.
type TaskKey = String;

impl Catalog {
    /// The task with this id, in any case.
    pub fn get(&self, id: &str) -> Option<&Arc<Task>> {
        self.tasks.get(&fold(id))
    }

    /// All tasks in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Task>> {
        self.tasks.values()
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The id that somebody may have meant who wrote `name`, for "did you mean".
    pub fn nearest(&self, name: &str) -> Option<&TaskId> {
        let nearest = suggest::nearest(name, self.tasks.keys().map(String::as_str))?;
        self.get(nearest).map(|task| &task.id)
    }

    /// The tasks for which `keep` answers true: how a host drops those whose plugins do not fit.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&Task) -> bool) -> Self {
        self.iter().filter(|task| keep(task)).cloned().collect()
    }
}

/// Of two tasks with one id, the later one stays.
impl FromIterator<Arc<Task>> for Catalog {
    fn from_iter<I: IntoIterator<Item = Arc<Task>>>(tasks: I) -> Self {
        Self { tasks: tasks.into_iter().map(|task| (task.id.folded().to_owned(), task)).collect() }
    }
}

/// The catalog that is in use now. Readers never wait, not even for a reload, and keep what they got.
#[derive(Debug, Default)]
pub struct LiveCatalog {
    current: ArcSwap<Catalog>,
}

impl LiveCatalog {
    /// A holder of `catalog`.
    pub fn new(catalog: Catalog) -> Self {
        Self { current: ArcSwap::from_pointee(catalog) }
    }

    /// The catalog of this moment.
    pub fn current(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// Puts `catalog` in place at once and for all readers, and gives back the one before it.
    pub fn replace(&self, catalog: Catalog) -> Arc<Catalog> {
        self.current.swap(Arc::new(catalog))
    }
}
