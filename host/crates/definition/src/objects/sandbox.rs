//! `sandbox`: what a task requests from its sandbox.

use std::time::Duration;

use schemars::Schema;

use super::dirs::Dirs;
use crate::key::Key;
use crate::parts::{JobAccess, SandboxRequest};
use crate::raw::RawObject;
use crate::value::{
    Bytes, Choice, EnvNames, Field, Integer, Keys, Origins, Reader, Seconds, ValueType, object_schema, written_object,
};

/// The value of `sandbox`.
#[derive(Clone, Copy)]
pub(crate) struct Sandbox;

/// The keys of `sandbox`.
const KEYS: Keys = &[&MEMORY, &REUSE, &EVENT_TIMEOUT, &TASKS, &HTTP, &ENV, &DIRS];

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

// A plugin of a third party must not read or cancel the jobs of other tasks unless the task file allows it.
const TASKS: Key<Choice<JobAccess>> = Key::new(
    "tasks",
    Choice(&[("added", JobAccess::Added), ("all", JobAccess::All)]),
    "Which jobs its code may look up and cancel, besides the one that a call is about: added means those that jobs of \
     this task added, all means every job of the app.",
)
.or(&["jobs"]);

const HTTP: Key<Origins> = Key::new("http", Origins, "Requested HTTP origins.").or(&["net"]);
const ENV: Key<EnvNames> = Key::new("env", EnvNames, "Requested environment variables.");
const DIRS: Key<Dirs> =
    Key::new("dirs", Dirs, "Requested directories, read-only unless `write` is true.").or(&["fs", "files", "volumes"]);

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
            env: raw.read(&ENV, reader),
            dirs: raw.read(&DIRS, reader),
        })
    }

    fn written(&self, value: &SandboxRequest) -> Option<serde_json::Value> {
        let SandboxRequest { memory_bytes, reuse, event_timeout, tasks, http, env, dirs } = value;
        written_object([
            MEMORY.written(memory_bytes),
            REUSE.written(&u64::from(*reuse)),
            EVENT_TIMEOUT.written(event_timeout),
            TASKS.written(tasks),
            HTTP.written(http),
            ENV.written(env),
            DIRS.written(dirs),
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
            http: Vec::new(),
            env: Vec::new(),
            dirs: Vec::new(),
        }
    }
}
