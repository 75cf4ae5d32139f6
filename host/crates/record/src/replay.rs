//! The services of a call that is made again: answers from the record, and collects what the guest does.

use std::borrow::Cow;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation, FileRoot};
use saggar_http_client::{HttpError, HttpRequest, HttpResponse};
use saggar_job::{JobId, LogSource, Problem};
use saggar_kv::{KvAnswer, KvOperation};
use saggar_sandbox::{Observation, Replayed, Services, Stop, TaskJob};
use tokio_util::sync::CancellationToken;

use crate::effects::Report;
use crate::question::{Question, Reply};
use crate::record::RecordedCall;
use crate::replay_steps::{Answered, ReplayMode, ReplayResult, ReplaySteps};

/// Answers a guest from the record of a call. It asks nobody else, so the call has no effect.
pub struct Replay {
    steps: Mutex<ReplaySteps>,
    /// Cancelled when the guest has to stop: because the recorded call was stopped, or the guest asks something else.
    stopped: CancellationToken,
}

impl Replay {
    /// Creates the services for `call`, which the host stopped for the reason `stop`, if it did.
    pub fn new(call: RecordedCall, stop: Option<Stop>, mode: ReplayMode) -> Self {
        Self { steps: Mutex::new(ReplaySteps::new(call, stop, mode)), stopped: CancellationToken::new() }
    }

    /// Returns what the guest did, after the call.
    pub fn result(&self) -> ReplayResult {
        self.steps.lock().result()
    }

    /// Returns the reply to a question. Never returns if there is none; the guest is stopped instead, or goes on without
    /// it as before.
    async fn ask(&self, question: Question<'_>) -> Reply<'static> {
        match self.ask_now(&question) {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }

    /// Returns the reply to a question. If there is none, the guest is stopped, or goes on without it.
    fn ask_now(&self, question: &Question<'_>) -> Option<Reply<'static>> {
        let answered = self.steps.lock().ask(question);
        match answered {
            Answered::With(reply) => Some(reply),
            Answered::Never => None,
            Answered::Stop(_) => {
                self.stopped.cancel();
                None
            }
        }
    }
}

#[async_trait]
impl Services for Replay {
    fn progress(&self, current: u64, total: u64, message: &str) {
        self.steps.lock().effects.report(Report { current, total, message: message.to_owned() });
    }

    fn log(&self, source: LogSource, text: &str) {
        self.steps.lock().effects.log(source, text.to_owned());
    }

    fn is_cancelled(&self) -> bool {
        self.stopped.is_cancelled()
    }

    async fn cancelled(&self) {
        self.stopped.cancelled().await;
    }

    fn stop(&self) -> Stop {
        self.steps.lock().stop()
    }

    fn is_replay(&self) -> bool {
        true
    }

    fn replayed(&self, what: Observation) -> Option<Replayed> {
        let answered = self.steps.lock().observe(what)?;
        Some(match answered {
            Answered::With(observed) => Replayed::Observed(observed),
            // Observations are never late.
            Answered::Never => Replayed::Stop(self.stop()),
            Answered::Stop(stop) => {
                self.stopped.cancel();
                Replayed::Stop(stop)
            }
        })
    }

    async fn add(&self, task: &str, args: String, delay_ms: u64) -> Result<JobId, Problem> {
        self.ask(Question::Add { task: task.into(), args: args.into(), delay_ms }).await.id()
    }

    async fn add_with(&self, task: &str, args: String, options: &str) -> Result<JobId, Problem> {
        self.ask(Question::AddWith { task: task.into(), args: args.into(), options: options.into() }).await.id()
    }

    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem> {
        self.ask(Question::Get { task: task.into(), id: id.0 }).await.job()
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem> {
        self.ask(Question::Cancel { task: task.into(), id: id.0 }).await.done()
    }

    fn env(&self) -> Vec<(String, String)> {
        self.ask_now(&Question::Env).map(Reply::env).unwrap_or_default()
    }

    fn roots(&self) -> Vec<FileRoot> {
        self.ask_now(&Question::Roots).map(Reply::roots).unwrap_or_default()
    }

    async fn file(&self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        self.ask(Question::File(Cow::Owned(operation))).await.file()
    }

    /// No file is open.
    fn close_file(&self, _handle: FileHandle) {}

    async fn kv(&self, operation: KvOperation) -> Result<KvAnswer, Problem> {
        self.ask(Question::Kv(Cow::Owned(operation))).await.kv()
    }

    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.ask(Question::Http((&request).into())).await.http()
    }
}
