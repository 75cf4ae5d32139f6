//! Which recordings are removed to make room for another one: the same ones in every store, which counts here what it
//! stores and removes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{RecordingCounts, RecordingLimits};

/// What is counted of a task's recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskRecordings {
    /// How many there are, and their bytes.
    pub counts: RecordingCounts,
    /// The place of the oldest one in the order in which the recordings of all tasks were stored. It is not its
    /// [number](crate::ListedRecording::number), which clients see and which orders those of one task.
    pub oldest: Option<u64>,
}

/// The bytes of all recordings, by tenant, and the tasks with the oldest ones. `T` identifies a task.
#[derive(Debug)]
pub struct RecordingBooks<T> {
    bytes: u64,
    /// The tenants that have recordings.
    tenants: HashMap<Arc<str>, RecordingBook<T>>,
    /// The same tenants, in the order of their bytes.
    by_bytes: BTreeSet<(u64, Arc<str>)>,
}

/// The recordings of a tenant.
#[derive(Debug)]
struct RecordingBook<T> {
    bytes: u64,
    /// The tasks that have any, by the place of their oldest one.
    oldest: BTreeMap<u64, T>,
}

impl<T> Default for RecordingBooks<T> {
    fn default() -> Self {
        Self { bytes: 0, tenants: HashMap::new(), by_bytes: BTreeSet::new() }
    }
}

impl<T: Copy> RecordingBooks<T> {
    /// Replaces what was counted of a task's recordings.
    pub fn change(&mut self, tenant: &Arc<str>, task: T, before: &TaskRecordings, after: &TaskRecordings) {
        let change = |bytes: u64| bytes.saturating_add(after.counts.bytes).saturating_sub(before.counts.bytes);
        self.bytes = change(self.bytes);
        let new = || RecordingBook { bytes: 0, oldest: BTreeMap::new() };
        let book = self.tenants.entry(Arc::clone(tenant)).or_insert_with(new);
        self.by_bytes.remove(&(book.bytes, Arc::clone(tenant)));
        book.bytes = change(book.bytes);
        if let Some(number) = before.oldest {
            book.oldest.remove(&number);
        }
        if let Some(number) = after.oldest {
            book.oldest.insert(number, task);
        }
        if book.oldest.is_empty() {
            self.tenants.remove(tenant);
        } else {
            self.by_bytes.insert((book.bytes, Arc::clone(tenant)));
        }
    }

    /// Returns the task whose oldest recording is to be removed before one of `more` bytes is stored in `task`, which has
    /// `counts`: the task itself if its limits require it; otherwise, while those of its tenant do, the task with the
    /// tenant's oldest one; otherwise, while those of the store do, the same of the tenant with the most bytes, the new
    /// ones included. So a tenant that stores many does not push out those of others. `None` if there is room.
    pub fn next_eviction(
        &self,
        limits: &RecordingLimits,
        (tenant, task): (&Arc<str>, T),
        counts: &RecordingCounts,
        more: u64,
    ) -> Option<T> {
        if !counts.has_room_for(more) {
            return (counts.recordings > 0).then_some(task);
        }
        let own = self.tenants.get(tenant);
        let bytes = own.map_or(0, |own| own.bytes).saturating_add(more);
        if bytes > limits.of_tenant {
            return own.and_then(RecordingBook::first);
        }
        if self.bytes.saturating_add(more) <= limits.of_all {
            return None;
        }
        let largest = self.by_bytes.last().filter(|(most, _)| own.is_none() || *most > bytes);
        let largest = largest.and_then(|(_, tenant)| self.tenants.get(tenant));
        largest.or(own).and_then(RecordingBook::first)
    }
}

impl<T: Copy> RecordingBook<T> {
    /// Returns the task with the oldest recording.
    fn first(&self) -> Option<T> {
        self.oldest.first_key_value().map(|(_, task)| *task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(recordings: u64, bytes: u64, oldest: u64) -> TaskRecordings {
        TaskRecordings { counts: RecordingCounts { recordings, bytes }, oldest: Some(oldest) }
    }

    #[test]
    fn the_task_its_tenant_and_the_largest_tenant_make_room_in_this_order() {
        let [a, b]: [Arc<str>; 2] = ["a", "b"].map(Into::into);
        let none = TaskRecordings::default();
        let limits = RecordingLimits { of_tenant: 100, of_all: 150 };
        let mut books = RecordingBooks::default();
        books.change(&a, "a1", &none, &of(2, 60, 2));
        books.change(&a, "a2", &none, &of(1, 20, 1));
        books.change(&b, "b1", &none, &of(1, 70, 1));
        let next = |books: &RecordingBooks<&'static str>,
                    tenant: &Arc<str>,
                    task: &'static str,
                    counts: &TaskRecordings,
                    more: u64| books.next_eviction(&limits, (tenant, task), &counts.counts, more);
        assert_eq!(next(&books, &a, "a1", &of(2, 60, 2), 0), None, "exactly the limit of the store");
        assert_eq!(next(&books, &a, "a1", &of(2, 60, 2), 21), Some("a2"), "the oldest of the tenant");
        assert_eq!(next(&books, &b, "b1", &of(1, 70, 1), 9), Some("a2"), "of the tenant with the most bytes");
        assert_eq!(next(&books, &b, "b1", &of(1, 70, 1), 10), Some("b1"), "which may be the one that stores");
        assert_eq!(next(&books, &"c".into(), "c1", &none, 100), Some("a2"), "unless it has none");
        let full = of(RecordingCounts::MOST, 60, 2);
        assert_eq!(next(&books, &a, "a1", &full, 1), Some("a1"), "first the task, if it has too many");
        books.change(&a, "a2", &of(1, 20, 1), &none);
        assert_eq!(next(&books, &b, "b1", &of(1, 70, 1), 21), Some("b1"));
        books.change(&a, "a1", &of(2, 60, 2), &of(1, 30, 3));
        assert_eq!(next(&books, &a, "a1", &of(1, 30, 3), 51), Some("a1"), "81 of 100, and the other has 70");
        books.change(&a, "a1", &of(1, 30, 3), &none);
        books.change(&b, "b1", &of(1, 70, 1), &none);
        assert_eq!((books.bytes, books.tenants.len(), books.by_bytes.len()), (0, 0, 0));
    }

    #[test]
    fn what_no_limit_allows_cannot_be_stored() {
        let limits = RecordingLimits::default();
        assert!(limits.can_hold(RecordingCounts::MOST_BYTES) && !limits.can_hold(RecordingCounts::MOST_BYTES + 1));
        let limits = RecordingLimits { of_tenant: 9, ..limits };
        assert!(limits.can_hold(9) && !limits.can_hold(10));
    }
}
