//! The services of the host for a running call. The caller implements them; the imports only translate. A call that needs
//! none has [`RefusingServices`].

use async_trait::async_trait;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation, FileRoot};
use saggar_http_client::{HttpError, HttpRequest, HttpResponse};
use saggar_job::{JobId, LogSource, Problem, Status};
use saggar_kv::{KvAnswer, KvOperation};
use tokio::sync::watch;

use crate::observation::{Observation, Observed, Replayed, Stop};

/// A job as a guest sees it through `tasks.get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskJob {
    /// Its id.
    pub id: JobId,
    /// Its status.
    pub status: Status,
    /// How much is done.
    pub current: u64,
    /// The total amount of work.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// The processor's response, as JSON text.
    pub response: Option<String>,
}

/// The host's side of one call. Methods that are not async are called on the guest's stack and must not block.
#[async_trait]
pub trait Services: Send + Sync + 'static {
    /// Reports progress. `current` is at most `total`; `message` is at most 1 KiB before escaping.
    fn progress(&self, current: u64, total: u64, message: &str);

    /// Logs one line: escaped text without a line end, at most 8 KiB.
    fn log(&self, source: LogSource, text: &str);

    /// Returns whether the job has been cancelled.
    fn is_cancelled(&self) -> bool;

    /// Resolves when the job is cancelled; never for a job that cannot be cancelled.
    async fn cancelled(&self);

    /// Returns why the guest is stopped if [`is_cancelled`](Self::is_cancelled): another reason than a cancellation if the
    /// call is a replay of one that was stopped for that reason.
    fn stop(&self) -> Stop {
        Stop::Cancelled
    }

    /// Returns whether the call is a replay.
    fn is_replay(&self) -> bool {
        false
    }

    /// Returns what the guest of a replay observes; `None` if the call is no replay. Called on the guest's stack.
    fn replayed(&self, what: Observation) -> Option<Replayed> {
        let _ = what;
        None
    }

    /// Notes that the guest waits for an observation, which follows unless the guest is stopped meanwhile.
    fn waits_for(&self, what: Observation) {
        let _ = what;
    }

    /// Notes what the guest observed.
    fn observed(&self, what: Observation, observed: &Observed) {
        let _ = (what, observed);
    }

    /// Adds a job to a task of the same tenant. `args` is any text; the implementation checks it.
    async fn add(&self, task: &str, args: String, delay_ms: u64) -> Result<JobId, Problem>;

    /// Adds a job with options, a JSON object as text. The implementation checks both texts.
    async fn add_with(&self, task: &str, args: String, options: &str) -> Result<JobId, Problem>;

    /// Looks up a job of the same tenant. The implementation decides which jobs the guest may look up and cancel.
    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem>;

    /// Cancels a job of the same tenant.
    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem>;

    /// Performs an operation on the tenant's key-value store. The implementation checks it, and whether it is granted.
    async fn kv(&self, operation: KvOperation) -> Result<KvAnswer, Problem> {
        let _ = operation;
        Err(Problem::new("not-granted", "this host grants no key-value store"))
    }

    /// Makes an exchange over HTTP. Dropping the future ends it. The implementation checks the request. By default, none is
    /// granted.
    async fn http(&self, _request: HttpRequest) -> Result<HttpResponse, HttpError> {
        Err(HttpError::not_granted("requests over HTTP are not granted here"))
    }

    /// Returns the environment variables of the guest, with their values.
    fn env(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Returns the directories that the guest finds when it starts. Their handles are the numbers of their places.
    fn roots(&self) -> Vec<FileRoot> {
        Vec::new()
    }

    /// Performs an operation on files. The implementation decides which files the guest may use, and bounds what it does.
    async fn file(&self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        let _ = operation;
        Err(FileError::NotGranted)
    }

    /// Notes that the guest does not use a file or directory any more, which it has opened in this call or an earlier one.
    fn close_file(&self, handle: FileHandle) {
        let _ = handle;
    }
}

/// Services of a call that must not ask for anything: of the host's own components, of benchmarks and of tests. What the
/// guest prints becomes a warning of the host.
#[derive(Debug, Default)]
pub struct RefusingServices {
    stop: Option<watch::Receiver<bool>>,
}

impl RefusingServices {
    /// Creates services of calls that are cancelled when `stop` is true. Without it they never are.
    pub fn until(stop: watch::Receiver<bool>) -> Self {
        Self { stop: Some(stop) }
    }

    fn refusal<T>() -> Result<T, Problem> {
        Err(Problem::new("no-services", "this call cannot reach jobs"))
    }
}

#[async_trait]
impl Services for RefusingServices {
    fn progress(&self, _: u64, _: u64, _: &str) {}

    fn log(&self, source: LogSource, text: &str) {
        if !text.is_empty() {
            tracing::warn!(?source, text, "a guest printed in a call without services");
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| *stop.borrow())
    }

    async fn cancelled(&self) {
        let is_stopped = match self.stop.clone() {
            Some(mut stop) => stop.wait_for(|is_set| *is_set).await.is_ok(),
            None => false,
        };
        if !is_stopped {
            // Without a sender, the call cannot be stopped.
            std::future::pending::<()>().await;
        }
    }

    async fn add(&self, _: &str, _: String, _: u64) -> Result<JobId, Problem> {
        Self::refusal()
    }

    async fn add_with(&self, _: &str, _: String, _: &str) -> Result<JobId, Problem> {
        Self::refusal()
    }

    async fn get(&self, _: &str, _: JobId) -> Result<TaskJob, Problem> {
        Self::refusal()
    }

    async fn cancel(&self, _: &str, _: JobId) -> Result<(), Problem> {
        Self::refusal()
    }
}
