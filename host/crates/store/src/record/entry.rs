//! Jobs as they are added, and as they are read.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, JobKey, Life, Problem, State, Status, Timestamp};

use super::JobCallback;

/// A job to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id; `None` for the next one of the task's counter.
    pub id: Option<JobId>,
    /// Its arguments: a JSON array. The queue stores the text and does not parse it.
    pub args: Arc<str>,
    /// No attempt begins before this many milliseconds have passed …
    pub delay_ms: u64,
    /// … nor before this time.
    pub run_at: Option<Timestamp>,
    /// Ready jobs of higher priority are claimed first; the default is 0.
    pub priority: i16,
    /// The idempotency key, with which an add can be retried. While a job of the task that was added with the same key
    /// is stored, even after its end, that job is returned instead of adding another one, unless the two
    /// [differ](Self::is_other).
    pub key: Option<Arc<str>>,
    /// The fingerprint that makes the job unique. While a job of the task that was added with the same fingerprint
    /// waits or runs, it is returned instead of adding another one.
    pub unique: Option<Arc<str>>,
    /// The job whose guest adds this one.
    pub parent: Option<JobKey>,
    /// The W3C trace context that it belongs to, in the format of the `traceparent` header.
    pub trace_parent: Option<Arc<str>>,
}

impl NewJob {
    /// Creates an ordinary job: an id from the counter, no delay, priority 0, no key, not unique, no origin.
    pub fn new(args: impl Into<Arc<str>>) -> Self {
        Self {
            id: None,
            args: args.into(),
            delay_ms: 0,
            run_at: None,
            priority: 0,
            key: None,
            unique: None,
            parent: None,
            trace_parent: None,
        }
    }

    /// Returns the job with the id `id`.
    #[must_use]
    pub fn with_id(self, id: JobId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Returns the job, not to begin before `delay_ms` milliseconds have passed.
    #[must_use]
    pub fn with_delay_ms(self, delay_ms: u64) -> Self {
        Self { delay_ms, ..self }
    }

    /// Returns the job, not to begin before `run_at`.
    #[must_use]
    pub fn with_run_at(self, run_at: Timestamp) -> Self {
        Self { run_at: Some(run_at), ..self }
    }

    /// Returns the job with the priority `priority`.
    #[must_use]
    pub fn with_priority(self, priority: i16) -> Self {
        Self { priority, ..self }
    }

    /// Returns the job with the key `key`.
    #[must_use]
    pub fn with_key(self, key: impl Into<Arc<str>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Returns the job, unique by the fingerprint `unique`.
    #[must_use]
    pub fn with_unique(self, unique: impl Into<Arc<str>>) -> Self {
        Self { unique: Some(unique.into()), ..self }
    }

    /// Returns whether a job with these arguments, this priority and this fingerprint differs from this one, so that
    /// both cannot have the same key. Delays and times are relative to the time of the add, and ids may be assigned
    /// anew: they are not compared.
    pub fn is_other(&self, args: &str, priority: i16, unique: Option<&str>) -> bool {
        *self.args != *args || self.priority != priority || self.unique.as_deref() != unique
    }

    /// Returns the time before which no attempt begins, if the job is added at `now`.
    pub fn due_at(&self, now: Timestamp) -> Timestamp {
        now.plus_ms(self.delay_ms).max(self.run_at.unwrap_or_default())
    }

    /// Takes the job's origin, if it has one, in the form in which a store persists it.
    pub fn take_origin(&mut self) -> Option<Arc<Origin>> {
        let (parent, trace_parent) = (self.parent.take(), self.trace_parent.take());
        (parent.is_some() || trace_parent.is_some()).then(|| Arc::new(Origin { parent, trace_parent }))
    }
}

/// The origin of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The job whose guest added it.
    pub parent: Option<JobKey>,
    /// The W3C trace context that it was added with.
    pub trace_parent: Option<Arc<str>>,
}

/// A job's progress, as its guest last reported it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The amount done …
    pub current: u64,
    /// … of this amount; 0 while nothing was reported.
    pub total: u64,
    /// The guest's message; at most 1 KiB.
    pub message: String,
}

impl Progress {
    /// Returns whether it contains `text` as it is displayed: `3/10 half way`, or the message alone while nothing was
    /// counted.
    pub fn contains_text(&self, text: &str) -> bool {
        let Self { current, total, message } = self;
        let is_counted = *total > 0 || *current > 0;
        message.contains(text) || (is_counted && format!("{current}/{total} {message}").contains(text))
    }
}

/// The result of reading a job unless its texts exceed a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is nearly always the job, and is moved on at once")]
pub enum Peek {
    /// The job.
    Job(Job),
    /// Its texts exceed the limit.
    Large {
        /// Their bytes ([`Job::text_bytes`]).
        bytes: u64,
        /// Whether the job has ended.
        has_ended: bool,
    },
}

impl Peek {
    /// Returns whether the job has ended.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Job(job) => job.life.state.is_ended(),
            Self::Large { has_ended, .. } => *has_ended,
        }
    }
}

/// A job as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id within its task.
    pub id: JobId,
    /// Its arguments.
    pub args: Arc<str>,
    /// Its priority.
    pub priority: i16,
    /// When it was added.
    pub added_at: Timestamp,
    /// Its state, with the number of attempts that have begun.
    pub life: Life,
    /// The last progress of the running attempt, or of the last one that ended.
    pub progress: Progress,
    /// The key that it was added with.
    pub key: Option<Arc<str>>,
    /// The fingerprint that makes it unique.
    pub unique: Option<Arc<str>>,
    /// Its origin.
    pub origin: Option<Arc<Origin>>,
    /// Its callbacks that are pending or were given up, in the order of their events.
    pub callbacks: Vec<JobCallback>,
}

impl Job {
    /// Returns its status, which is what people see of its state.
    pub fn status(&self) -> Status {
        self.life.state.status()
    }

    /// Returns the processor's response, as JSON text; `None` until SUCCESS.
    pub fn response(&self) -> Option<&str> {
        match &self.life.state {
            State::Success { response, .. } => Some(response),
            _ => None,
        }
    }

    /// Returns why it failed, or why its last attempt did while it waits for the next one.
    pub fn problem(&self) -> Option<&Problem> {
        match &self.life.state {
            State::Failure { problem, .. } => Some(problem),
            State::Waiting { problem, .. } => problem.as_ref(),
            _ => None,
        }
    }

    /// Returns the kind of failure; `None` unless FAILURE.
    pub fn reason(&self) -> Option<FailureKind> {
        match &self.life.state {
            State::Failure { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    /// Returns the time before which no attempt begins; `None` unless WAITING.
    pub fn run_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Waiting { run_at, .. } => Some(*run_at),
            _ => None,
        }
    }

    /// Returns when the running attempt began; `None` unless RUNNING.
    pub fn started_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Running { started_at, .. } => Some(*started_at),
            _ => None,
        }
    }

    /// Returns the bytes of its texts that may be large: arguments, response, details of a problem.
    pub fn text_bytes(&self) -> u64 {
        let details = self.problem().and_then(|problem| problem.details.as_ref()).map_or(0, String::len);
        (self.args.len() + self.response().map_or(0, str::len) + details) as u64
    }

    /// Returns when it ended; `None` until then.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Success { ended_at, .. } | State::Failure { ended_at, .. } => Some(*ended_at),
            _ => None,
        }
    }
}
