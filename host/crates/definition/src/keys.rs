//! Every key of a task file: its name, form, limits, default and meaning. The parser, the advice for unknown keys and
//! the JSON Schema all read this table, and nothing else in the crate knows a key's name or a limit.

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

/// A key and what belongs to it.
pub(crate) struct Key<F> {
    /// The key as a file writes it.
    pub(crate) name: &'static str,
    /// What its value looks like.
    pub(crate) ty: F,
    /// What it means, for the JSON Schema.
    pub(crate) meaning: &'static str,
    /// Whether an object must have it.
    pub(crate) is_required: bool,
    /// Names by which people may look for it.
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

// A line of a table holds no more.
pub(crate) const NAME: Key<Text> =
    Key::new("name", Text { max_chars: 200 }, "A label for people. Without it they see the task's id.")
        .or(&["label", "title"]);

// Each slot may hold a sandbox with memory of its own, and no machine runs a thousand at once for one task.
pub(crate) const WORKER_NUMS: Key<Integer> = Key::new(
    "worker_nums",
    Integer { min: 1, max: 1024, default: 1, unit: None },
    "Slots: how many jobs of this task may run at once.",
)
.or(&["worker", "workers", "worker_number", "concurrency", "slots"]);

// Ten million waiting jobs are some gigabytes in a store. Whoever needs more has no queue but a database.
pub(crate) const SIZE: Key<Integer> = Key::new(
    "size",
    Integer { min: 1, max: 10_000_000, default: 1024, unit: None },
    "How many jobs may be ready or on hold. Beyond it, adding one that can begin now is refused at once.",
)
.or(&["queue_size", "capacity", "queue", "length"]);

// Reminders for a month ahead must not block today's work, so they have a bound of their own; it is there because every job
// takes memory or disk.
pub(crate) const DELAYED_SIZE: Key<Integer> = Key::new(
    "delayed_size",
    Integer { min: 0, max: 10_000_000, default: 100_000, unit: None },
    "How many jobs may wait for their time, retries included. Beyond it, adding a delayed job is refused at once.",
)
.or(&["max_delayed", "delayed", "scheduled_size", "max_scheduled"]);

// The shortest time that a clock with ticks of some milliseconds can mean anything by, and a month, after which
// nobody remembers what the attempt was for.
pub(crate) const TIMEOUT: Key<Seconds> = Key::new(
    "timeout",
    Seconds {
        min: Duration::from_millis(1),
        max: Duration::from_secs(30 * DAY.as_secs()),
        default: Duration::from_secs(300),
        zero_is_default: true,
    },
    "Seconds that one attempt may take, counted from its start. Fractions are allowed; 0 means the default.",
)
.or(&["time_out", "timeout_seconds", "deadline"]);

// A job that failed a thousand times will not succeed at last.
pub(crate) const ATTEMPTS: Key<Integer> = Key::new(
    "attempts",
    Integer { min: 0, max: 1000, default: 0, unit: None },
    "Retries after the first failed attempt: 3 means up to 4 attempts.",
)
.or(&["retries", "retry", "max_attempts", "max_retries"]);

pub(crate) const ATTEMPT_AFTER: Key<RetryDelay> = Key::new(
    "attempt_after",
    RetryDelay,
    "Milliseconds to wait before a retry, or an object that says how the wait grows.",
)
.or(&["retry_after", "retry_delay", "backoff", "delay"]);

pub(crate) const EVENT: Key<Event> =
    Key::new("event", Event, "Plugins that are told of what happens to a job.").or(&["events", "handlers", "on"]);

pub(crate) const SANDBOX: Key<Sandbox> =
    Key::new("sandbox", Sandbox, "What this task asks of its sandbox. It gets what the operator grants of that.")
        .or(&["limits", "permissions", "capabilities"]);

pub(crate) const RETENTION: Key<RetentionPeriods> =
    Key::new("retention", RetentionPeriods, "How long an ended job can be looked up.").or(&["keep", "ttl"]);

// Below a mebibyte not one large job fits; a tebibyte is more than a queue on one disk should be.
pub(crate) const KEEP_BYTES: Key<Bytes> = Key::new(
    "keep_bytes",
    Bytes { min: 1 << 20, max: 1 << 40, default: 1 << 30 },
    "Bytes that the task's jobs may take, ended ones included: \"1GiB\". To make room, the jobs that ended first are removed; \
     then adding a job is refused.",
)
.or(&["max_bytes", "bytes", "kept_bytes"]);

pub(crate) const VERSION: Key<Ignored> = Key::new("version", Ignored, "For people; not looked at.");
pub(crate) const DESCRIPTION: Key<Ignored> = Key::new("description", Ignored, "For people; not looked at.");
pub(crate) const COMMENT: Key<Ignored> = Key::new("comment", Ignored, "For people; not looked at.");
pub(crate) const SCHEMA: Key<Ignored> = Key::new("$schema", Ignored, "For editors: where this JSON Schema is.");

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
    "How the delay grows: fixed stays, linear is multiplied by the number of failed attempts, exponential doubles.",
)
.or(&["type", "strategy"]);

