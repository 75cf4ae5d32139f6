//! Ids of a script's `next` that are taken. The counter in the sample of the original begins anew in each instance, so
//! such a job gets an id of the task's counter instead of being refused. Plugins know better, and are refused.

use saggar_definition::Task;
use saggar_job::{CodeFile, JobId};
use saggar_queue::{AddError, NewJob};

/// How many ids of one addition are replaced one by one. After that, all of them are, because each try is a step of the
/// store, and the counter that gave them is probably behind.
const SINGLE_REPLACEMENTS: usize = 3;

/// The ids that a script's `next` gave to the jobs of one addition.
#[derive(Default)]
pub(crate) struct ScriptIds {
    /// By the position of the job; `None` if its id is not from a script, or was replaced.
    given: Vec<Option<JobId>>,
    /// The ids that were taken, with the positions of their jobs.
    replaced: Vec<(usize, JobId)>,
}

impl ScriptIds {
    /// Returns whether the task's `next` is a function of a script.
    pub(crate) fn are_given_to(task: &Task) -> bool {
        let next = task.handlers.next.as_ref();
        next.is_some_and(|reference| matches!(reference.value.code, CodeFile::Script(_)))
    }

    /// Records the id of the next job; `None` if it is not from a script.
    pub(crate) fn push(&mut self, id: Option<JobId>) {
        self.given.push(id);
    }

    /// Returns whether a taken id can be replaced.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.iter().all(Option::is_none)
    }

    /// Leaves the id that `error` is about to the counter; returns whether the jobs can be added again.
    pub(crate) fn replace(&mut self, error: &AddError, jobs: &mut [NewJob]) -> bool {
        let AddError::DuplicateId { id, at } = error else { return false };
        // Another job of the addition may have asked for the id that the script gave.
        let is_given = |at: &usize| self.given.get(*at).copied().flatten() == Some(*id);
        let Some(at) = Some(*at).filter(is_given).or_else(|| (0..self.given.len()).find(is_given)) else {
            return false;
        };
        let all = self.replaced.len() >= SINGLE_REPLACEMENTS;
        let positions = if all { 0..self.given.len() } else { at..at + 1 };
        for at in positions {
            if let Some(id) = self.given.get_mut(at).and_then(Option::take) {
                self.replaced.push((at, id));
                if let Some(job) = jobs.get_mut(at) {
                    job.id = None;
                }
            }
        }
        true
    }

    /// Returns the ids that were replaced, with the positions of their jobs.
    pub(crate) fn replaced(&self) -> &[(usize, JobId)] {
        &self.replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(ids: &[u64]) -> Vec<NewJob> {
        ids.iter().map(|id| NewJob::new("[]").with_id(JobId(*id))).collect()
    }

    fn given(ids: &[Option<u64>]) -> ScriptIds {
        let mut all = ScriptIds::default();
        ids.iter().for_each(|id| all.push(id.map(JobId)));
        all
    }

    fn duplicate(id: u64, at: usize) -> AddError {
        AddError::DuplicateId { id: JobId(id), at }
    }

    #[test]
    fn a_taken_id_is_left_to_the_counter() {
        let (mut jobs, mut ids) = (jobs(&[5, 6]), given(&[Some(5), Some(6)]));
        assert!(ids.replace(&duplicate(6, 1), &mut jobs));
        assert_eq!((jobs[0].id, jobs[1].id), (Some(JobId(5)), None));
        assert_eq!(ids.replaced(), [(1, JobId(6))]);
        assert!(!ids.replace(&duplicate(6, 1), &mut jobs), "it cannot be replaced again");
    }

    #[test]
    fn ids_that_the_caller_chose_stay() {
        let (mut jobs, mut ids) = (jobs(&[5, 5, 7]), given(&[Some(5), None, None]));
        assert!(ids.replace(&duplicate(5, 1), &mut jobs), "the script's job makes room");
        assert_eq!((jobs[0].id, jobs[1].id), (None, Some(JobId(5))));
        assert!(!ids.replace(&duplicate(7, 2), &mut jobs));
        assert!(!ids.replace(&AddError::InvalidId { at: 0 }, &mut jobs));
    }

    #[test]
    fn a_counter_that_is_far_behind_costs_few_steps() {
        let numbers: Vec<u64> = (1..100).collect();
        let (mut jobs, mut ids) = (jobs(&numbers), given(&numbers.iter().copied().map(Some).collect::<Vec<_>>()));
        let mut steps = 0;
        while let Some(at) = jobs.iter().position(|job| job.id.is_some()) {
            assert!(ids.replace(&duplicate(numbers[at], at), &mut jobs));
            steps += 1;
        }
        assert_eq!(steps, SINGLE_REPLACEMENTS + 1);
        assert_eq!(ids.replaced().len(), numbers.len());
    }
}
