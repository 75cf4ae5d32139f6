//! The host's side of a running call: where its progress, its log lines and its use of other tasks go.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use saggar_definition::JobAccess;
use saggar_job::{JobId, JobKey, LogSource, Problem, TaskKey};
use saggar_queue::{AddOptions, Change, Job, NewJob, OptionsError, Running};
use saggar_sandbox::{Services, TaskJob};
use saggar_tenant::QuotaExceeded;

use crate::error::{AddError, LookupError};
use crate::log_buffer::LogBuffer;
use crate::runtime::Runtime;

/// The services of one call.
pub(crate) struct CallServices {
    pub(crate) runtime: Arc<Runtime>,
    /// The task whose guest is called; `None` if it is the task of `about`.
    caller: Option<TaskKey>,
    /// Which jobs the guest may look up and cancel.
    access: JobAccess,
    /// The attempt, if the call is one; handlers report no progress and are not cancelled.
    pub(crate) running: Option<Arc<Running>>,
    /// The job that the call is about, and the parent of the jobs that its guest adds.
    pub(crate) about: Option<JobKey>,
    /// The trace context of the call and of the jobs that its guest adds.
    pub(crate) trace_parent: Option<Arc<str>>,
    pub(crate) log: LogBuffer,
    /// How many calls of `next` this one is inside.
    pub(crate) depth: u32,
}

impl CallServices {
    /// For an attempt of the job of `running`.
    pub(crate) fn of_attempt(
        runtime: Arc<Runtime>,
        running: Arc<Running>,
        access: JobAccess,
        trace_parent: Option<Arc<str>>,
    ) -> Self {
        let about = running.key();
        Self { running: Some(running), about: Some(about), ..Self::new(runtime, access, trace_parent) }
    }

    /// For a call of a handler about the job `about`.
    pub(crate) fn of_handler(
        runtime: Arc<Runtime>,
        about: JobKey,
        access: JobAccess,
        trace_parent: Option<Arc<str>>,
    ) -> Self {
        Self { about: Some(about), ..Self::new(runtime, access, trace_parent) }
    }

    /// For a call of `next` of the task `caller`; `depth` counts it and those it is inside.
    pub(crate) fn of_id_source(
        runtime: Arc<Runtime>,
        caller: TaskKey,
        access: JobAccess,
        trace_parent: Option<Arc<str>>,
        depth: u32,
    ) -> Self {
        Self { caller: Some(caller), depth, ..Self::new(runtime, access, trace_parent) }
    }

    fn new(runtime: Arc<Runtime>, access: JobAccess, trace_parent: Option<Arc<str>>) -> Self {
        let (caller, running, about, log) = Default::default();
        Self { runtime, caller, access, running, about, trace_parent, log, depth: 0 }
    }

    /// Returns the task whose guest is called.
    fn caller(&self) -> Option<&TaskKey> {
        self.about.as_ref().map(|job| &job.task).or(self.caller.as_ref())
    }

    /// Adds a job as a child of the one that the call is about.
    async fn add_job(&self, task: &str, job: NewJob) -> Result<JobId, Problem> {
        let (parent, trace_parent) = (self.about.clone(), self.trace_parent.clone());
        let job = NewJob { parent, trace_parent, ..job };
        match (self.runtime.add)(&self.runtime, task, vec![job], self.depth, Duration::MAX).await {
            // One job was added, so one is returned.
            Ok(added) => Ok(added.first().map_or(JobId(0), |added| added.id)),
            Err(error) => {
                let details = error.quota().map(quota_details);
                let known = match &error {
                    AddError::UnknownTask { nearest: None, .. } => self.known_tasks(),
                    _ => String::new(),
                };
                Err(Problem { details, ..Problem::new(error.code(), format!("{error}{known}")) })
            }
        }
    }

    async fn find(&self, task: &str, id: JobId) -> Result<(JobKey, Job), LookupError> {
        let queue = self.runtime.queue_of(task)?;
        let job = queue.get(id).await?.ok_or(LookupError::UnknownJob { id })?;
        Ok((JobKey { task: queue.key().clone(), id }, job))
    }

