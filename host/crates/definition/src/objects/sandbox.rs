//! `sandbox`: what a task requests from its sandbox.

use std::time::Duration;

use schemars::Schema;

use super::dirs::Dirs;
use super::http::Http;
use super::kv::Kv;
use super::tasks::Tasks;
use crate::key::Key;
use crate::parts::SandboxRequest;
use crate::raw::RawObject;
use crate::value::{
    ARGUMENT_POINTER, Bytes, ENV_NAME, Field, Form, Integer, Keys, List, OptionalBytes, Reader, Record, SECRET_NAME,
    Seconds, ValueType, object_schema, written_object,
};

/// The value of `sandbox`.
#[derive(Clone, Copy)]
pub(crate) struct Sandbox;

/// The keys of `sandbox`.
const KEYS: Keys =
    &[&MEMORY, &REUSE, &EVENT_TIMEOUT, &TASKS, &HTTP, &SECRETS, &KV, &ENV, &DIRS, &SCRATCH, &RECORD, &MASK];

// Every language's runtime needs at least a mebibyte to start; a 32-bit guest can address four gibibytes.
const MEMORY: Key<Bytes> = Key::new(
    "memory",
    Bytes { min: 1 << 20, max: 4 << 30, default: 64 << 20 },
    "Limit of all memories and tables of an instance together, as a number of bytes or with a unit: \"64MiB\".",
)
.or(&["mem", "memory_limit", "max_memory"]);

// 1 is the strictest. A million jobs are practically unlimited, yet a guest that leaks a little is still replaced.
const REUSE: Key<Integer> = Key::new(
    "reuse",
    Integer { min: 1, max: 1_000_000, default: 10_000, unit: Some("jobs") },
    "How many jobs one instance may serve. 1 makes a fresh instance for each job.",
);

// Handlers report events; work of more than an hour belongs in a job.
const EVENT_TIMEOUT: Key<Seconds> = Key::new(
    "event_timeout",
    Seconds {
        min: Duration::from_millis(1),
        max: Duration::from_secs(60 * 60),
        default: Duration::from_secs(10),
        zero_is_default: false,
    },
    "Seconds of one call of an event handler.",
);

const TASKS: Key<Tasks> = Key::new(
    "tasks",
    Tasks,
    "What its code may do with tasks: the jobs that it may look up and cancel (added or all), or an object that also says \
     which tasks it may add jobs to.",
)
.or(&["jobs"]);

const HTTP: Key<Http> = Key::new(
    "http",
    Http,
    "Origins that its code sends requests to, such as https://api.example.com or https://*.example.com.",
)
.or(&["net", "fetch"]);

const SECRETS: Key<List<Form<String>>> = Key::new(
    "secrets",
    List { item: SECRET_NAME, items: "names of secrets", min: 0 },
    "Secrets of the operator that its requests carry. Its code never sees their values.",
)
.or(&["secret"]);

const KV: Key<Kv> = Key::new(
    "kv",
    Kv,
    "Access to the key-value store: read, write, or an object with the access and a prefix of keys.",
)
.or(&["key_value", "storage", "store"]);

const ENV: Key<List<Form<String>>> = Key::new(
    "env",
    List { item: ENV_NAME, items: "names of environment variables", min: 0 },
    "Environment variables of the host that its code reads.",
);

const DIRS: Key<Dirs> = Key::new("dirs", Dirs, "Directories that its code reads, and changes if `write` is true.")
    .or(&["fs", "files", "volumes"]);

// A file system keeps at least a block for a file; what is larger than the memory of most machines is a directory of the
// operator.
const SCRATCH: Key<OptionalBytes> = Key::new(
    "scratch",
    OptionalBytes { min: 4 << 10, max: 64 << 30, example: 16 << 20 },
    "Bytes of the directory /scratch, which each attempt gets empty and which is gone afterwards: \"16MiB\".",
)
.or(&["tmp", "temp"]);

const RECORD: Key<Record> = Key::new(
    "record",
    Record,
    "Which attempts are recorded, so that they can be run again: failures, all, off, or the share of attempts from 0 to 1.",
);

const MASK: Key<List<Form<String>>> = Key::new(
    "mask",
    List { item: ARGUMENT_POINTER, items: "JSON pointers into the arguments", min: 0 },
    "Parts of the arguments that records do not keep: \"/0/password\" is a member of the first argument.",
);

impl ValueType for Sandbox {
    type Value = SandboxRequest;

    fn expected(&self) -> String {
        "an object".to_owned()
    }

    fn example(&self) -> String {
        r#"{"memory": "64MiB"}"#.to_owned()
    }

    fn default(&self) -> SandboxRequest {
        SandboxRequest::default()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<SandboxRequest> {
        let raw = RawObject::open(self, field, reader)?;
        Some(SandboxRequest {
            memory_bytes: raw.read(&MEMORY, reader),
            reuse: u32::try_from(raw.read(&REUSE, reader)).ok()?,
            event_timeout: raw.read(&EVENT_TIMEOUT, reader),
            tasks: raw.read(&TASKS, reader),
            http: raw.read(&HTTP, reader),
            secrets: raw.read(&SECRETS, reader),
            kv: raw.read(&KV, reader),
            env: raw.read(&ENV, reader),
            dirs: raw.read(&DIRS, reader),
            scratch: raw.read(&SCRATCH, reader),
            record: raw.read(&RECORD, reader),
            mask: raw.read(&MASK, reader),
        })
    }

    fn written(&self, value: &SandboxRequest) -> Option<serde_json::Value> {
        written_object([
            MEMORY.written(&value.memory_bytes),
            REUSE.written(&u64::from(value.reuse)),
            EVENT_TIMEOUT.written(&value.event_timeout),
            TASKS.written(&value.tasks),
            HTTP.written(&value.http),
            SECRETS.written(&value.secrets),
            KV.written(&value.kv),
            ENV.written(&value.env),
            DIRS.written(&value.dirs),
            SCRATCH.written(&value.scratch),
            RECORD.written(&value.record),
            MASK.written(&value.mask),
        ])
    }

    fn schema(&self) -> Schema {
        object_schema(KEYS)
    }

    fn keys(&self) -> Keys {
        KEYS
    }
}

impl Default for SandboxRequest {
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY.ty.default,
            reuse: u32::try_from(REUSE.ty.default).unwrap_or(1),
            event_timeout: EVENT_TIMEOUT.ty.default,
            tasks: TASKS.ty.default(),
            http: None,
            secrets: Vec::new(),
            kv: None,
            env: Vec::new(),
            dirs: Vec::new(),
            scratch: None,
            record: RECORD.ty.default(),
            mask: Vec::new(),
        }
    }
}
