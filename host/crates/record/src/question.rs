//! Questions of guests and the host's replies, as records contain them. The order of variants and fields is the format of
//! records: new variants come last, and none is removed or changed.

use std::borrow::Cow;
use std::fmt;

use saggar_files::{FileAnswer, FileError, FileOperation, FileRoot};
use saggar_http_client::{HttpError, HttpErrorKind, HttpResponse};
use saggar_job::{JobId, Problem, Status};
use saggar_kv::{KvAnswer, KvChange, KvOperation};
use saggar_sandbox::TaskJob;
use serde::{Deserialize, Serialize};

use crate::exchange::{RecordedHttpError, RecordedRequest, RecordedResponse};

/// A question that the host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question<'a> {
    /// `tasks.add` and `tasks.add-later`; the reply is an id.
    Add {
        /// The task.
        task: Cow<'a, str>,
        /// The arguments.
        args: Cow<'a, str>,
        /// The delay in milliseconds.
        delay_ms: u64,
    },
    /// `tasks.add-with`; the reply is an id.
    AddWith {
        /// The task.
        task: Cow<'a, str>,
        /// The arguments.
        args: Cow<'a, str>,
        /// The options, a JSON object.
        options: Cow<'a, str>,
    },
    /// `tasks.get`; the reply is a job.
    Get {
        /// The task.
        task: Cow<'a, str>,
        /// The id of the job.
        id: u64,
    },
    /// `tasks.cancel`; the reply is that it is done.
    Cancel {
        /// The task.
        task: Cow<'a, str>,
        /// The id of the job.
        id: u64,
    },
    /// The environment variables.
    Env,
    /// The directories that the guest finds at its start.
    Roots,
    /// An operation on files.
    File(Cow<'a, FileOperation>),
    /// An operation on the key-value store.
    Kv(Cow<'a, KvOperation>),
    /// An exchange over HTTP.
    Http(RecordedRequest<'a>),
}

impl Question<'_> {
    /// Returns whether a guest may do something else before it is answered.
    pub(crate) fn has_late_reply(&self) -> bool {
        matches!(self, Self::File(_) | Self::Http(_))
    }

    /// Returns whether it is asked beside the guest, so that its place among the others depends on time. The body of a
    /// request is collected while the guest continues.
    pub(crate) fn is_concurrent(&self) -> bool {
        matches!(self, Self::Http(_))
    }
}

/// The reply to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply<'a> {
    /// The id of a job.
    Id(Result<u64, RecordedProblem<'a>>),
    /// A job.
    Job(Result<RecordedJob<'a>, RecordedProblem<'a>>),
    /// It was done.
    Done(Result<(), RecordedProblem<'a>>),
    /// Names and values of environment variables.
    Env(Cow<'a, [(String, String)]>),
    /// Directories.
    Roots(Cow<'a, [FileRoot]>),
    /// The answer to an operation on files.
    File(Result<Cow<'a, FileAnswer>, FileError>),
    /// The answer to an operation on the key-value store.
    Kv(Result<Cow<'a, KvAnswer>, RecordedProblem<'a>>),
    /// A response over HTTP.
    Http(Result<RecordedResponse<'a>, RecordedHttpError<'a>>),
}

/// A problem, as records contain it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedProblem<'a> {
    /// The code.
    pub code: Cow<'a, str>,
    /// The message.
    pub message: Cow<'a, str>,
    /// The details, as JSON text.
    pub details: Option<Cow<'a, str>>,
}

/// A job that a guest has looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedJob<'a> {
    /// Its id.
    pub id: u64,
    /// Its status.
    pub status: RecordedStatus,
    /// How much is done.
    pub current: u64,
    /// The total amount of work.
    pub total: u64,
    /// The last progress message.
    pub message: Cow<'a, str>,
    /// The response, as JSON text.
    pub response: Option<Cow<'a, str>>,
}

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedStatus {
    /// WAITING.
    Waiting,
    /// RUNNING.
    Running,
    /// SUCCESS.
    Success,
    /// FAILURE.
    Failure,
}

impl<'a> From<&'a Problem> for RecordedProblem<'a> {
    fn from(problem: &'a Problem) -> Self {
        let Problem { code, message, details } = problem;
        Self { code: code.into(), message: message.into(), details: details.as_ref().map(Into::into) }
    }
}

impl From<RecordedProblem<'_>> for Problem {
    fn from(problem: RecordedProblem<'_>) -> Self {
        let RecordedProblem { code, message, details } = problem;
        Self { code: code.into_owned(), message: message.into_owned(), details: details.map(Cow::into_owned) }
    }
}

impl<'a> From<&'a TaskJob> for RecordedJob<'a> {
    fn from(job: &'a TaskJob) -> Self {
        let TaskJob { id, status, current, total, message, response } = job;
        let status = match status {
            Status::Waiting => RecordedStatus::Waiting,
            Status::Running => RecordedStatus::Running,
            Status::Success => RecordedStatus::Success,
            Status::Failure => RecordedStatus::Failure,
        };
        let response = response.as_ref().map(Into::into);
        Self { id: id.0, status, current: *current, total: *total, message: message.into(), response }
    }
}