    /// Looks up a job that the guest may look up and cancel.
    async fn accessible_job(&self, task: &str, id: JobId) -> Result<Job, Problem> {
        let (key, job) = self.find(task, id).await.map_err(|error| self.problem(&error))?;
        if self.has_access(&key, &job) { Ok(job) } else { Err(self.not_added(&key)) }
    }

    /// Returns whether the guest may look up and cancel the job. A retried attempt and a handler need what other calls
    /// of the task added, so any job of the task may be the parent.
    fn has_access(&self, key: &JobKey, job: &Job) -> bool {
        let parent = job.origin.as_ref().and_then(|origin| origin.parent.as_ref());
        self.access == JobAccess::All
            || self.about.as_ref() == Some(key)
            || parent.is_some_and(|parent| Some(&parent.task) == self.caller())
    }

    fn problem(&self, error: &LookupError) -> Problem {
        let known = match error {
            LookupError::UnknownTask { nearest: None, .. } => self.known_tasks(),
            _ => String::new(),
        };
        Problem::new(error.code(), format!("{error}{known}"))
    }

    /// Returns the names of all tasks, for a guest that named an unknown one. Clients do not get this list, because they
    /// may not know all tasks.
    fn known_tasks(&self) -> String {
        self.runtime.runners.load().listed()
    }

    fn not_added(&self, key: &JobKey) -> Problem {
        let (task, id) = (&key.task.task, key.id);
        let caller = self.caller().map_or("", |caller| &*caller.task);
        let message = format!(
            "no job of the task `{caller}` added the job {task}#{id}, so the task may not look it up or cancel it; \
             `\"sandbox\": {{\"tasks\": \"all\"}}` in the definition of `{caller}` allows access to all jobs"
        );
        Problem::new("not-added", message)
    }
}

#[async_trait]
impl Services for CallServices {
    fn progress(&self, current: u64, total: u64, message: &str) {
        if let Some(running) = &self.running {
            running.report(current, total, message);
        }
    }

    fn log(&self, source: LogSource, text: &str) {
        self.log.write(&*self.runtime.clock, &self.runtime.tenant, source, text);
    }

    fn is_cancelled(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.cancel_signal().is_cancelled())
    }

    async fn cancelled(&self) {
        match &self.running {
            Some(running) => running.cancel_signal().cancelled().await,
            None => std::future::pending().await,
        }
    }

    async fn add(&self, task: &str, args: String, delay_ms: u64) -> Result<JobId, Problem> {
        self.add_job(task, NewJob { delay_ms, ..NewJob::new(args) }).await
    }

    async fn add_with(&self, task: &str, args: String, options: &str) -> Result<JobId, Problem> {
        let invalid = |why: String| Problem::new("invalid-options", why);
        let options = AddOptions::read(options).map_err(invalid)?;
        let job = options.job(args.into(), &self.runtime.large_fingerprints).await;
        let job = job.map_err(|error| match error {
            OptionsError::Invalid(why) => invalid(why),
            OptionsError::Internal(_) => Problem::new("internal", error.to_string()),
        })?;
        self.add_job(task, job).await
    }

    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem> {
        let job = self.accessible_job(task, id).await?;
        let (status, response) = (job.status(), job.response().map(str::to_owned));
        let saggar_queue::Progress { current, total, message } = job.progress;
        Ok(TaskJob { id, status, current, total, message, response })
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem> {
        if self.access != JobAccess::All {
            // A job's parent never changes, so access cannot be lost before the change.
            self.accessible_job(task, id).await?;
        }
        self.runtime.change(task, id, Change::Cancel).await.map_err(|error| self.problem(&error))
    }
}

/// Returns the details of a problem whose cause is a quota.
fn quota_details(exceeded: &QuotaExceeded) -> String {
    let QuotaExceeded { quota, limit, retry_after, .. } = exceeded;
    let retry_after = retry_after.map(|time| format!(",\"retry_after_ms\":{}", time.as_millis()));
    format!("{{\"quota\":\"{quota}\",\"limit\":{limit}{}}}", retry_after.unwrap_or_default())
}
