//! Whose work something is.

use std::sync::Arc;

use crate::Tenant;

/// Whose work something is: that of a tenant, for one of its tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Flow(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    tenant: Arc<Tenant>,
    task: Arc<str>,
}

impl Flow {
    /// Creates the flow of a task; `task` is empty for work that belongs to no task, such as loading an app.
    pub fn new(tenant: Arc<Tenant>, task: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Owner { tenant, task: task.into() }))
    }

    /// Returns the tenant.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.0.tenant
    }

    /// Returns the task's name; empty if the work belongs to no task.
    pub fn task(&self) -> &Arc<str> {
        &self.0.task
    }
}
