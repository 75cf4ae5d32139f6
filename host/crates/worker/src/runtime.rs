//! The runtime: what all tasks of a worker share, from the queue to the signals of a stop. Everything that runs has a
//! handle of it; the [`Worker`](crate::Worker) is the layer above.

use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use saggar_files::TenantFiles;
use saggar_http_client::TenantHttp;
use saggar_job::{Clock, JobId, JobKey, LogSource, TaskKey};
use saggar_queue::{Added, Change, LogLine, NewJob, Queue, TaskQueue};
use saggar_tenant::Tenant;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::{AddError, LookupError};
use crate::family::Families;
use crate::quota_meters::QuotaMeters;
use crate::running_gate::RunningGate;
use crate::shared_files::SharedFiles;
use crate::shielded::Shielded;
use crate::task_runner::TaskRunner;
use crate::task_runners::TaskRunners;
use crate::trace::Traces;

/// Adds jobs to a task, from inside `depth` calls of `next`; waits for at most `wait` until the task's id source is
/// loaded.
///
/// Adding calls `next`, and `next` is a guest that may add jobs: this recursion is the domain's own. The code that adds
/// jobs is a layer above the runtime, so guests' calls reach it through this pointer.
pub(crate) type Add = for<'a> fn(
    runtime: &'a Arc<Runtime>,
    task: &'a str,
    jobs: Vec<NewJob>,
    depth: u32,
    wait: Duration,
) -> BoxFuture<'a, Result<Vec<Added>, AddError>>;

pub(crate) struct Runtime {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) gate: RunningGate,
    pub(crate) quota_meters: QuotaMeters,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue: Queue,
    pub(crate) add: Add,
    pub(crate) traces: Traces,
    pub(crate) families: Arc<Families>,
    /// The exchanges of guests; unset if the host has no client for them.
    pub(crate) http: OnceLock<TenantHttp>,
    pub(crate) runners: ArcSwap<TaskRunners>,
    /// Held while setups are replaced, so that loaded plugins cannot replace the setup of a reload.
    pub(crate) replacing: Mutex<()>,
    /// Starts maintenance with the first tasks.
    pub(crate) maintained: Once,
    pub(crate) slots: TaskTracker,
    pub(crate) lanes: TaskTracker,
    /// Steps whose callers are gone, and logs of jobs that were added.
    pub(crate) background: TaskTracker,
    /// Large arguments of unique jobs that guests add are fingerprinted one at a time.
    pub(crate) large_fingerprints: Arc<Semaphore>,
    /// What guests share with those of other workers to use files; set before the first task is opened.
    pub(crate) shared_files: OnceLock<SharedFiles>,
    /// The files that guests of the tenant have open.
    pub(crate) tenant_files: TenantFiles,
    /// Cancelled when the host stops: no more claims, no more jobs from outside.
    pub(crate) stop: CancellationToken,
    /// Cancelled after the slots have ended: lanes end when no callback is due.
    pub(crate) lanes_stop: CancellationToken,
    /// Cancelled when the host aborts: everything ends now.
    pub(crate) abort: CancellationToken,
    /// Jobs whose attempts were stopped and requeued.
    pub(crate) abandoned: Mutex<Vec<JobKey>>,
}

impl Runtime {
    /// Returns what guests share to use files. A worker that was given nothing has no scratch directories.
    pub(crate) fn shared_files(&self) -> &SharedFiles {
        self.shared_files.get_or_init(|| SharedFiles::new(None))
    }

    /// Returns a line of a job's log, with the current time.
    pub(crate) fn line(&self, source: LogSource, text: String) -> LogLine {
        LogLine { at: self.clock.now(), source, text }
    }

    /// Appends lines to the log of a job.
    pub(crate) async fn append_log(&self, runner: &TaskRunner, id: JobId, lines: Vec<LogLine>) {
        if lines.is_empty() {
            return;
        }
        if let Err(error) = runner.queue.log(id, lines).await {
            tracing::error!(task = %runner.queue.key(), %id, %error, "lines of a job's log are lost");
        }
    }

    /// Finds an open task.
    pub(crate) fn runner(&self, task: &str) -> Result<Arc<TaskRunner>, LookupError> {
        let runners = self.runners.load();
        if runners.open.is_empty() && self.stop.is_cancelled() {
            return Err(LookupError::Stopping);
        }
        runners.find(task).cloned()
    }

    /// Finds the jobs of a task, whether or not it can run.
    pub(crate) fn queue_of(&self, task: &str) -> Result<Arc<TaskQueue>, LookupError> {
        match self.runner(task) {
            Ok(runner) => Ok(runner.queue.clone()),
            Err(LookupError::Stopping) => Err(LookupError::Stopping),
            Err(error) => self.queue.orphan(&TaskKey::new(self.tenant.name(), &task.to_lowercase())).ok_or(error),
        }
    }

    /// Changes a job. The change runs to its end even if the caller is dropped.
    pub(crate) async fn change(&self, task: &str, id: JobId, change: Change) -> Result<(), LookupError> {
        let queue = self.queue_of(task)?;
        let step = async move {
            match change {
                Change::Cancel => queue.cancel(id).await,
                Change::Retry => queue.retry(id).await,
                Change::Delete => queue.delete(id).await,
                Change::Redeliver => queue.redeliver(id).await,
            }
        };
        Ok(Shielded::new(&self.background, step).await?)
    }
}
