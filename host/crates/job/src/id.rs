//! The names of things: tenants, tasks, jobs, runs.

use std::fmt;
use std::sync::Arc;

/// A job's number: from 1, unique within its task, never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One task of one tenant. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey {
    /// The tenant's name; `default` in a host of a single app.
    pub tenant: Arc<str>,
    /// The task's id in lower case, for ids compare without case.
    pub task: Arc<str>,
}

impl TaskKey {
    /// The tenant of a host that runs a single app.
    pub const DEFAULT_TENANT: &'static str = "default";

    /// The task `task` of the tenant `tenant`; the task's id is taken without case.
    pub fn new(tenant: &str, task: &str) -> Self {
        Self { tenant: tenant.into(), task: task.to_lowercase().into() }
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.task)
    }
}

/// One job of one task of one tenant: its full address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// Whose it is.
    pub task: TaskKey,
    /// Its number there.
    pub id: JobId,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.id)
    }
}

/// The fence of an attempt: grows with every claim of a job, so that what an earlier claim still has to say is known to
/// be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Run(pub u64);
