//! Followers that have read everything, by what they wait for. An event takes those out that it is for, so it costs each
//! of them once between two of its readings, and the others nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saggar_job::{JobId, JobKey};
use tokio::sync::Notify;

use super::EventFilter;

/// No event yet.
const NONE: u64 = 0;

/// What an event leaves behind for a follower.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// The number of the first event that is for the follower since it was armed. Read and written under the ring's lock
    /// only.
    first: AtomicU64,
    pub(super) told: Notify,
}

impl Mark {
    pub(super) fn look(&self) -> Option<u64> {
        Some(self.first.load(Ordering::Relaxed)).filter(|number| *number != NONE)
    }

    /// Like [`look`](Self::look); the follower is no longer armed then.
    pub(super) fn take(&self) -> Option<u64> {
        let number = self.look()?;
        self.first.store(NONE, Ordering::Relaxed);
        Some(number)
    }
}

type ByHash<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Marks = Vec<Arc<Mark>>;

#[derive(Debug, Default)]
pub(super) struct Armed {
    all: Marks,
    by_task: ByHash<Arc<str>, OfTask>,
}

#[derive(Debug, Default)]
struct OfTask {
    all: Marks,
    by_job: ByHash<JobId, Marks>,
}

impl OfTask {
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

    /// Removes a follower that is gone.
    pub(super) fn remove(&mut self, filter: &EventFilter, mark: &Arc<Mark>) {
        let remove = |marks: &mut Marks| marks.retain(|other| !Arc::ptr_eq(other, mark));
        let (task, job) = match filter {
            EventFilter::Tenant(_) => return remove(&mut self.all),
            EventFilter::Task(key) => (&key.task, None),
            EventFilter::Job(key) => (&key.task.task, Some(key.id)),
        };
        let Some(of_task) = self.by_task.get_mut(task) else { return };
        match job {
            None => remove(&mut of_task.all),
            Some(id) => {
                let marks = of_task.by_job.get_mut(&id);
                if marks.is_some_and(|marks| {
                    remove(marks);
                    marks.is_empty()
                }) {
                    of_task.by_job.remove(&id);
                }
            }
        }
        if of_task.is_empty() {
            self.by_task.remove(task);
        }
    }

    /// Takes out those whom the event `number` of the job is for, marked; to be woken by the caller, who holds a lock now.
    pub(super) fn take(&mut self, job: &JobKey, number: u64) -> Marks {
        let mut taken = std::mem::take(&mut self.all);
        if let Some(of_task) = self.by_task.get_mut(&job.task.task) {
            taken.append(&mut of_task.all);
            if let Some(mut marks) = of_task.by_job.remove(&job.id) {
                taken.append(&mut marks);
            }
            if of_task.is_empty() {
                self.by_task.remove(&job.task.task);
            }
        }
        for mark in &taken {
            mark.first.store(number, Ordering::Relaxed);
        }
        taken
    }
}
