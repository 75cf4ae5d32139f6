//! Every key of a task file: its name, type, limits, default and meaning. The parser, the suggestions for unknown keys
//! and the JSON Schema read this table; only it and the tables of `objects` know a key's name or a limit.

use std::time::Duration;

use crate::key::Key;
use crate::objects::{Event, RetentionPeriods, RetryDelay, Sandbox};
use crate::value::{Bytes, Digest, Ignored, Integer, Keys, Processor, Seconds, Text};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys of a task.
pub(crate) const TASK: Keys = &[
    &PROCESS,
    &DIGEST,
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
    "The function that does the work: plugins.mail.send is the component plugins/mail/send.wasm; plugins.media#thumbnail \
     is one of several handlers in a component; scripts.mail.Send is the function Send of scripts/mail.js.",
)
.required()
.or(&["processor", "handler", "run", "plugin"]);

pub(crate) const DIGEST: Key<Digest> = Key::new(
    "digest",
    Digest,
    "Pins the version of the code of `process`: the task runs the component or script with this digest, from its file or \
     from the versions that the host keeps, until this key is changed.",
)
.or(&["sha256", "pin", "hash", "checksum"]);

// The width of a table column.
pub(crate) const NAME: Key<Text> =
    Key::new("name", Text { max_chars: 200 }, "A label for people. Without it they see the task's id.")
        .or(&["label", "title"]);

// Each slot may own a sandbox with its own memory, and no machine runs a thousand at once for one task.
pub(crate) const WORKER_NUMS: Key<Integer> = Key::new(
    "worker_nums",
    Integer { min: 1, max: 1024, default: 1, unit: None },
    "Slots: how many jobs of this task may run at once.",
)
.or(&["worker", "workers", "worker_number", "concurrency", "slots"]);

// Ten million waiting jobs take some gigabytes in a store. More jobs need a database, not a queue.
pub(crate) const SIZE: Key<Integer> = Key::new(
    "size",
    Integer { min: 1, max: 10_000_000, default: 1024, unit: None },
    "How many jobs may be ready or on hold. Beyond it, adding a job that could start now is refused.",
)
.or(&["queue_size", "capacity", "queue", "length"]);

// Delayed jobs have their own limit so that reminders for next month do not block today's work. They need a limit
// because every job takes memory or disk space.
pub(crate) const DELAYED_SIZE: Key<Integer> = Key::new(
    "delayed_size",
    Integer { min: 0, max: 10_000_000, default: 100_000, unit: None },
    "How many jobs may wait for their time, retries included. Beyond it, adding a delayed job is refused.",
)
.or(&["max_delayed", "delayed", "scheduled_size", "max_scheduled"]);

// The clock has a resolution of about a millisecond. A result is obsolete after a month.
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

// One large job does not fit in less than a mebibyte; more than a tebibyte is too much for a queue on one disk.
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
