//! Followers that have read everything, by what they follow. An event takes out the followers that it matches, so it
//! costs each of them once between two of its reads, and the others nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saggar_job::{JobId, JobKey};
use tokio::sync::Notify;

use super::EventFilter;

/// No event yet.
const NONE: u64 = 0;

/// What an event leaves for an armed follower.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// The number of the first matching event since the follower was armed. Read and written only under the ring's
    /// lock.
    first: AtomicU64,
    pub(super) notify: Notify,
}

impl Mark {
    pub(super) fn peek(&self) -> Option<u64> {
        Some(self.first.load(Ordering::Relaxed)).filter(|number| *number != NONE)
    }

    /// Returns the mark as [`peek`](Self::peek) does, clears it, and disarms the follower.
    pub(super) fn take(&self) -> Option<u64> {
        let number = self.peek()?;
        self.first.store(NONE, Ordering::Relaxed);
        Some(number)
    }
}

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Marks = Vec<Arc<Mark>>;

#[derive(Debug, Default)]
pub(super) struct Armed {
    all: Marks,
    by_task: FastMap<Arc<str>, TaskMarks>,
}

#[derive(Debug, Default)]
struct TaskMarks {
    all: Marks,
    by_job: FastMap<JobId, Marks>,
}

impl TaskMarks {
    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.by_job.is_empty()
    }
}

impl Armed {
    pub(super) fn put(&mut self, filter: &EventFilter, mark: &Arc<Mark>) {
        let marks = match filter {
            EventFilter::Tenant(_) => &mut self.all,
            EventFilter::Task(key) => &mut self.by_task.entry(key.task.clone()).or_default().all,
            EventFilter::Job(key) => {
                self.by_task.entry(key.task.task.clone()).or_default().by_job.entry(key.id).or_default()
            }
        };
        marks.push(Arc::clone(mark));
    }

    /// Removes a follower that was dropped.
    pub(super) fn remove(&mut self, filter: &EventFilter, mark: &Arc<Mark>) {
        let remove = |marks: &mut Marks| marks.retain(|other| !Arc::ptr_eq(other, mark));
        let (task, job) = match filter {
            EventFilter::Tenant(_) => return remove(&mut self.all),
            EventFilter::Task(key) => (&key.task, None),
            EventFilter::Job(key) => (&key.task.task, Some(key.id)),
        };
        let Some(task_marks) = self.by_task.get_mut(task) else { return };
        match job {
            None => remove(&mut task_marks.all),
            Some(id) => {
                let marks = task_marks.by_job.get_mut(&id);
                if marks.is_some_and(|marks| {
                    remove(marks);
                    marks.is_empty()
                }) {
                    task_marks.by_job.remove(&id);
                }
            }
        }
        if task_marks.is_empty() {
            self.by_task.remove(task);
        }
    }

    /// Takes out the followers that the event `number` of the job matches, and marks them. The caller, which holds a
    /// lock now, wakes them later.
    pub(super) fn take(&mut self, job: &JobKey, number: u64) -> Marks {
        let mut taken = std::mem::take(&mut self.all);
        if let Some(task_marks) = self.by_task.get_mut(&job.task.task) {
            taken.append(&mut task_marks.all);
            if let Some(mut marks) = task_marks.by_job.remove(&job.id) {
                taken.append(&mut marks);
            }
            if task_marks.is_empty() {
                self.by_task.remove(&job.task.task);
            }
        }
        for mark in &taken {
            mark.first.store(number, Ordering::Relaxed);
        }
        taken
    }
}
