//! Families: the jobs that descend from given jobs, because guests or handlers of the family added them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use saggar_job::{JobId, JobKey, TaskKey};
use saggar_queue::Added;

/// Additions with unknown parents that a family stores, because every job can start, and add others, before the family
/// learns of it.
const UNKNOWN_PARENTS: usize = 16_384;

/// The descendants of some jobs. Costs nothing after it was dropped.
#[derive(Clone, Default)]
pub struct Family(Arc<Mutex<Members>>);

#[derive(Default)]
struct Members {
    /// By task, so that a job of a task that has members costs no copy of the task's key.
    jobs: HashMap<TaskKey, HashSet<JobId, RandomState>, RandomState>,
    /// Members that were added by others and have not been returned yet.
    added: VecDeque<JobKey>,
    /// The last additions by jobs that are not members, as child and parent.
    unknown: VecDeque<(JobKey, JobKey)>,
}

impl Members {
    fn has(&self, key: &JobKey) -> bool {
        self.jobs.get(&key.task).is_some_and(|jobs| jobs.contains(&key.id))
    }

    fn enter(&mut self, task: &TaskKey, id: JobId) {
        match self.jobs.get_mut(task) {
            Some(jobs) => drop(jobs.insert(id)),
            None => drop(self.jobs.entry(task.clone()).or_default().insert(id)),
        }
        if !self.unknown.is_empty() {
            self.enter_children(JobKey { task: task.clone(), id });
        }
    }

    /// Enters the jobs that a member added before it was known, and what those added.
    fn enter_children(&mut self, member: JobKey) {
        let mut parents = vec![member];
        while let Some(parent) = parents.pop() {
            let mut children = Vec::new();
            self.unknown.retain(|(child, of)| {
                let is_child = *of == parent;
                if is_child {
                    children.push(child.clone());
                }
                !is_child
            });
            for child in children {
                self.jobs.entry(child.task.clone()).or_default().insert(child.id);
                self.added.push_back(child.clone());
                parents.push(child);
            }
        }
    }

    fn note(&mut self, parent: &JobKey, child: JobKey) {
        if self.has(parent) {
            self.enter(&child.task, child.id);
            self.added.push_back(child);
            return;
        }
        if self.unknown.len() == UNKNOWN_PARENTS {
            self.unknown.pop_front();
        }
        self.unknown.push_back((child, parent.clone()));
    }
}

impl Family {
    /// Enters a job as a member that was added from outside.
    pub fn begin_with(&self, task: &TaskKey, id: JobId) {
        self.0.lock().enter(task, id);
    }

    /// Returns the next job that a member added, in the order of additions.
    pub fn next_added(&self) -> Option<JobKey> {
        self.0.lock().added.pop_front()
    }

    /// Removes a member that will add no more jobs.
    pub fn forget(&self, task: &TaskKey, id: JobId) {
        if let Some(jobs) = self.0.lock().jobs.get_mut(task) {
            jobs.remove(&id);
        }
    }
}

/// All families that are in use.
#[derive(Default)]
pub(crate) struct Families(Mutex<Vec<Weak<Mutex<Members>>>>);

impl Families {
    /// Creates a family.
    pub(crate) fn begin(&self) -> Family {
        let family = Family::default();
        self.0.lock().push(Arc::downgrade(&family.0));
        family
    }

    /// Records that the guest of `parent` added jobs.
    pub(crate) fn note(&self, parent: &JobKey, task: &TaskKey, added: &[Added]) {
        self.0.lock().retain(|family| {
            let Some(family) = family.upgrade() else { return false };
            let mut members = family.lock();
            for &Added { id, .. } in added.iter().filter(|added| added.is_new) {
                members.note(parent, JobKey { task: task.clone(), id });
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> JobKey {
        JobKey { task: TaskKey::new("default", "a"), id: JobId(id) }
    }

    fn add(families: &Families, parent: u64, children: &[u64]) {
        let added: Vec<_> = children.iter().map(|id| Added { id: JobId(*id), is_new: true }).collect();
        families.note(&key(parent), &key(0).task, &added);
    }

    fn added(family: &Family) -> Vec<u64> {
        std::iter::from_fn(|| family.next_added()).map(|key| key.id.0).collect()
    }

    #[test]
    fn a_family_has_the_jobs_of_its_jobs_and_no_others() {
        let families = Families::default();
        let family = families.begin();
        family.begin_with(&key(1).task, JobId(1));
        add(&families, 1, &[2, 3]);
        add(&families, 9, &[10]);
        add(&families, 3, &[4]);
        assert_eq!(added(&family), [2, 3, 4]);
        families.note(&key(1), &key(0).task, &[Added { id: JobId(9), is_new: false }]);
        assert_eq!(added(&family), [0; 0], "it existed already, so another job added it");
    }

    #[test]
    fn jobs_that_are_added_before_their_parent_is_known_are_found() {
        let families = Families::default();
        let family = families.begin();
        add(&families, 3, &[4]);
        add(&families, 1, &[2, 3]);
        add(&families, 8, &[9]);
        family.begin_with(&key(1).task, JobId(1));
        let mut all = added(&family);
        all.sort_unstable();
        assert_eq!(all, [2, 3, 4]);
    }

    #[test]
    fn a_family_that_is_dropped_is_forgotten() {
        let families = Families::default();
        drop(families.begin());
        for id in 0..2 * UNKNOWN_PARENTS as u64 {
            add(&families, id, &[id + 1]);
        }
        assert!(families.0.lock().is_empty());
        let family = families.begin();
        for id in 0..2 * UNKNOWN_PARENTS as u64 {
            add(&families, id, &[id + 1]);
        }
        assert_eq!(family.0.lock().unknown.len(), UNKNOWN_PARENTS);
    }
}
