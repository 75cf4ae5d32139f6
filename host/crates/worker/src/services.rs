//! The host's side of a running call: where its progress, its log lines and its use of other tasks go.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use saggar_definition::truncated;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation, FileRoot};
use saggar_grant::{Granted, JobAccess, TaskPattern};
use saggar_job::{JobId, JobKey, LogSource, Problem, TaskKey};
use saggar_queue::{AddOptions, Change, Job, KvAnswer, KvOperation, NewJob, OptionsError, Running};
use saggar_sandbox::{HttpError, HttpRequest, HttpResponse, Services, TaskJob};
use saggar_tenant::{Flow, QuotaExceeded};

use crate::call_files::{self, CallFiles, Performed};
use crate::error::{AddError, LookupError};
use crate::kv_access;
use crate::log_buffer::LogBuffer;
use crate::runtime::Runtime;

/// The services of one call.
pub(crate) struct CallServices {
    pub(crate) runtime: Arc<Runtime>,
    /// The task whose guest is called; `None` if it is the task of `about`.
    caller: Option<TaskKey>,
    /// The capabilities of the guest.
    pub(crate) granted: Arc<Granted>,
    /// The attempt, if the call is one; handlers report no progress and are not cancelled.
    pub(crate) running: Option<Arc<Running>>,
    /// The job that the call is about, and the parent of the jobs that its guest adds.
    pub(crate) about: Option<JobKey>,
    /// The trace context of the call and of the jobs that its guest adds.
    pub(crate) trace_parent: Option<Arc<str>>,
    pub(crate) log: LogBuffer,
    pub(crate) files: CallFiles,
    /// How many calls of `next` this one is inside.
    pub(crate) depth: u32,
}

impl CallServices {
    /// For an attempt of the job of `running`.
    pub(crate) fn of_attempt(
        runtime: Arc<Runtime>,
        running: Arc<Running>,
        granted: Arc<Granted>,
        trace_parent: Option<Arc<str>>,
    ) -> Self {
        let about = running.key();
        Self { running: Some(running), about: Some(about), ..Self::new(runtime, granted, trace_parent) }
    }

    /// For a call of a handler about the job `about`.
    pub(crate) fn of_handler(
        runtime: Arc<Runtime>,
        about: JobKey,
        granted: Arc<Granted>,
        trace_parent: Option<Arc<str>>,
    ) -> Self {
        Self { about: Some(about), ..Self::new(runtime, granted, trace_parent) }
    }

    /// For a call of `next` of the task `caller`; `depth` counts it and those it is inside.
    pub(crate) fn of_id_source(
        runtime: Arc<Runtime>,
        caller: TaskKey,
        granted: Arc<Granted>,
        trace_parent: Option<Arc<str>>,
        depth: u32,
    ) -> Self {
        Self { caller: Some(caller), depth, ..Self::new(runtime, granted, trace_parent) }
    }

    fn new(runtime: Arc<Runtime>, granted: Arc<Granted>, trace_parent: Option<Arc<str>>) -> Self {
        let (caller, running, about, log, files) = Default::default();
        Self { runtime, caller, granted, running, about, trace_parent, log, files, depth: 0 }
    }

    /// Returns the task whose guest is called.
    fn caller(&self) -> Option<&TaskKey> {
        self.about.as_ref().map(|job| &job.task).or(self.caller.as_ref())
    }

    /// Returns the name of the task whose guest is called.
    pub(crate) fn caller_name(&self) -> &str {
        self.caller().map_or("", |caller| &*caller.task)
    }

    /// Adds a job as a child of the one that the call is about.
    async fn add_job(&self, task: &str, job: NewJob) -> Result<JobId, Problem> {
        if !self.granted.tasks.allows_adding_to(task) {
            return Err(self.may_not_add_to(task));
        }
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
        self.granted.tasks.jobs == JobAccess::All
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
        let caller = self.caller_name();
        let message = format!(
            "no job of the task `{caller}` added the job {task}#{id}, so the task may not look it up or cancel it; \
             `\"sandbox\": {{\"tasks\": \"all\"}}` in the definition of `{caller}` requests access to all jobs"
        );
        Problem::new("not-added", message)
    }

    fn may_not_add_to(&self, task: &str) -> Problem {
        let (task, caller) = (truncated(task), self.caller_name());
        let patterns: Vec<&str> = self.granted.tasks.add.iter().map(TaskPattern::as_str).collect();
        let allowed = if patterns.is_empty() { "no task".to_owned() } else { patterns.join(", ") };
        let message = format!(
            "the task `{caller}` may not add jobs to `{task}`: its definition allows adding to {allowed} \
             (`\"sandbox\": {{\"tasks\": {{\"add\": […]}}}}`)"
        );
        Problem::new("not-granted", message)
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
        if self.granted.tasks.jobs != JobAccess::All {
            // A job's parent never changes, so access cannot be lost before the change.
            self.accessible_job(task, id).await?;
        }
        self.runtime.change(task, id, Change::Cancel).await.map_err(|error| self.problem(&error))
    }

    fn env(&self) -> Vec<(String, String)> {
        self.granted.env.clone()
    }

    fn roots(&self) -> Vec<FileRoot> {
        call_files::roots(&self.granted)
    }

    async fn file(&self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        let flow = Flow::new(self.runtime.tenant.clone(), self.caller_name());
        let Performed { answer, notice } = self.files.perform(&self.runtime, &flow, &self.granted, operation).await;
        if let Some(notice) = notice {
            self.log(LogSource::Host, &notice);
        }
        answer
    }

    fn close_file(&self, handle: FileHandle) {
        self.files.close(handle);
    }

    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.exchange(request).await
    }

    async fn kv(&self, operation: KvOperation) -> Result<KvAnswer, Problem> {
        kv_access::perform(&self.runtime, &self.granted, self.caller_name(), operation).await
    }
}

/// Returns the details of a problem whose cause is a quota.
fn quota_details(exceeded: &QuotaExceeded) -> String {
    let QuotaExceeded { quota, limit, retry_after, .. } = exceeded;
    let retry_after = retry_after.map(|time| format!(",\"retry_after_ms\":{}", time.as_millis()));
    format!("{{\"quota\":\"{quota}\",\"limit\":{limit}{}}}", retry_after.unwrap_or_default())
}
