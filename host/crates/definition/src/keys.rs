//! Every key of a task file: its name, type, limits, default and meaning. The parser, the suggestions for unknown keys
//! and the JSON Schema read this table; no other module knows a key's name or a limit.

use std::time::Duration;

use saggar_job::RetryPolicy;
use schemars::Schema;
use serde_json::Value;

use crate::resolve::{Event, RetentionPeriods, RetryDelay, Sandbox};
use crate::value::{
    BackoffName, Bool, Bytes, DirPath, Dirs, EnvNames, Fraction, Handler, Ignored, Integer, Keys, KnownKey, Origins,
    Period, Processor, Seconds, Text, ValueType,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key of a task file.
pub(crate) struct Key<F> {
    /// The name of the key in a file.
    pub(crate) name: &'static str,
    /// The type of its value.
    pub(crate) ty: F,
    /// Its meaning, for the JSON Schema.
    pub(crate) meaning: &'static str,
    /// Whether an object must have it.
    pub(crate) is_required: bool,
    /// Other names that people may try.
    pub(crate) aliases: &'static [&'static str],
}

impl<F> Key<F> {
    const fn new(name: &'static str, ty: F, meaning: &'static str) -> Self {
        Self { name, ty, meaning, is_required: false, aliases: &[] }
    }

    const fn required(self) -> Self
    where
        F: Copy, // a const function cannot drop the key that it was given
    {
        Self { is_required: true, ..self }
    }

    const fn or(self, aliases: &'static [&'static str]) -> Self
    where
        F: Copy,
    {
        Self { aliases, ..self }
    }
}

impl<F: ValueType> KnownKey for Key<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn is_required(&self) -> bool {
        self.is_required
    }

    fn keys(&self) -> Keys {
        self.ty.keys()
    }

    fn schema(&self) -> Schema {
        let mut schema = self.ty.schema();
        schema.insert("description".to_owned(), self.meaning.into());
        let default = self.ty.default_text().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(default) = default {
            schema.insert("default".to_owned(), default);
        }
        schema
    }
}

/// The keys of a task.
pub(crate) const TASK: Keys = &[
    &PROCESS,
    &NAME,
    &WORKER_NUMS,
    &SIZE,
    &DELAYED_SIZE,
    &TIMEOUT,
    &ATTEMPTS,
    &ATTEMPT_AFTER,
    &EVENT,
    &SANDBOX,
    &RETENTION,
    &KEEP_BYTES,
    &VERSION,
    &DESCRIPTION,
    &COMMENT,
    &SCHEMA,
];

pub(crate) const PROCESS: Key<Processor> = Key::new(
    "process",
    Processor,
    "The plugin that does the work: plugins.mail.send is the component plugins/mail/send.wasm; plugins.media#thumbnail \
     is one of several handlers in a component.",
)
.required()
.or(&["processor", "handler", "run", "plugin"]);

// The width of a table column.
pub(crate) const NAME: Key<Text> =
    Key::new("name", Text { max_chars: 200 }, "A label for people. Without it they see the task's id.")
        .or(&["label", "title"]);

// Each slot may hold a sandbox with its own memory, and no machine runs a thousand at once for one task.
pub(crate) const WORKER_NUMS: Key<Integer> = Key::new(
    "worker_nums",
    Integer { min: 1, max: 1024, default: 1, unit: None },
    "Slots: how many jobs of this task may run at once.",
)
.or(&["worker", "workers", "worker_number", "concurrency", "slots"]);

// Ten million waiting jobs take some gigabytes in a store. More is a database, not a queue.
pub(crate) const SIZE: Key<Integer> = Key::new(
    "size",
    Integer { min: 1, max: 10_000_000, default: 1024, unit: None },
    "How many jobs may be ready or on hold. Beyond it, adding a job that could start now is refused.",
)
.or(&["queue_size", "capacity", "queue", "length"]);

// Reminders for next month must not block today's work, so delayed jobs have a limit of their own; it exists because
// every job takes memory or disk.
pub(crate) const DELAYED_SIZE: Key<Integer> = Key::new(
    "delayed_size",
    Integer { min: 0, max: 10_000_000, default: 100_000, unit: None },
    "How many jobs may wait for their time, retries included. Beyond it, adding a delayed job is refused.",
)
.or(&["max_delayed", "delayed", "scheduled_size", "max_scheduled"]);

