//! Operations on the jobs of a host: adding, looking up, waiting for and changing them.

use saggar_job::{JobId, Run};
use saggar_queue::{
    Added, AttemptRecord, Change, History, Job, ListQuery, LogLine, NewJob, Page, Rates, StoreError, TaskQueue,
};
use saggar_worker::{AddError, LookupError};

use crate::host::Host;
use crate::job_view::JobView;

impl Host {
    /// Adds a job; returns its id. `args` is a JSON array with one item per argument.
    pub async fn add(&self, task: &str, args: &str) -> Result<u64, AddError> {
        self.add_job(task, NewJob::new(args)).await
    }

    /// Adds a job with options; returns its id.
    pub async fn add_job(&self, task: &str, job: NewJob) -> Result<u64, AddError> {
        let added = self.worker.add(task, vec![job]).await?;
        // Adding one job returns one.
        Ok(added.first().map_or(0, |added| added.id.0))
    }

    /// Looks up a job.
    pub async fn get(&self, task: &str, id: u64) -> Result<JobView, LookupError> {
        let (queue, id) = (self.worker.queue(task)?, JobId(id));
        let job = queue.get(id).await?.ok_or(LookupError::UnknownJob { id })?;
        Ok(view(task, &queue, job))
    }

    /// Waits until a job has ended; returns it. Cancel safe.
    pub async fn wait(&self, task: &str, id: u64) -> Result<JobView, LookupError> {
        let queue = self.worker.queue(task)?;
        let job = queue.wait(JobId(id)).await?;
        Ok(view(task, &queue, job))
    }

    /// Cancels a job: a waiting one ends at once, a running one is stopped.
    pub async fn cancel(&self, task: &str, id: u64) -> Result<(), LookupError> {
        self.worker.change(task, JobId(id), Change::Cancel).await
    }

    /// Adds all `jobs` to a task, or none; returns the id of each, and whether it is new.
    pub async fn add_jobs(&self, task: &str, jobs: Vec<NewJob>) -> Result<Vec<Added>, AddError> {
        self.worker.add(task, jobs).await
    }

    /// Runs an ended job again, with its full number of attempts.
    pub async fn retry(&self, task: &str, id: u64) -> Result<(), LookupError> {
        self.worker.change(task, JobId(id), Change::Retry).await
    }

    /// Retries the callbacks of an ended job at once: those that were given up, and those that wait for their next try.
    pub async fn redeliver(&self, task: &str, id: u64) -> Result<(), LookupError> {
        self.worker.change(task, JobId(id), Change::Redeliver).await
    }

    /// Deletes a job that is not running.
    pub async fn delete(&self, task: &str, id: u64) -> Result<(), LookupError> {
        self.worker.change(task, JobId(id), Change::Delete).await
    }

    /// Pauses a task: no attempt starts until [`resume`](Self::resume). Survives restarts.
    pub async fn pause(&self, task: &str) -> Result<(), LookupError> {
        self.worker.set_paused(task, true).await
    }

    /// Resumes a task after [`pause`](Self::pause).
    pub async fn resume(&self, task: &str) -> Result<(), LookupError> {
        self.worker.set_paused(task, false).await
    }

    /// Returns a job's log, oldest line first.
    pub async fn logs(&self, task: &str, id: u64) -> Result<Vec<LogLine>, LookupError> {
        Ok(self.history(task, JobId(id)).await?.log)
    }

    /// Returns the ended attempts of a job, oldest first.
    pub async fn attempts(&self, task: &str, id: u64) -> Result<Vec<AttemptRecord>, LookupError> {
        Ok(self.history(task, JobId(id)).await?.attempts)
    }

    /// Returns the record of an attempt of a job by its run, or with `None` that of the last attempt which was recorded.
    pub async fn record(&self, task: &str, id: u64, run: Option<u64>) -> Result<Option<Vec<u8>>, LookupError> {
        let recording = self.worker.queue(task)?.recording(JobId(id), run.map(Run)).await?;
        Ok(recording.map(|recording| recording.bytes.to_vec()))
    }

    /// Returns a page of the jobs that match `query`.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.queue.list(&ListQuery { tenant: self.tenant_name().clone(), ..query.clone() }).await
    }

    /// Returns how often a task's jobs were added, retried and ended.
    pub fn rates(&self, task: &str) -> Result<Rates, LookupError> {
        Ok(self.worker.queue(task)?.counters().rates())
    }

    async fn history(&self, task: &str, id: JobId) -> Result<History, LookupError> {
        self.worker.queue(task)?.history(id).await?.ok_or(LookupError::UnknownJob { id })
    }
}

fn view(task: &str, queue: &TaskQueue, job: Job) -> JobView {
    let max_attempts = queue.rules().retry.max_attempts_at(job.life.attempt);
    JobView::new(task, job, max_attempts)
}
