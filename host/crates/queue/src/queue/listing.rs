//! Listing and counting jobs: what the store does not know of running attempts is added here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saggar_job::{JobId, TaskKey};

use super::Queue;
use crate::{CountedJobs, Cursor, ListOrder, ListQuery, Page, StoreError};

impl Queue {
    /// The most jobs that [`count`](Self::count) examines: some tenths of a second, in steps between which others are served.
    pub const MAX_COUNTED: usize = 100_000;
    /// The most steps of a count. It ends earlier if arguments have to be read, of which a step reads a bounded number.
    const MAX_STEPS: usize = 20;

    /// Lists jobs of a task or of all of a tenant's tasks, open or not, with the live progress of running attempts.
    /// [`Store::list`](crate::Store::list) defines which jobs, in which order and how many.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let searching = self.searching(query);
        let mut page = self.shared.store.list(searching.as_ref().unwrap_or(query)).await?;
        let tasks = self.shared.tasks.read();
        for job in &mut page.jobs {
            if let Some(task) = tasks.get(&job.task) {
                task.show_live(job);
            }
        }
        Ok(page)
    }

    /// Counts the jobs that [`list`](Self::list) would return on all pages. If more than [`MAX_COUNTED`](Self::MAX_COUNTED)
    /// would have to be examined, it counts those among so many and a few more, and says where to continue. Jobs that change
    /// meanwhile are counted as they are when they are examined.
    pub async fn count(&self, query: &ListQuery) -> Result<CountedJobs, StoreError> {
        let searching = self.searching(query);
        let mut query = searching.unwrap_or_else(|| query.clone());
        let mut all = CountedJobs::default();
        for _ in 0..Self::MAX_STEPS {
            let CountedJobs { jobs, next, looked_at } = self.shared.store.count(&query).await?;
            (all.jobs, all.looked_at, all.next) = (all.jobs + jobs, all.looked_at + looked_at, next);
            if next.is_none() || all.looked_at >= Self::MAX_COUNTED {
                break;
            }
            query.after = next;
        }
        Ok(all)
    }

    /// Returns the position of the tenant's last job in the order of adding; `None` if it has none.
    pub async fn last_job(&self, tenant: &Arc<str>) -> Result<Option<Cursor>, StoreError> {
        let last = ListQuery { limit: 1, order: ListOrder::NewestFirst, ..ListQuery::of_tenant(Arc::clone(tenant)) };
        Ok(self.shared.store.list(&last).await?.jobs.first().map(|job| job.cursor))
    }

    /// Returns the query with what the store does not know; `None` if it searches for no text.
    fn searching(&self, query: &ListQuery) -> Option<ListQuery> {
        let text = query.text.as_ref()?;
        // Before the store searches: the progress of an attempt that ends meanwhile is in the store.
        let live = self.matching_progress(query, text).into();
        Some(ListQuery { live, now: self.clock().now(), ..query.clone() })
    }

    /// Returns the running jobs of the tasks of `query` whose live progress contains `text`.
    fn matching_progress(&self, query: &ListQuery, text: &str) -> HashMap<TaskKey, HashSet<JobId>> {
        let tasks = self.shared.tasks.read();
        let tasks = tasks.of(&query.tenant).filter(|task| query.selects(task.key()));
        tasks
            .map(|task| (task.key().clone(), task.observer().running_jobs.matching_progress(text)))
            .filter(|(_, ids)| !ids.is_empty())
            .collect()
    }
}