// A shorter timeout is below the resolution of the clock; after a month the result is no longer of use.
pub(crate) const TIMEOUT: Key<Seconds> = Key::new(
    "timeout",
    Seconds {
        min: Duration::from_millis(1),
        max: Duration::from_secs(30 * DAY.as_secs()),
        default: Duration::from_secs(300),
        zero_is_default: true,
    },
    "Seconds of one attempt, from its start. Fractions are allowed; 0 means the default.",
)
.or(&["time_out", "timeout_seconds", "deadline"]);

// A job that failed a thousand times will not succeed.
pub(crate) const ATTEMPTS: Key<Integer> = Key::new(
    "attempts",
    Integer { min: 0, max: 1000, default: 0, unit: None },
    "Retries after the first failed attempt: 3 means up to 4 attempts.",
)
.or(&["retries", "retry", "max_attempts", "max_retries"]);

pub(crate) const ATTEMPT_AFTER: Key<RetryDelay> =
    Key::new("attempt_after", RetryDelay, "Milliseconds before a retry, or an object that says how the delay grows.")
        .or(&["retry_after", "retry_delay", "backoff", "delay"]);

pub(crate) const EVENT: Key<Event> =
    Key::new("event", Event, "Plugins that are called when something happens to a job.")
        .or(&["events", "handlers", "on"]);

pub(crate) const SANDBOX: Key<Sandbox> =
    Key::new("sandbox", Sandbox, "What this task requests from its sandbox. The operator decides what it gets.").or(&[
        "limits",
        "permissions",
        "capabilities",
    ]);

pub(crate) const RETENTION: Key<RetentionPeriods> =
    Key::new("retention", RetentionPeriods, "How long an ended job can be looked up.").or(&["keep", "ttl"]);

// Less than a mebibyte does not hold one large job; a tebibyte is too much for a queue on one disk.
pub(crate) const KEEP_BYTES: Key<Bytes> = Key::new(
    "keep_bytes",
    Bytes { min: 1 << 20, max: 1 << 40, default: 1 << 30 },
    "How many bytes the task's jobs may take, ended ones included: \"1GiB\". The jobs that ended first are removed to \
     make room; then adding is refused.",
)
.or(&["max_bytes", "bytes", "kept_bytes"]);

pub(crate) const VERSION: Key<Ignored> = Key::new("version", Ignored, "For people; ignored.");
pub(crate) const DESCRIPTION: Key<Ignored> = Key::new("description", Ignored, "For people; ignored.");
pub(crate) const COMMENT: Key<Ignored> = Key::new("comment", Ignored, "For people; ignored.");
pub(crate) const SCHEMA: Key<Ignored> = Key::new("$schema", Ignored, "For editors: the location of this JSON Schema.");

/// The keys of `attempt_after` as an object.
pub(crate) const WAIT: Keys = &[&WAIT_DELAY, &WAIT_BACKOFF, &WAIT_MAX, &WAIT_JITTER];

const MAX_DELAY: u64 = RetryPolicy::LONGEST_DELAY_MS;

pub(crate) const WAIT_DELAY: Key<Integer> = Key::new(
    "delay",
    Integer { min: 0, max: MAX_DELAY, default: 200, unit: Some("milliseconds") },
    "Milliseconds before the first retry.",
);

pub(crate) const WAIT_BACKOFF: Key<BackoffName> = Key::new(
    "backoff",
    BackoffName,
    "How the delay grows: fixed keeps it, linear multiplies it by the number of failed attempts, exponential doubles it.",
)
.or(&["type", "strategy"]);

pub(crate) const WAIT_MAX: Key<Integer> = Key::new(
    "max",
    Integer { min: 0, max: MAX_DELAY, default: MAX_DELAY, unit: Some("milliseconds") },
    "The longest delay in milliseconds.",
)
.or(&["max_delay", "limit"]);

pub(crate) const WAIT_JITTER: Key<Fraction> = Key::new(
    "jitter",
    Fraction,
    "The fraction of a delay, from 0 to 1, that is random, so that jobs which failed together do not retry \
     together.",
)
.or(&["random"]);

/// The keys of `event`.
pub(crate) const EVENT_KEYS: Keys = &[&EVENT_NEXT, &EVENT_ADD, &EVENT_SUCCESS, &EVENT_ERROR, &EVENT_PROGRESS];

