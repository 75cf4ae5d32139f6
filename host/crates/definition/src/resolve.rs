//! Turns an object of known keys into a valid task. Owns the nested objects of a task and the rules between keys; value
//! types own single values.

use std::sync::Arc;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use saggar_job::RetryPolicy;
use schemars::{Schema, json_schema};

use crate::id::TaskId;
use crate::keys;
use crate::raw::RawObject;
use crate::task::{Handlers, Retention, SandboxRequest, Task};
use crate::value::{Field, Keys, Reader, ValueType, object_schema};

/// The value of `attempt_after`: a number, or an object that says how the delay grows.
#[derive(Clone, Copy)]
pub(crate) struct RetryDelay;

/// The value of `event`.
#[derive(Clone, Copy)]
pub(crate) struct Event;

/// The value of `sandbox`.
#[derive(Clone, Copy)]
pub(crate) struct Sandbox;

/// The value of `retention`.
#[derive(Clone, Copy)]
pub(crate) struct RetentionPeriods;

/// Resolves the task in the syntax tree of a file. Returns `None` without an id, or if anything in the file is wrong,
/// which `reader` has then.
pub(crate) fn file(id: Option<TaskId>, tree: &Value<'_>, reader: &mut Reader<'_>) -> Option<Task> {
    let Some(object) = tree.as_object() else {
        let help = "a minimal task is `{\"process\": \"plugins.mail.send\"}`";
        reader.problems.error(tree.range().into(), "a task must be an object", help);
        return None;
    };
    let raw = RawObject::root(object, reader);
    task(id, &raw, reader)
}

fn task(id: Option<TaskId>, raw: &RawObject<'_>, reader: &mut Reader<'_>) -> Option<Task> {
    let process = raw.read(&keys::PROCESS, reader);
    let name = raw.read(&keys::NAME, reader);
    let worker_nums = raw.read(&keys::WORKER_NUMS, reader);
    let size = raw.read(&keys::SIZE, reader);
    let delayed_size = raw.read(&keys::DELAYED_SIZE, reader);
    let timeout = raw.read(&keys::TIMEOUT, reader);
    let retries = raw.read(&keys::ATTEMPTS, reader);
    let wait = raw.read(&keys::ATTEMPT_AFTER, reader);
    let handlers = raw.read(&keys::EVENT, reader);
    let sandbox = raw.read(&keys::SANDBOX, reader);
    let retention = raw.read(&keys::RETENTION, reader);
    let keep_bytes = raw.read(&keys::KEEP_BYTES, reader);
    if !reader.problems.is_empty() {
        return None;
    }
    let id = id?;
    Some(Task {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        process: process?,
        handlers,
        worker_nums: u32::try_from(worker_nums).ok()?,
        size: u32::try_from(size).ok()?,
        delayed_size: u32::try_from(delayed_size).ok()?,
        timeout,
        retry: RetryPolicy { retries: u32::try_from(retries).ok()?, ..wait },
        sandbox,
        retention,
        keep_bytes,
        source: Arc::clone(reader.problems.source()),
    })
}

impl ValueType for RetryDelay {
    type Value = RetryPolicy;

    fn expected(&self) -> String {
        format!("{}, or an object", keys::WAIT_DELAY.ty.expected())
    }

    fn example(&self) -> String {
        r#"{"delay": 200, "backoff": "exponential"}"#.to_owned()
    }

    fn default(&self) -> RetryPolicy {
        RetryPolicy { delay_ms: keys::WAIT_DELAY.ty.default(), ..RetryPolicy::default() }
    }

