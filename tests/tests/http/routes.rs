//! All routes: the role that each needs, and what the audit says of those that change something.

/// A route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The lowest role that may use it; `None` if it is public.
    pub(super) role: Option<&'static str>,
    /// The name of its entries in the audit; `None` if it is a look-up.
    pub(super) audited_as: Option<&'static str>,
}

const fn public(path: &'static str) -> Route {
    Route { method: "get", path, role: None, audited_as: None }
}

const fn look_up(path: &'static str, role: &'static str) -> Route {
    Route { method: "get", path, role: Some(role), audited_as: None }
}

const fn change(method: &'static str, path: &'static str, role: &'static str, audited_as: &'static str) -> Route {
    Route { method, path, role: Some(role), audited_as: Some(audited_as) }
}

pub(super) const ROUTES: &[Route] = &[
    public("/healthz"),
    public("/readyz"),
    public("/openapi.json"),
    look_up("/metrics", "read"),
    look_up("/v1/jobs", "read"),
    look_up("/v1/events", "read"),
    look_up("/v1/reload", "read"),
    look_up("/v1/me", "read"),
    look_up("/v1/tenants/{tenant}", "read"),
    look_up("/v1/audit", "admin"),
    look_up("/v1/tenants", "operator"),
    change("delete", "/v1/tenants/{tenant}", "operator", "tenants.remove"),
    look_up("/v1/tasks", "read"),
    look_up("/v1/tasks/{task}", "read"),
    look_up("/v1/tasks/{task}/jobs", "read"),
    look_up("/v1/tasks/{task}/jobs/{id}", "read"),
    look_up("/v1/tasks/{task}/jobs/{id}/logs", "read"),
    look_up("/v1/tasks/{task}/jobs/{id}/attempts", "read"),
    look_up("/v1/tasks/{task}/jobs/{id}/events", "read"),
    change("post", "/v1/tasks/{task}/jobs", "write", "jobs.add"),
    change("post", "/v1/tasks/{task}/jobs/batch", "write", "jobs.add"),
    change("post", "/v1/tasks/{task}/jobs/{id}/cancel", "write", "jobs.cancel"),
    change("post", "/v1/tasks/{task}/jobs/{id}/retry", "write", "jobs.retry"),
    change("post", "/v1/tasks/{task}/jobs/{id}/redeliver", "write", "jobs.redeliver"),
    change("delete", "/v1/tasks/{task}/jobs/{id}", "write", "jobs.delete"),
    change("post", "/v1/reload", "admin", "reload"),
    change("post", "/v1/tasks/{task}/pause", "admin", "tasks.pause"),
    change("post", "/v1/tasks/{task}/resume", "admin", "tasks.resume"),
];