pub(crate) const EVENT_NEXT: Key<Handler> =
    Key::new("next", Handler, "Returns the id of a new job. Without it, ids count up from 1.").or(&["id", "next_id"]);
pub(crate) const EVENT_ADD: Key<Handler> =
    Key::new("add", Handler, "Called after a job was added.").or(&["added", "on_add"]);
pub(crate) const EVENT_SUCCESS: Key<Handler> =
    Key::new("success", Handler, "Called after a job succeeded.").or(&["done", "complete", "on_success"]);
pub(crate) const EVENT_ERROR: Key<Handler> =
    Key::new("error", Handler, "Called after a job failed, after its last attempt.")
        .or(&["failure", "fail", "failed", "on_error"]);
// The document that this format comes from calls it `process`.
pub(crate) const EVENT_PROGRESS: Key<Handler> =
    Key::new("progress", Handler, "Called with the progress of a job.").or(&["process", "on_progress"]);

/// The keys of `sandbox`.
pub(crate) const SANDBOX_KEYS: Keys =
    &[&SANDBOX_MEMORY, &SANDBOX_REUSE, &SANDBOX_EVENT_TIMEOUT, &SANDBOX_HTTP, &SANDBOX_ENV, &SANDBOX_DIRS];

// No language's runtime starts with less than a mebibyte; a 32-bit guest can address four gibibytes.
pub(crate) const SANDBOX_MEMORY: Key<Bytes> = Key::new(
    "memory",
    Bytes { min: 1 << 20, max: 4 << 30, default: 64 << 20 },
    "Limit of all memories and tables of an instance together, as a number of bytes or with a unit: \"64MiB\".",
)
.or(&["mem", "memory_limit", "max_memory"]);

// 1 is the strictest. A million jobs are practically unlimited, but a guest that leaks a little is still replaced.
pub(crate) const SANDBOX_REUSE: Key<Integer> = Key::new(
    "reuse",
    Integer { min: 1, max: 1_000_000, default: 10_000, unit: Some("jobs") },
    "How many jobs one instance may serve. 1 makes a fresh instance for each job.",
);

// Handlers report what happened; work of more than an hour is a job.
pub(crate) const SANDBOX_EVENT_TIMEOUT: Key<Seconds> = Key::new(
    "event_timeout",
    Seconds {
        min: Duration::from_millis(1),
        max: Duration::from_secs(60 * 60),
        default: Duration::from_secs(10),
        zero_is_default: false,
    },
    "Seconds of one call of an event handler.",
);

pub(crate) const SANDBOX_HTTP: Key<Origins> = Key::new("http", Origins, "Requested HTTP origins.").or(&["net"]);
pub(crate) const SANDBOX_ENV: Key<EnvNames> = Key::new("env", EnvNames, "Requested environment variables.");
pub(crate) const SANDBOX_DIRS: Key<Dirs> =
    Key::new("dirs", Dirs, "Requested directories, read-only unless `write` is true.").or(&["fs", "files", "volumes"]);

/// The keys of a directory as an object.
pub(crate) const DIR: Keys = &[&DIR_PATH, &DIR_WRITE];

pub(crate) const DIR_PATH: Key<DirPath> = Key::new("path", DirPath, "The directory.").required();
pub(crate) const DIR_WRITE: Key<Bool> = Key::new("write", Bool, "Whether files in it may be changed.");

/// The keys of `retention`.
pub(crate) const RETENTION_KEYS: Keys = &[&RETENTION_SUCCESS, &RETENTION_FAILURE];

// With less than a second, a caller could not look up the result; after ten years it is an archive.
const MIN_RETENTION: Duration = Duration::from_secs(1);
const MAX_RETENTION: Duration = Duration::from_secs(3650 * DAY.as_secs());

pub(crate) const RETENTION_SUCCESS: Key<Period> = Key::new(
    "success",
    Period { min: MIN_RETENTION, max: MAX_RETENTION, default: Duration::from_secs(24 * 60 * 60) },
    "After SUCCESS: a number of seconds, or text such as \"90s\", \"15m\", \"24h\" or \"7d\".",
);
pub(crate) const RETENTION_FAILURE: Key<Period> = Key::new(
    "failure",
    Period { min: MIN_RETENTION, max: MAX_RETENTION, default: Duration::from_secs(7 * DAY.as_secs()) },
    "After FAILURE: a number of seconds, or text such as \"90s\", \"15m\", \"24h\" or \"7d\".",
)
.or(&["error"]);
