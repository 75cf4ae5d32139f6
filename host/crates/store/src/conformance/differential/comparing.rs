//! The comparison of both sides after every step, and the check that nothing remains of deleted jobs.

use saggar_job::{FailureKind, Outcome, Status, TaskKey};

use super::super::listing::pages;
use super::super::problem;
use super::{History, Side, TASKS, works};
use crate::{Change, Cursor, End, Finish, ListQuery, ListedJob, ListedRecording};

impl Side {
    /// Returns the recordings of a task. Their numbers may differ.
    async fn recordings(&self, task: usize) -> Vec<ListedRecording> {
        let listed = works(self.tasks[task].recordings(None, usize::MAX).await);
        listed.into_iter().map(|one| ListedRecording { number: 0, ..one }).collect()
    }
}

impl History {
    /// Compares all observed events and everything that can be read.
    pub(super) async fn compare(&mut self) {
        for task in 0..TASKS.len() {
            for expected in self.expected.observed[task].events().await {
                // The store delivers it when the step is durable.
                self.same(&Some(expected), &self.actual.observed[task].event_soon().await, "an event");
            }
        }
        for task in 0..TASKS.len() {
            let (expected, actual) = (&self.expected.tasks[task], &self.actual.tasks[task]);
            self.same(&works(expected.counts_now().await), &works(actual.counts_now().await), "the counts");
        }
        for (tenant, ..) in TASKS {
            let used = |side: &Side| {
                let levels = side.store.tenant_levels(tenant);
                (levels.waiting.used(), levels.kept_bytes.used())
            };
            self.same(&used(&self.expected), &used(&self.actual), "what a tenant uses");
        }
        let query = self.any_query();
        let expected = without_cursors(pages(&*self.expected.store, query.clone()).await);
        let actual = without_cursors(pages(&*self.actual.store, query.clone()).await);
        let counted = works(self.actual.store.count(&query).await);
        self.same(&expected.len(), &counted.jobs, &format!("the number of jobs of {query:?}"));
        self.same(&expected, &actual, &format!("the list of {query:?}"));
        // All jobs of one task, and an id that may not exist.
        let task = self.chance.usize(0..TASKS.len());
        let (tenant, name) = TASKS[task];
        let all = ListQuery::of_task(&TaskKey::new(tenant, name));
        let mut ids: Vec<_> = pages(&*self.expected.store, all).await.iter().map(|job| job.id).collect();
        ids.push(self.any_id(task));
        for id in ids {
            let (expected, actual) = (&self.expected.tasks[task], &self.actual.tasks[task]);
            self.same(&works(expected.get(id).await), &works(actual.get(id).await), "a job");
            self.same(&works(expected.history(id).await), &works(actual.history(id).await), "a job's history");
            let recorded = (works(expected.recording(id, None).await), works(actual.recording(id, None).await));
            self.same(&recorded.0, &recorded.1, "a job's last recording");
        }
        self.same(&self.expected.recordings(task).await, &self.actual.recordings(task).await, "the recordings");
    }

    /// Finishes running attempts and deletes all jobs.
    pub(super) async fn clear(&mut self) {
        for (task, (tenant, name)) in TASKS.into_iter().enumerate() {
            for job in pages(&*self.expected.store, ListQuery::of_task(&TaskKey::new(tenant, name))).await {
                self.remove(task, &job).await;
            }
        }
        self.compare().await;
        assert_eq!(self.location.left_over().await, Vec::<String>::new(), "something remains of the deleted jobs");
    }

    async fn remove(&self, task: usize, job: &ListedJob) {
        let (rules, now) = (&self.rules[task], self.now);
        for side in [&self.expected, &self.actual] {
            if job.status == Status::Running {
                let end = End::Outcome(Outcome::failure(FailureKind::Rejected, problem()));
                let (id, run) = (job.id, job.run);
                let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
                works(side.tasks[task].finish(finish, false, rules, now).await);
            }
            works(side.tasks[task].change(job.id, Change::Delete, rules, now).await);
        }
    }
}

/// Returns listed jobs without their positions: each store has its own.
fn without_cursors(jobs: Vec<ListedJob>) -> Vec<ListedJob> {
    jobs.into_iter().map(|job| ListedJob { cursor: Cursor(0), ..job }).collect()
}
