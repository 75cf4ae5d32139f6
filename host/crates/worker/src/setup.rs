//! A task with the plugins of its roles. A reload replaces all of it at once, so that no job sees parts of two
//! definitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use saggar_definition::Task;
use saggar_grant::Granted;
use saggar_job::{CodeFile, JobId, Role};
use saggar_queue::{Lane, Retention, Rules};
use saggar_sandbox::{JobContext, Limits, Plugin};

/// The most workers in each lane of a task: handlers are short, and each worker may own a sandbox of every handler of
/// the lane.
const MAX_LANES: u32 = 4;

/// A task with the plugins of its roles, or with the reason why it has none.
pub struct Setup {
    /// Its definition.
    pub task: Arc<Task>,
    /// The capabilities of its guests.
    pub(crate) granted: Arc<Granted>,
    /// The task's id, as guests see it.
    id: Arc<str>,
    pub(crate) roles: BTreeMap<Role, RolePlugin>,
    /// Why no attempt starts; `None` if attempts start.
    pub(crate) unready: Option<Unready>,
    /// The number of the last deployment with this code; 0 before there is one.
    deployment: AtomicU64,
}

/// Why no attempt of a task starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unready {
    /// Its plugins are being loaded. Jobs can be added, and wait.
    Preparing,
    /// Its file or a plugin has to be corrected first; this is the first problem. Jobs are refused.
    Broken(Arc<str>),
}

/// The plugin of one role, with its limits.
#[derive(Clone)]
pub(crate) struct RolePlugin {
    pub(crate) plugin: Plugin,
    /// The part of the reference after `#`.
    pub(crate) handler: Option<Arc<str>>,
    pub(crate) limits: Limits,
    pub(crate) timeout: Duration,
}

/// The job that a call is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) id: JobId,
    pub(crate) attempt: u32,
    pub(crate) trace_parent: Option<&'a Arc<str>>,
}

impl About<'_> {
    /// A job that does not exist yet.
    pub(crate) const NOTHING: Self = Self { id: JobId(0), attempt: 0, trace_parent: None };
}

/// How many sandboxes a task may have at once, in units of the engine's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need(pub u32);

impl Setup {
    /// Creates a setup with these capabilities; `plugin` finds the loaded code that a reference names. The error is a
    /// role without a plugin.
    pub fn new(
        task: Arc<Task>,
        granted: Arc<Granted>,
        plugin: impl Fn(&CodeFile) -> Option<Plugin>,
    ) -> Result<Self, Role> {
        let mut roles = BTreeMap::new();
        for (role, reference) in task.references() {
            let plugin = plugin(&reference.value.code).ok_or(role)?;
            let handler = reference.value.handler.as_deref().map(Arc::from);
            let timeout = match role {
                Role::Processor => task.timeout,
                _ => task.sandbox.event_timeout,
            };
            let limits = Limits { memory: task.sandbox.memory_bytes, reuse: task.sandbox.reuse };
            roles.insert(role, RolePlugin { plugin, handler, limits, timeout });
        }
        let is_complete = roles.contains_key(&Role::Processor);
        if is_complete { Ok(Self { roles, ..Self::empty(task, granted, None) }) } else { Err(Role::Processor) }
    }

    /// Creates the setup of a task without plugins: its jobs wait, and can be looked up and changed.
    pub fn unready(task: Arc<Task>, why: Unready) -> Self {
        // Nothing of it is called.
        Self::empty(task, Arc::default(), Some(why))
    }

    fn empty(task: Arc<Task>, granted: Arc<Granted>, unready: Option<Unready>) -> Self {
        let id = task.id.as_str().into();
        Self { task, granted, id, roles: BTreeMap::new(), unready, deployment: AtomicU64::new(0) }
    }

    /// Returns the digests of the code of its roles.
    pub fn digests(&self) -> impl Iterator<Item = &Arc<str>> {
        self.roles.values().map(|loaded| loaded.plugin.digest())
    }