pub(crate) const WAIT_MAX: Key<Integer> = Key::new(
    "max",
    Integer { min: 0, max: MAX_DELAY, default: MAX_DELAY, unit: Some("milliseconds") },
    "No delay is longer than this many milliseconds.",
)
.or(&["max_delay", "limit"]);

pub(crate) const WAIT_JITTER: Key<Fraction> = Key::new(
    "jitter",
    Fraction,
    "The share of a delay, from 0 to 1, by which chance moves it, so that jobs which failed together do not come back \
     together.",
)
.or(&["random"]);

/// The keys of `event`.
pub(crate) const EVENT_KEYS: Keys = &[&EVENT_NEXT, &EVENT_ADD, &EVENT_SUCCESS, &EVENT_ERROR, &EVENT_PROGRESS];

pub(crate) const EVENT_NEXT: Key<Handler> =
    Key::new("next", Handler, "Gives a new job its id. Without it, ids count up from 1.").or(&["id", "next_id"]);
pub(crate) const EVENT_ADD: Key<Handler> =
    Key::new("add", Handler, "Is told that a job was added.").or(&["added", "on_add"]);
pub(crate) const EVENT_SUCCESS: Key<Handler> =
    Key::new("success", Handler, "Is told that a job ended well.").or(&["done", "complete", "on_success"]);
pub(crate) const EVENT_ERROR: Key<Handler> =
    Key::new("error", Handler, "Is told that a job failed, after its last attempt.")
        .or(&["failure", "fail", "failed", "on_error"]);
// `process` stands for it in the document that this format comes from.
pub(crate) const EVENT_PROGRESS: Key<Handler> =
    Key::new("progress", Handler, "Is told how far a job is.").or(&["process", "on_progress"]);

/// The keys of `sandbox`.
pub(crate) const SANDBOX_KEYS: Keys =
    &[&SANDBOX_MEMORY, &SANDBOX_REUSE, &SANDBOX_EVENT_TIMEOUT, &SANDBOX_HTTP, &SANDBOX_ENV, &SANDBOX_DIRS];

// Below a mebibyte no language's runtime starts; four gibibytes are all that a 32-bit guest can address.
pub(crate) const SANDBOX_MEMORY: Key<Bytes> = Key::new(
    "memory",
    Bytes { min: 1 << 20, max: 4 << 30, default: 64 << 20 },
    "Bytes of all memories and tables of an instance together, as a number or with a unit: \"64MiB\".",
)
.or(&["mem", "memory_limit", "max_memory"]);

// 1 is the strictest. A million jobs are as good as for ever, but a guest that leaks a little still gets replaced.
pub(crate) const SANDBOX_REUSE: Key<Integer> = Key::new(
    "reuse",
    Integer { min: 1, max: 1_000_000, default: 10_000, unit: Some("jobs") },
    "How many jobs one instance may serve. 1 gives every job a fresh one.",
);

// Handlers tell others what happened; work that takes longer than an hour is a job.
pub(crate) const SANDBOX_EVENT_TIMEOUT: Key<Seconds> = Key::new(
    "event_timeout",
    Seconds {
        min: Duration::from_millis(1),
        max: Duration::from_secs(60 * 60),
        default: Duration::from_secs(10),
        zero_is_default: false,
    },
    "Seconds that one call of an event's handler may take.",
);

pub(crate) const SANDBOX_HTTP: Key<Origins> = Key::new("http", Origins, "Origins to reach over HTTP.").or(&["net"]);
pub(crate) const SANDBOX_ENV: Key<EnvNames> = Key::new("env", EnvNames, "Names of environment variables to see.");
pub(crate) const SANDBOX_DIRS: Key<Dirs> =
    Key::new("dirs", Dirs, "Directories to read, or to change where `write` is true.").or(&["fs", "files", "volumes"]);

/// The keys of a directory as an object.
pub(crate) const DIR: Keys = &[&DIR_PATH, &DIR_WRITE];

pub(crate) const DIR_PATH: Key<DirPath> = Key::new("path", DirPath, "The directory.").required();
pub(crate) const DIR_WRITE: Key<Bool> = Key::new("write", Bool, "Whether to change what is in it.");

/// The keys of `retention`.
pub(crate) const RETENTION_KEYS: Keys = &[&RETENTION_SUCCESS, &RETENTION_FAILURE];

// Shorter than a second, a caller could not look up what it waited for; after ten years it is an archive.
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
