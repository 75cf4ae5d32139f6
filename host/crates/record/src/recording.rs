//! The recorder: stands between a guest and the services of its call.
//!
//! Every method of [`Services`] that a guest can notice is here, also those with a default body: a method that is missing
//! would not reach the services.

use std::borrow::Cow;

use async_trait::async_trait;
use parking_lot::Mutex;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation, FileRoot};
use saggar_http_client::{HttpError, HttpRequest, HttpResponse};
use saggar_job::{JobId, LogSource, Problem};
use saggar_kv::{KvAnswer, KvOperation};
use saggar_sandbox::{Observation, Observed, Replayed, Services, Stop, TaskJob};

use crate::effects::{Budget, Report};
use crate::entry::{CallHeader, Entry};
use crate::journal::Journal;
use crate::question::{Question, Reply};

/// Services of a call that is recorded, or of one that is not.
pub struct Recording<S> {
    services: S,
    /// `None` if the call is not recorded, or has ended.
    writer: Mutex<Option<Writer>>,
}

/// What writes a call's entries.
struct Writer {
    journal: Journal,
    budget: Budget,
    /// The last report, if it is not written yet.
    last_progress: Option<Report>,
    /// Questions so far.
    questions: u32,
    /// The last question, while nothing was written after it.
    open: Option<u32>,
}

impl Writer {
    fn push(&mut self, entry: &Entry<'_>) {
        self.open = None;
        self.journal.push(entry);
    }

    fn ask(&mut self, question: Question<'_>) -> u32 {
        let number = self.questions;
        self.questions += 1;
        self.push(&Entry::Question(question));
        self.open = Some(number);
        number
    }

    fn reply(&mut self, question: u32, reply: Reply<'_>) {
        let is_last = self.open == Some(question);
        self.push(&if is_last { Entry::Reply(reply) } else { Entry::LateReply(question, reply) });
    }
}

impl<S> Recording<S> {
    /// Wraps services of a call that is not recorded.
    pub fn off(services: S) -> Self {
        Self { services, writer: Mutex::new(None) }
    }

    /// Records a call in the journal of its instance.
    pub fn new(services: S, mut journal: Journal, header: CallHeader<'_>) -> Self {
        journal.begin(header);
        let writer = Writer { journal, budget: Budget::default(), last_progress: None, questions: 0, open: None };
        Self { services, writer: Mutex::new(Some(writer)) }
    }

    /// Returns the services.
    pub fn services(&self) -> &S {
        &self.services
    }

    /// Ends the recording; returns the journal if there is one.
    pub fn end(&self) -> Option<Journal> {
        let mut writer = self.writer.lock().take()?;
        if let Some(Report { current, total, message }) = writer.last_progress.take() {
            writer.push(&Entry::Progress(current, total, message.into()));
        }
        Some(writer.journal)
    }

    fn with_writer(&self, write: impl FnOnce(&mut Writer)) {
        if let Some(writer) = &mut *self.writer.lock() {
            write(writer);
        }
    }

    /// Writes a question, before it is asked; returns its number.
    fn ask(&self, question: Question<'_>) -> u32 {
        self.writer.lock().as_mut().map_or(0, |writer| writer.ask(question))
    }

    /// Writes the reply to a question.
    fn reply(&self, question: u32, reply: Reply<'_>) {
        self.with_writer(|writer| writer.reply(question, reply));
    }
}

#[async_trait]
impl<S: Services> Services for Recording<S> {
    fn progress(&self, current: u64, total: u64, message: &str) {
        self.with_writer(|writer| {
            if writer.budget.admits_report() {
                writer.push(&Entry::Progress(current, total, message.into()));
            } else {
                writer.last_progress = Some(Report { current, total, message: message.to_owned() });
            }
        });
        self.services.progress(current, total, message);
    }

    fn log(&self, source: LogSource, text: &str) {
        self.with_writer(|writer| {
            if writer.budget.admits_line(text) {
                writer.push(&Entry::Log(source.into(), text.into()));
            }
        });
        self.services.log(source, text);
    }

    fn is_cancelled(&self) -> bool {
        self.services.is_cancelled()
    }

    async fn cancelled(&self) {
        self.services.cancelled().await;
    }

    fn stop(&self) -> Stop {
        self.services.stop()
    }

    fn is_replay(&self) -> bool {
        self.services.is_replay()
    }

    fn replayed(&self, what: Observation) -> Option<Replayed> {
        self.services.replayed(what)
    }

    fn waits_for(&self, what: Observation) {
        self.with_writer(|writer| writer.push(&Entry::Waits(what)));
        self.services.waits_for(what);
    }

    fn observed(&self, what: Observation, observed: &Observed) {
        self.with_writer(|writer| writer.push(&Entry::Observed(what, Cow::Borrowed(observed))));
        self.services.observed(what, observed);
    }

    async fn add(&self, task: &str, args: String, delay_ms: u64) -> Result<JobId, Problem> {
        let question = self.ask(Question::Add { task: task.into(), args: args.as_str().into(), delay_ms });
        let added = self.services.add(task, args, delay_ms).await;
        self.reply(question, Reply::of_id(&added));
        added
    }

    async fn add_with(&self, task: &str, args: String, options: &str) -> Result<JobId, Problem> {
        let (task_text, args_text) = (task.into(), args.as_str().into());
        let question = self.ask(Question::AddWith { task: task_text, args: args_text, options: options.into() });
        let added = self.services.add_with(task, args, options).await;
        self.reply(question, Reply::of_id(&added));
        added
    }

    async fn get(&self, task: &str, id: JobId) -> Result<TaskJob, Problem> {
        let question = self.ask(Question::Get { task: task.into(), id: id.0 });
        let found = self.services.get(task, id).await;
        self.reply(question, Reply::of_job(&found));
        found
    }

    async fn cancel(&self, task: &str, id: JobId) -> Result<(), Problem> {
        let question = self.ask(Question::Cancel { task: task.into(), id: id.0 });
        let cancelled = self.services.cancel(task, id).await;
        self.reply(question, Reply::of_done(&cancelled));
        cancelled
    }

    fn env(&self) -> Vec<(String, String)> {
        let question = self.ask(Question::Env);
        let env = self.services.env();
        self.reply(question, Reply::Env(Cow::Borrowed(&env)));
        env
    }

    fn roots(&self) -> Vec<FileRoot> {
        let question = self.ask(Question::Roots);
        let roots = self.services.roots();
        self.reply(question, Reply::Roots(Cow::Borrowed(&roots)));
        roots
    }

    async fn file(&self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        let question = self.ask(Question::File(Cow::Borrowed(&operation)));
        let answer = self.services.file(operation).await;
        self.reply(question, Reply::of_file(&answer));
        answer
    }

    /// It has no answer, so it is not recorded.
    fn close_file(&self, handle: FileHandle) {
        self.services.close_file(handle);
    }

    async fn kv(&self, operation: KvOperation) -> Result<KvAnswer, Problem> {
        let question = self.ask(Question::Kv(Cow::Borrowed(&operation)));
        let answer = self.services.kv(operation).await;
        self.reply(question, Reply::of_kv(&answer));
        answer
    }

    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let question = self.ask(Question::Http((&request).into()));
        let answer = self.services.http(request).await;
        self.reply(question, Reply::of_http(&answer));
        answer
    }
}