impl From<RecordedJob<'_>> for TaskJob {
    fn from(job: RecordedJob<'_>) -> Self {
        let RecordedJob { id, status, current, total, message, response } = job;
        let status = match status {
            RecordedStatus::Waiting => Status::Waiting,
            RecordedStatus::Running => Status::Running,
            RecordedStatus::Success => Status::Success,
            RecordedStatus::Failure => Status::Failure,
        };
        let response = response.map(Cow::into_owned);
        Self { id: JobId(id), status, current, total, message: message.into_owned(), response }
    }
}

impl<'a> Reply<'a> {
    pub(crate) fn of_id(id: &'a Result<JobId, Problem>) -> Self {
        Self::Id(id.as_ref().map(|id| id.0).map_err(Into::into))
    }

    pub(crate) fn of_job(job: &'a Result<TaskJob, Problem>) -> Self {
        Self::Job(job.as_ref().map(Into::into).map_err(Into::into))
    }

    pub(crate) fn of_done(done: &'a Result<(), Problem>) -> Self {
        Self::Done(match done {
            Ok(()) => Ok(()),
            Err(problem) => Err(problem.into()),
        })
    }

    pub(crate) fn of_file(answer: &'a Result<FileAnswer, FileError>) -> Self {
        Self::File(answer.as_ref().map(Cow::Borrowed).map_err(|error| *error))
    }

    pub(crate) fn of_kv(answer: &'a Result<KvAnswer, Problem>) -> Self {
        Self::Kv(answer.as_ref().map(Cow::Borrowed).map_err(Into::into))
    }

    pub(crate) fn of_http(answer: &'a Result<HttpResponse, HttpError>) -> Self {
        Self::Http(answer.as_ref().map(Into::into).map_err(Into::into))
    }

    pub(crate) fn id(self) -> Result<JobId, Problem> {
        match self {
            Self::Id(id) => id.map(JobId).map_err(Into::into),
            _ => Err(damaged()),
        }
    }

    pub(crate) fn job(self) -> Result<TaskJob, Problem> {
        match self {
            Self::Job(job) => job.map(Into::into).map_err(Into::into),
            _ => Err(damaged()),
        }
    }

    pub(crate) fn done(self) -> Result<(), Problem> {
        match self {
            Self::Done(done) => done.map_err(Into::into),
            _ => Err(damaged()),
        }
    }

    pub(crate) fn env(self) -> Vec<(String, String)> {
        if let Self::Env(env) = self { env.into_owned() } else { Vec::new() }
    }

    pub(crate) fn roots(self) -> Vec<FileRoot> {
        if let Self::Roots(roots) = self { roots.into_owned() } else { Vec::new() }
    }

    pub(crate) fn file(self) -> Result<FileAnswer, FileError> {
        if let Self::File(answer) = self { answer.map(Cow::into_owned) } else { Err(FileError::Io) }
    }

    pub(crate) fn kv(self) -> Result<KvAnswer, Problem> {
        match self {
            Self::Kv(answer) => answer.map(Cow::into_owned).map_err(Into::into),
            _ => Err(damaged()),
        }
    }

    pub(crate) fn http(self) -> Result<HttpResponse, HttpError> {
        match self {
            Self::Http(answer) => answer.map(Into::into).map_err(Into::into),
            _ => Err(HttpError::new(HttpErrorKind::InvalidResponse, damaged().message)),
        }
    }
}

/// The answer to a guest whose record has a reply to another question.
fn damaged() -> Problem {
    Problem::new("damaged-record", "the record has a reply of another kind")
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { task, args, delay_ms: 0 } => write!(f, "tasks.add {task} {args}"),
            Self::Add { task, args, delay_ms } => write!(f, "tasks.add-later {task} {args} after {delay_ms} ms"),
            Self::AddWith { task, args, options } => write!(f, "tasks.add-with {task} {args} {options}"),
            Self::Get { task, id } => write!(f, "tasks.get {task}#{id}"),
            Self::Cancel { task, id } => write!(f, "tasks.cancel {task}#{id}"),
            Self::Env => write!(f, "the environment"),
            Self::Roots => write!(f, "the directories"),
            Self::File(operation) => write_file(operation, f),
            Self::Kv(operation) => write_kv(operation, f),
            Self::Http(RecordedRequest { method, url, headers, body }) => {
                write!(f, "http {method} {url} with {} headers and {} bytes", headers.len(), body.len())
            }
        }
    }
}

fn write_file(operation: &FileOperation, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match operation {
        FileOperation::Write { file, offset: Some(offset), bytes } => {
            write!(f, "files: write {} bytes at {offset} to {}", bytes.len(), file.0)
        }
        FileOperation::Write { file, offset: None, bytes } => {
            write!(f, "files: append {} bytes to {}", bytes.len(), file.0)
        }
        other => write!(f, "files: {other:?}"),
    }
}

fn write_kv(operation: &KvOperation, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let KvOperation::Change { key, change } = operation else { return write!(f, "kv: {operation:?}") };
    match change {
        KvChange::Set { value, ttl_ms } => write!(f, "kv: set {key} to {} bytes, {ttl_ms:?} ms", value.len()),
        KvChange::Swap { expected, value, ttl_ms } => {
            write!(f, "kv: swap {key} from {expected:?} to {} bytes, {ttl_ms:?} ms", value.len())
        }
        KvChange::Increment { .. } | KvChange::Delete { .. } => write!(f, "kv: {key}: {change:?}"),
    }
}
