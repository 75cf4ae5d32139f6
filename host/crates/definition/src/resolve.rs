//! Converts the object of a file into a valid task.

use std::sync::Arc;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use saggar_job::RetryPolicy;

use crate::id::TaskId;
use crate::keys;
use crate::raw::RawObject;
use crate::task::Task;
use crate::value::{Reader, written_object};

/// Resolves the task in the syntax tree of a file. Returns `None` without an id, or if anything in the file is wrong;
/// `reader` then has the problems.
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

impl Task {
    /// Returns the task file that an author would write, with all defaults filled in. Loading it makes an equal task.
    pub fn effective_definition(&self) -> serde_json::Value {
        let name = Some(self.name.clone()).filter(|name| *name != self.id.as_str());
        let entries = [
            keys::PROCESS.written(&Some(self.process.clone())),
            keys::NAME.written(&name),
            keys::WORKER_NUMS.written(&self.worker_nums.into()),
            keys::SIZE.written(&self.size.into()),
            keys::DELAYED_SIZE.written(&self.delayed_size.into()),
            keys::TIMEOUT.written(&self.timeout),
            keys::ATTEMPTS.written(&self.retry.retries.into()),
            keys::ATTEMPT_AFTER.written(&self.retry),
            keys::EVENT.written(&self.handlers),
            keys::SANDBOX.written(&self.sandbox),
            keys::RETENTION.written(&self.retention),
            keys::KEEP_BYTES.written(&self.keep_bytes),
        ];
        written_object(entries).unwrap_or_default()
    }
}
