//! The entries of a record. As with questions, the order of variants and fields is the format.

use std::borrow::Cow;

use saggar_job::{LogLevel, LogSource, Outcome};
use saggar_sandbox::{Observation, Observed};
use serde::{Deserialize, Serialize};

use crate::question::{Question, RecordedProblem, Reply};

/// Information about a record, before its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// The version of the host.
    pub host: Cow<'a, str>,
    /// The task.
    pub task: Cow<'a, str>,
    /// The processor, as the task names it.
    pub process: Cow<'a, str>,
    /// The digest of the component or script, in hexadecimal.
    pub digest: Cow<'a, str>,
    /// The attempt's fence.
    pub run: u64,
    /// When it began, in milliseconds since 1970.
    pub started_at: u64,
    /// Bytes of all memories and tables together.
    pub memory: u64,
    /// Whether values in the arguments are replaced.
    pub is_masked: bool,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry<'a> {
    /// A call begins.
    Call(CallHeader<'a>),
    /// The guest asked.
    Question(Question<'a>),
    /// The host replied to the last question.
    Reply(Reply<'a>),
    /// The host replied to an earlier question: its number in the call, from 0.
    LateReply(u32, Reply<'a>),
    /// The guest waits for an observation.
    Waits(Observation),
    /// The guest observed something.
    Observed(Observation, Cow<'a, Observed>),
    /// The guest reported progress.
    Progress(u64, u64, Cow<'a, str>),
    /// The guest logged a line, or printed one.
    Log(RecordedSource, Cow<'a, str>),
    /// The call returned, and its instance served another one.
    Returned,
    /// The call ended, the last of the record.
    End(CallEnd<'a>),
}

/// What a call began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallHeader<'a> {
    /// The job.
    pub id: u64,
    /// The number of the attempt.
    pub attempt: u32,
    /// How many attempts the job may have.
    pub max_attempts: u32,
    /// The part of the reference after `#`.
    pub handler: Option<Cow<'a, str>>,
    /// The W3C trace context.
    pub trace_parent: Option<Cow<'a, str>>,
    /// The timeout in milliseconds.
    pub timeout_ms: u64,
    /// The arguments, a JSON array.
    pub args: Cow<'a, str>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnd<'a> {
    /// The response, or the failure.
    pub result: Result<Cow<'a, str>, FailedEnd<'a>>,
    /// Processor time in nanoseconds.
    pub cpu_ns: u64,
    /// Peak bytes of memories, tables and resources.
    pub peak_memory: u64,
    /// A hash of the memories after the call; `None` if the host makes none.
    pub memory_hash: Option<u64>,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedEnd<'a> {
    /// The name of the kind of failure, such as `timeout`.
    pub kind: Cow<'a, str>,
    /// What was reported.
    pub problem: RecordedProblem<'a>,
    /// The delay before the next attempt that the guest asked for.
    pub retry_after_ms: Option<u64>,
}

/// The writer of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// `log.write` with the level debug …
    Debug,
    /// … info …
    Info,
    /// … warn …
    Warn,
    /// … or error.
    Error,
    /// The host.
    Host,
}

impl From<LogSource> for RecordedSource {
    fn from(source: LogSource) -> Self {
        match source {
            LogSource::Stdout => Self::Stdout,
            LogSource::Stderr => Self::Stderr,
            LogSource::Log(LogLevel::Debug) => Self::Debug,
            LogSource::Log(LogLevel::Info) => Self::Info,
            LogSource::Log(LogLevel::Warn) => Self::Warn,
            LogSource::Log(LogLevel::Error) => Self::Error,
            LogSource::Host => Self::Host,
        }
    }
}

impl From<RecordedSource> for LogSource {
    fn from(source: RecordedSource) -> Self {
        match source {
            RecordedSource::Stdout => Self::Stdout,
            RecordedSource::Stderr => Self::Stderr,
            RecordedSource::Debug => Self::Log(LogLevel::Debug),
            RecordedSource::Info => Self::Log(LogLevel::Info),
            RecordedSource::Warn => Self::Log(LogLevel::Warn),
            RecordedSource::Error => Self::Log(LogLevel::Error),
            RecordedSource::Host => Self::Host,
        }
    }
}

impl<'a> CallEnd<'a> {
    /// Creates the end of a call with this outcome.
    pub fn new(outcome: &'a Outcome, cpu_ns: u64, peak_memory: u64) -> Self {
        let result = match outcome {
            Outcome::Success(response) => Ok(Cow::Borrowed(&**response)),
            Outcome::Failure(failure) => Err(FailedEnd {
                kind: failure.kind.name().into(),
                problem: (&failure.problem).into(),
                retry_after_ms: failure.retry_after_ms,
            }),
        };
        Self { result, cpu_ns, peak_memory, memory_hash: None }
    }
}
