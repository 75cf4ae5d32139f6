//! A valid task, on which the rest of the host relies: its fields, how the object of a file becomes one, and the file that
//! would say the same with all defaults.

use std::sync::Arc;
use std::time::Duration;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use saggar_job::{CodeFile, Reference, RetryPolicy, Role};

use crate::diagnostic::{Diagnostic, Location};
use crate::id::TaskId;
use crate::keys;
use crate::parts::{Handlers, Retention, SandboxRequest};
use crate::raw::RawObject;
use crate::source::{Located, Source, Span};
use crate::value::{Reader, written_object};

/// A task whose file has no error. Whether its plugins exist and fit, and whether its requests are granted, is checked
/// later.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The id, from the file's path.
    pub id: TaskId,
    /// The label for people; the id if the file has none.
    pub name: String,
    /// The processor.
    pub process: Located<Reference>,
    /// The digest of the version of the processor's code that the task runs, in hexadecimal, whatever its file has; `None`
    /// for the file's.
    pub digest: Option<Located<String>>,
    /// The event handlers.
    pub handlers: Handlers,
    /// How many jobs of this task may run at once.
    pub worker_nums: u32,
    /// How many jobs may be ready or on hold; another one that could start now is refused.
    pub size: u32,
    /// How many delayed jobs may wait, retries included; another delayed job is refused.
    pub delayed_size: u32,
    /// The timeout of one attempt, from its start.
    pub timeout: Duration,
    /// Whether and when a failed attempt is retried.
    pub retry: RetryPolicy,
    /// What the task requests from its sandbox.
    pub sandbox: SandboxRequest,
    /// How long an ended job can be looked up.
    pub retention: Retention,
    /// How many bytes its jobs may take, ended ones included.
    pub keep_bytes: u64,
    /// The file's path relative to the app's directory, and its text. All spans refer to this text.
    pub source: Arc<Source>,
}

/// Resolves the task in the syntax tree of a file. Returns `None` without an id, or if anything in the file is wrong;
/// `reader` then has the problems.
pub(crate) fn resolve(id: Option<TaskId>, tree: &Value<'_>, reader: &mut Reader<'_>) -> Option<Task> {
    let Some(object) = tree.as_object() else {
        let help = "a minimal task is `{\"process\": \"plugins.mail.send\"}`";
        reader.problems.error(tree.range().into(), "a task must be an object", help);
        return None;
    };
    let raw = RawObject::root(object, reader);
    Task::read(id, &raw, reader)
}

impl Task {
    fn read(id: Option<TaskId>, raw: &RawObject<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let process = raw.read(&keys::PROCESS, reader);
        let digest = raw.read(&keys::DIGEST, reader);
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
        Some(Self {
            name: name.unwrap_or_else(|| id.to_string()),
            id,
            process: process?,
            digest,
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

    /// Returns the task file that an author would write, with all defaults filled in. Loading it makes an equal task.
    pub fn effective_definition(&self) -> serde_json::Value {
        let name = Some(self.name.clone()).filter(|name| *name != self.id.as_str());
        let entries = [
            keys::PROCESS.written(&Some(self.process.clone())),
            keys::DIGEST.written(&self.digest),
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

    /// Returns the task file's path relative to the app's directory, with `/` on every system.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// Returns the plugin function of `role`, if the task names one.
    pub fn reference(&self, role: Role) -> Option<&Located<Reference>> {
        let handlers = &self.handlers;
        match role {
            Role::Processor => Some(&self.process),
            Role::IdSource => handlers.next.as_ref(),
            Role::AddHandler => handlers.add.as_ref(),
            Role::ProgressHandler => handlers.progress.as_ref(),
            Role::SuccessHandler => handlers.success.as_ref(),
            Role::ErrorHandler => handlers.error.as_ref(),
        }
    }

    /// Returns all plugin functions that the task names, in the order of a job's life.
    pub fn references(&self) -> impl Iterator<Item = (Role, &Located<Reference>)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.reference(role)?)))
    }

    /// Returns the digest that the task pins for the code in `file`: that of its processor, in whatever role.
    pub fn pinned(&self, file: &CodeFile) -> Option<&str> {
        let digest = self.digest.as_ref().filter(|_| self.process.value.code == *file);
        digest.map(|digest| digest.value.as_str())
    }

    /// Creates an error at the reference of `role`, or at the file if the task does not name one. `message` is a
    /// sentence without a full stop; `help` says how to fix it.
    pub fn diagnose(&self, role: Role, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        let location = match self.reference(role) {
            Some(reference) => Location::of(&self.source, reference.span),
            None => Location::file(self.file()),
        };
        Diagnostic::error(location, message).with_help(help)
    }

    /// Creates an error at the span of any [`Located`] value of this task, such as a capability that is not granted.
    pub fn diagnose_at(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Location::of(&self.source, span), message).with_help(help)
    }
}