    /// Sets the number of the last deployment that has its code.
    pub fn set_deployment(&self, number: u64) {
        self.deployment.store(number, Ordering::Relaxed);
    }

    /// Returns the number of the last deployment that has its code; `None` before there is one.
    pub(crate) fn deployment(&self) -> Option<u64> {
        Some(self.deployment.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// Returns whether jobs run in the same way with both: the same definition and file, the same capabilities, and
    /// plugins with the same content. Comments in the file and the times of files do not matter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let digests = |setup: &Self| -> Vec<_> {
            setup.roles.iter().map(|(role, loaded)| (*role, loaded.plugin.digest().clone())).collect()
        };
        self.unready == other.unready
            && (self.task.id.as_str(), self.task.file()) == (other.task.id.as_str(), other.task.file())
            && self.granted == other.granted
            && digests(self) == digests(other)
            && self.task.effective_definition() == other.task.effective_definition()
    }

    pub(crate) fn slots(&self) -> u32 {
        if self.unready.is_some() { 0 } else { self.task.worker_nums }
    }

    /// Returns the context that the guest gets in a call in `role`.
    pub(crate) fn context(&self, about: About<'_>, role: Role) -> JobContext {
        JobContext {
            id: about.id,
            task: self.id.clone(),
            attempt: about.attempt,
            max_attempts: self.task.retry.max_attempts_at(about.attempt),
            handler: self.roles.get(&role).and_then(|loaded| loaded.handler.clone()),
            trace_parent: about.trace_parent.cloned(),
        }
    }

    /// Returns how many callbacks of a lane may be delivered at once.
    pub(crate) fn lanes(&self, lane: Lane) -> u32 {
        let handlers: &[Role] = match lane {
            Lane::Adds => &[Role::AddHandler],
            Lane::Ends => &[Role::SuccessHandler, Role::ErrorHandler],
        };
        let has_handler = handlers.iter().any(|role| self.roles.contains_key(role));
        if has_handler { self.task.worker_nums.min(MAX_LANES) } else { 0 }
    }

    /// Returns how many calls of `next` may run at once.
    pub(crate) fn id_sources(&self) -> u32 {
        if self.task.handlers.next.is_some() { self.task.worker_nums.min(MAX_LANES) } else { 0 }
    }

    /// Returns the room in the engine that the task takes when all its sandboxes have instances.
    pub fn need(&self) -> Need {
        self.need_if(|role| self.roles.get(&role).map_or(0, |loaded| loaded.plugin.units()))
    }

    /// Returns the least room that it can take: if each of its plugins has one memory.
    pub fn least_need(&self) -> Need {
        self.need_if(|role| u32::from(self.task.reference(role).is_some()))
    }

    /// Returns the room that it takes if a sandbox of a role takes this many `units`.
    fn need_if(&self, units: impl Fn(Role) -> u32) -> Need {
        let handlers = units(Role::AddHandler) + units(Role::SuccessHandler) + units(Role::ErrorHandler);
        let lanes = if handlers > 0 { self.task.worker_nums.min(MAX_LANES) } else { 0 };
        let slot = units(Role::Processor) + units(Role::ProgressHandler);
        Need(self.task.worker_nums * slot + lanes * handlers + self.id_sources() * units(Role::IdSource))
    }

    /// Returns the rules of the queue. They depend on the definition alone, so they are the same before the plugins are
    /// loaded.
    pub(crate) fn rules(&self) -> Rules {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Rules {
            size: self.task.size as usize,
            delayed_size: self.task.delayed_size as usize,
            keep_bytes: self.task.keep_bytes,
            retry: self.task.retry.clone(),
            add_handler: self.task.handlers.add.is_some(),
            success_handler: self.task.handlers.success.is_some(),
            error_handler: self.task.handlers.error.is_some(),
            retention: Retention {
                success_ms: ms(self.task.retention.success),
                failure_ms: ms(self.task.retention.failure),
            },
        }
    }
}