    fn default_text(&self) -> Option<String> {
        keys::WAIT_DELAY.ty.default_text()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<RetryPolicy> {
        if field.value.as_object().is_some() {
            let raw = RawObject::open(self, field, reader)?;
            return wait(&raw, field, reader);
        }
        if field.value.as_number_lit().is_none() && field.value.as_string_lit().is_none() {
            return reader.reject(self, field);
        }
        let delay_ms = keys::WAIT_DELAY.ty.parse(field, reader)?;
        Some(RetryPolicy { delay_ms, ..RetryPolicy::default() })
    }

    fn schema(&self) -> Schema {
        json_schema!({ "anyOf": [keys::WAIT_DELAY.ty.schema(), object_schema(keys::WAIT)] })
    }

    fn keys(&self) -> Keys {
        keys::WAIT
    }
}

fn wait(raw: &RawObject<'_>, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<RetryPolicy> {
    let policy = RetryPolicy {
        retries: 0,
        delay_ms: raw.read(&keys::WAIT_DELAY, reader),
        backoff: raw.read(&keys::WAIT_BACKOFF, reader),
        max_delay_ms: raw.read(&keys::WAIT_MAX, reader),
        jitter: raw.read(&keys::WAIT_JITTER, reader),
    };
    let max_span = raw.span_of(&keys::WAIT_MAX).filter(|_| policy.max_delay_ms < policy.delay_ms);
    if let Some(span) = max_span {
        let message = format!("`{}.max` is shorter than the delay, which is {} ms", field.path, policy.delay_ms);
        reader.problems.error(span, message, "write at least the delay, or remove it to have no limit");
    }
    Some(policy)
}

impl ValueType for Event {
    type Value = Handlers;

    fn expected(&self) -> String {
        "an object".to_owned()
    }

    fn example(&self) -> String {
        r#"{"success": "plugins.mail.sent"}"#.to_owned()
    }

    fn default(&self) -> Handlers {
        Handlers::default()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Handlers> {
        let raw = RawObject::open(self, field, reader)?;
        Some(Handlers {
            next: raw.read(&keys::EVENT_NEXT, reader),
            add: raw.read(&keys::EVENT_ADD, reader),
            progress: raw.read(&keys::EVENT_PROGRESS, reader),
            success: raw.read(&keys::EVENT_SUCCESS, reader),
            error: raw.read(&keys::EVENT_ERROR, reader),
        })
    }

    fn schema(&self) -> Schema {
        object_schema(keys::EVENT_KEYS)
    }

    fn keys(&self) -> Keys {
        keys::EVENT_KEYS
    }
}

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
            memory_bytes: raw.read(&keys::SANDBOX_MEMORY, reader),
            reuse: u32::try_from(raw.read(&keys::SANDBOX_REUSE, reader)).ok()?,
            event_timeout: raw.read(&keys::SANDBOX_EVENT_TIMEOUT, reader),
            http: raw.read(&keys::SANDBOX_HTTP, reader),
            env: raw.read(&keys::SANDBOX_ENV, reader),
            dirs: raw.read(&keys::SANDBOX_DIRS, reader),
        })
    }

    fn schema(&self) -> Schema {
        object_schema(keys::SANDBOX_KEYS)
    }

    fn keys(&self) -> Keys {
        keys::SANDBOX_KEYS
    }
}

impl Default for SandboxRequest {
    fn default() -> Self {
        Self {
            memory_bytes: keys::SANDBOX_MEMORY.ty.default,
            reuse: u32::try_from(keys::SANDBOX_REUSE.ty.default).unwrap_or(1),
            event_timeout: keys::SANDBOX_EVENT_TIMEOUT.ty.default,
            http: Vec::new(),
            env: Vec::new(),
            dirs: Vec::new(),
        }
    }
}

impl ValueType for RetentionPeriods {
    type Value = Retention;

    fn expected(&self) -> String {
        "an object".to_owned()
    }

    fn example(&self) -> String {
        r#"{"success": "24h", "failure": "7d"}"#.to_owned()
    }

    fn default(&self) -> Retention {
        Retention::default()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Retention> {
        let raw = RawObject::open(self, field, reader)?;
        Some(Retention {
            success: raw.read(&keys::RETENTION_SUCCESS, reader),
            failure: raw.read(&keys::RETENTION_FAILURE, reader),
        })
    }

    fn schema(&self) -> Schema {
        object_schema(keys::RETENTION_KEYS)
    }

    fn keys(&self) -> Keys {
        keys::RETENTION_KEYS
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { success: keys::RETENTION_SUCCESS.ty.default, failure: keys::RETENTION_FAILURE.ty.default }
    }
}
