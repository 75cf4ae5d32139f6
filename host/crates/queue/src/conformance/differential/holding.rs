//! What both sides must hold alike after every step.

use super::super::listing::pages;
use super::{History, TASKS, works};

impl History {
    /// Compares all that can be looked up.
    pub(super) async fn hold(&mut self) {
        for task in 0..TASKS.len() {
            let (expected, actual) = (&self.expected.tasks[task], &self.actual.tasks[task]);
            self.same(&expected.counts(), &actual.counts(), "the counts");
        }
        let query = self.any_query();
        let expected = pages(&*self.expected.store, query.clone()).await;
        let actual = pages(&*self.actual.store, query.clone()).await;
        self.same(&expected, &actual, &format!("the list of {query:?}"));
        // All jobs of one task, and one job that may not be there.
        let task = self.chance.usize(0..TASKS.len());
        let (tenant, name) = TASKS[task];
        let all = crate::ListQuery::of_task(&saggar_job::TaskKey::new(tenant, name));
        let mut ids: Vec<_> = pages(&*self.expected.store, all).await.iter().map(|job| job.id).collect();
        ids.push(self.any_id(task));
        for id in ids {
            let (expected, actual) = (&self.expected.tasks[task], &self.actual.tasks[task]);
            self.same(&works(expected.get(id).await), &works(actual.get(id).await), "a job");
            self.same(&works(expected.history(id).await), &works(actual.history(id).await), "a job's history");
        }
    }
}
