//! A job as it comes into the queue, and as it is looked up there.

use std::sync::Arc;

use saggar_job::{JobId, JobKey, Life, Problem, Reason, State, Status, Timestamp};

use super::JobCallback;

/// A job to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id; none for the next one of the task's counter.
    pub id: Option<JobId>,
    /// Its arguments: a JSON array. The queue keeps the text and does not look into it.
    pub args: Arc<str>,
    /// No attempt begins before this many milliseconds have gone by …
    pub delay_ms: u64,
    /// … nor before this moment.
    pub run_at: Option<Timestamp>,
    /// Ready jobs of higher priority are claimed first; 0 is ordinary.
    pub priority: i16,
    /// The caller's name for the job, so that adding can be tried again: while a job of the task that was added with the
    /// same key is kept, even after its end, it is answered instead of adding another one, if it is
    /// [the same](Self::is_other).
    pub key: Option<Arc<str>>,
    /// What makes the job unique ([`fingerprint`](crate::fingerprint)): while a job of the task that was added with the same
    /// fingerprint waits or runs, it is answered instead of adding another one.
    pub unique: Option<Arc<str>>,
    /// The job whose guest adds this one.
    pub parent: Option<JobKey>,
    /// The W3C trace context that it belongs to, in the form of the `traceparent` header.
    pub trace_parent: Option<Arc<str>>,
}

impl NewJob {
    /// An ordinary job: an id of the counter, no delay, no priority, no key, not unique, no origin.
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

    /// The same job with the id `id`.
    #[must_use]
    pub fn with_id(self, id: JobId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The same job, not to be begun before `delay_ms` milliseconds have gone by.
    #[must_use]
    pub fn with_delay_ms(self, delay_ms: u64) -> Self {
        Self { delay_ms, ..self }
    }

    /// The same job, not to be begun before `run_at`.
    #[must_use]
    pub fn with_run_at(self, run_at: Timestamp) -> Self {
        Self { run_at: Some(run_at), ..self }
    }

    /// The same job with the priority `priority`.
    #[must_use]
    pub fn with_priority(self, priority: i16) -> Self {
        Self { priority, ..self }
    }

    /// The same job under the key `key`.
    #[must_use]
    pub fn with_key(self, key: impl Into<Arc<str>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same job, unique by the fingerprint `unique`.
    #[must_use]
    pub fn with_unique(self, unique: impl Into<Arc<str>>) -> Self {
        Self { unique: Some(unique.into()), ..self }
    }

    /// Whether a job with these arguments, this priority and this fingerprint is another one than this, so that both cannot
    /// have the same key. Delays and times are relative to the moment of adding, and ids may be given anew: they are not compared.
    pub fn is_other(&self, args: &str, priority: i16, unique: Option<&str>) -> bool {
        *self.args != *args || self.priority != priority || self.unique.as_deref() != unique
    }

    /// The moment before which no attempt begins, if the job is added at `now`.
    pub fn due_at(&self, now: Timestamp) -> Timestamp {
        now.plus_ms(self.delay_ms).max(self.run_at.unwrap_or_default())
    }

    /// Takes out where the job comes from, if that was said: as a store keeps it.
    pub fn take_origin(&mut self) -> Option<Arc<Origin>> {
        let (parent, trace_parent) = (self.parent.take(), self.trace_parent.take());
        (parent.is_some() || trace_parent.is_some()).then(|| Arc::new(Origin { parent, trace_parent }))
    }
}

/// Where a job comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The job whose guest added it.
    pub parent: Option<JobKey>,
    /// The W3C trace context that it was added with.
    pub trace_parent: Option<Arc<str>>,
}

/// How far a job is, as its guest last said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// How much is done …
    pub current: u64,
    /// … of how much; 0 while nothing was reported.
    pub total: u64,
    /// What the guest says to it; at most 1 KiB.
    pub message: String,
}

impl Progress {
    /// Whether it contains `text` as people see it: `3/10 half way`, or the message alone while nothing was counted.
    pub fn shows(&self, text: &str) -> bool {
        let Self { current, total, message } = self;
        let is_counted = *total > 0 || *current > 0;
        message.contains(text) || (is_counted && format!("{current}/{total} {message}").contains(text))
    }
}

/// What a look at a job found that is not to read more than so many bytes of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is the job nearly always, and is moved on at once")]
pub enum Peek {
    /// The job.
    Job(Job),
    /// Its texts have more bytes than that.
    Large {
        /// How many ([`Job::text_bytes`]).
        bytes: u64,
        /// Whether it has ended.
        has_ended: bool,
    },
}

impl Peek {
    /// Whether the job has ended.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Job(job) => job.life.state.is_ended(),
            Self::Large { has_ended, .. } => *has_ended,
        }
    }
}

/// A job as it was when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number within its task.
    pub id: JobId,
    /// Its arguments.
    pub args: Arc<str>,
    /// Its priority.
    pub priority: i16,
    /// When it was added.
    pub added_at: Timestamp,
    /// Where it stands, with the number of attempts that have begun.
    pub life: Life,
    /// The last progress of the running attempt, or of the last one that ended.
    pub progress: Progress,
    /// The key that it was added with.
    pub key: Option<Arc<str>>,
    /// The fingerprint that makes it unique.
    pub unique: Option<Arc<str>>,
    /// Where it comes from.
    pub origin: Option<Arc<Origin>>,
    /// Its callbacks that are pending or were given up, in the order of what they are about.
    pub callbacks: Vec<JobCallback>,
}

impl Job {
    /// What people see of where it stands.
    pub fn status(&self) -> Status {
        self.life.state.status()
    }

    /// What the processor answered, as JSON text; none until SUCCESS.
    pub fn response(&self) -> Option<&str> {
        match &self.life.state {
            State::Success { response, .. } => Some(response),
            _ => None,
        }
    }

    /// Why it failed, or why its last attempt did while it waits for the next one.
    pub fn problem(&self) -> Option<&Problem> {
        match &self.life.state {
            State::Failure { problem, .. } => Some(problem),
            State::Waiting { problem, .. } => problem.as_ref(),
            _ => None,
        }
    }

    /// In which way it failed; none unless FAILURE.
    pub fn reason(&self) -> Option<Reason> {
        match &self.life.state {
            State::Failure { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    /// The moment before which no attempt begins; none unless WAITING.
    pub fn run_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Waiting { run_at, .. } => Some(*run_at),
            _ => None,
        }
    }

    /// When the running attempt began; none unless RUNNING.
    pub fn started_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Running { started_at, .. } => Some(*started_at),
            _ => None,
        }
    }

    /// Bytes of its texts that may be large: arguments, response, details of a problem.
    pub fn text_bytes(&self) -> u64 {
        let details = self.problem().and_then(|problem| problem.details.as_ref()).map_or(0, String::len);
        (self.args.len() + self.response().map_or(0, str::len) + details) as u64
    }

    /// When it ended; none until then.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Success { ended_at, .. } | State::Failure { ended_at, .. } => Some(*ended_at),
            _ => None,
        }
    }
}
