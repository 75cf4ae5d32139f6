//! Identifiers of tasks, jobs and runs.

use std::fmt;
use std::sync::Arc;

/// A job's id: from 1, unique within its task, never reused.
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
    /// The task's id in lower case, because ids are case-insensitive.
    pub task: Arc<str>,
}

impl TaskKey {
    /// The tenant of a host that runs a single app.
    pub const DEFAULT_TENANT: &'static str = "default";

    /// Creates the key of the task `task` of the tenant `tenant`. Converts the task's id to lower case.
    pub fn new(tenant: &str, task: &str) -> Self {
        Self { tenant: tenant.into(), task: task.to_lowercase().into() }
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.task)
    }
}

/// The full address of a job: tenant, task and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// Its task.
    pub task: TaskKey,
    /// Its id within the task.
    pub id: JobId,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.id)
    }
}

/// The fence of an attempt: increases with every claim of a job, so that a late step of an earlier claim is recognized
/// as stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Run(pub u64);
