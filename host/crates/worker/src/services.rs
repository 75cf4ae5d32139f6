//! What the host does for a running call: where its progress, its log lines and its use of other tasks go.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{JobId, JobKey, Problem};
use saggar_queue::{AddOptions, LogLevel, LogSource, NewJob, OptionsError, Running};
use saggar_sandbox::{Level, Services, TaskJob};

use crate::log_buffer::LogBuffer;
use crate::worker::Inner;

/// The services of one call.
pub(crate) struct CallServices {
    pub(crate) worker: Arc<Inner>,
    /// The attempt, if the call is one; handlers report no progress and are not cancelled.
    pub(crate) running: Option<Arc<Running>>,
    /// The job that the call is about; its guest's jobs are this one's children.
    pub(crate) about: Option<JobKey>,
    /// The trace context that the guest is told, which is its jobs' too.
    pub(crate) trace_parent: Option<Arc<str>>,
    pub(crate) log: LogBuffer,
    /// How many calls of `next` this one stands inside of.
    pub(crate) depth: u32,
}

impl CallServices {
    /// For an attempt of the job of `running`.
    pub(crate) fn of_attempt(worker: Arc<Inner>, running: Arc<Running>, trace_parent: Option<Arc<str>>) -> Self {
        let about = Some(running.key());
        Self { worker, running: Some(running), about, trace_parent, log: LogBuffer::default(), depth: 0 }
    }

    /// For a handler that is told of `about`.
    pub(crate) fn of_handler(worker: Arc<Inner>, about: JobKey, trace_parent: Option<Arc<str>>) -> Self {
        Self { worker, running: None, about: Some(about), trace_parent, log: LogBuffer::default(), depth: 0 }
    }

    /// For a call of `next`, inside of `depth` others.
    pub(crate) fn of_id_source(worker: Arc<Inner>, trace_parent: Option<Arc<str>>, depth: u32) -> Self {
        Self { worker, running: None, about: None, trace_parent, log: LogBuffer::default(), depth }
    }

    /// Adds a job as a child of the one that the call is about.
    async fn add_job(&self, task: &str, job: NewJob) -> Result<JobId, Problem> {
        let (parent, trace_parent) = (self.about.clone(), self.trace_parent.clone());
        let job = NewJob { parent, trace_parent, ..job };
        match self.worker.add(task, vec![job], self.depth).await {
            // As many are answered as were added.
            Ok(added) => Ok(added.first().map_or(JobId(0), |added| added.id)),
            Err(error) => Err(Problem::new(error.code(), error.to_string())),
        }
    }
}

#[async_trait]
impl Services for CallServices {
    fn progress(&self, current: u64, total: u64, message: &str) {
        if let Some(running) = &self.running {
            running.report(current, total, message);
        }
    }

    fn log(&self, source: saggar_sandbox::LogSource, text: &str) {
        self.log.write(self.worker.clock(), log_source(source), text);
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
        let job = options.job(args.into(), &self.worker.large_fingerprints).await;
        let job = job.map_err(|error| match error {
            OptionsError::Invalid(why) => invalid(why),
            OptionsError::Internal(_) => Problem::new("internal", error.to_string()),
        })?;
        self.add_job(task, job).await
    }

    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem> {
        let found = self.worker.get(task, id).await;
        let job = found.map_err(|error| Problem::new(error.code(), error.to_string()))?;
        let (status, response) = (job.status(), job.response().map(str::to_owned));
        let saggar_queue::Progress { current, total, message } = job.progress;
        Ok(TaskJob { id, status, current, total, message, response })
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem> {
        let cancelled = self.worker.cancel(task, id).await;
        cancelled.map_err(|error| Problem::new(error.code(), error.to_string()))
    }
}

fn log_source(source: saggar_sandbox::LogSource) -> LogSource {
    match source {
        saggar_sandbox::LogSource::Stdout => LogSource::Stdout,
        saggar_sandbox::LogSource::Stderr => LogSource::Stderr,
        saggar_sandbox::LogSource::Log(level) => LogSource::Log(match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        }),
    }
}
