//! All routes: the role that each needs, what the audit says of those that change something, and what requests to them have.

/// A route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method, in lower case.
    pub method: &'static str,
    /// The path, as the OpenAPI document has it.
    pub path: &'static str,
    /// The lowest role that may use it; `None` if it is public.
    pub role: Option<&'static str>,
    /// The name of its entries in the audit; `None` if it is a look-up.
    pub audited_as: Option<&'static str>,
    /// The queries that it is tried with; an empty one is none. `LIMIT` stands for the length of a page, `POSITION` for where
    /// an answer ended, `WORD` for a text, and `{task}` for a task, as in the path.
    pub queries: &'static [&'static str],
    body: Option<&'static str>,
}

impl Route {
    /// Creates a route that needs no token.
    pub const fn public(path: &'static str) -> Self {
        Self { method: "get", path, role: None, audited_as: None, queries: &[""], body: None }
    }

    const fn look_up(path: &'static str, role: &'static str) -> Self {
        Self { role: Some(role), ..Self::public(path) }
    }

    const fn change(method: &'static str, path: &'static str, role: &'static str, audited_as: &'static str) -> Self {
        Self { method, audited_as: Some(audited_as), ..Self::look_up(path, role) }
    }

    const fn queries(self, queries: &'static [&'static str]) -> Self {
        Self { queries, ..self }
    }

    /// Sets the body: JSON in which `JOB` stands for a job to add, and `JOBS` for an array of them.
    const fn body(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Returns the body of a request that adds this job so many times, if the route adds several; `None` if requests have no
    /// body.
    pub fn body_with(&self, job: &str, count: usize) -> Option<String> {
        let jobs = format!("[{}]", vec![job; count].join(","));
        // `JOBS` first, because `JOB` is a part of it.
        self.body.map(|body| body.replace("JOBS", &jobs).replace("JOB", job))
    }
}

/// All routes.
pub const ROUTES: &[Route] = &[
    Route::public("/healthz"),
    Route::public("/readyz"),
    Route::public("/openapi.json"),
    Route::look_up("/metrics", "read"),
    Route::look_up("/v1/jobs", "read").queries(&["limit=LIMIT", "text=WORD&limit=LIMIT", "after=POSITION"]),
    Route::look_up("/v1/jobs/count", "read").queries(&["", "task={task}", "args_text=WORD"]),
    Route::look_up("/v1/failures", "read").queries(&["", "task={task}", "after=POSITION"]),
    Route::look_up("/v1/failures/flame", "read").queries(&["", "task={task}", "after=POSITION"]),
    Route::look_up("/v1/events", "read").queries(&["task={task}", "after=POSITION"]),
    Route::look_up("/v1/pulse", "read").queries(&["", "every_s=LIMIT"]),
    Route::look_up("/v1/reload", "read"),
    Route::look_up("/v1/deployments", "read").queries(&["", "limit=LIMIT"]),
    Route::look_up("/v1/versions/{digest}", "admin"),
    Route::look_up("/v1/series", "read").queries(&["", "task={task}"]),
    Route::look_up("/v1/plugins", "read"),
    Route::look_up("/v1/plugins/{name}", "read"),
    Route::look_up("/v1/problems", "read"),
    Route::look_up("/v1/me", "read"),
    Route::look_up("/v1/tenants/{tenant}", "read"),
    Route::look_up("/v1/audit", "admin").queries(&["limit=LIMIT", "after=POSITION"]),
    Route::look_up("/v1/tenants", "operator"),
    Route::change("delete", "/v1/tenants/{tenant}", "operator", "tenants.remove"),
    Route::look_up("/v1/tasks", "read"),
    Route::look_up("/v1/tasks/{task}", "read"),
    Route::look_up("/v1/tasks/{task}/slots", "read"),
    Route::look_up("/v1/tasks/{task}/jobs", "read").queries(&["status=FAILURE", "after=POSITION"]),
    Route::look_up("/v1/tasks/{task}/jobs/{id}", "read").queries(&["", "wait=1ms", "explain=true"]),
    Route::look_up("/v1/tasks/{task}/jobs/{id}/feed", "read").queries(&["", "after=POSITION"]),
    Route::look_up("/v1/tasks/{task}/jobs/{id}/logs", "read").queries(&["", "follow=true"]),
    Route::look_up("/v1/tasks/{task}/jobs/{id}/attempts", "read"),
    Route::look_up("/v1/tasks/{task}/jobs/{id}/events", "read").queries(&["", "after=POSITION"]),
    Route::look_up("/v1/tasks/{task}/jobs/{id}/record", "admin"),
    Route::look_up("/v1/tasks/{task}/records", "admin").queries(&["", "limit=LIMIT"]),
    Route::change("post", "/v1/tasks/{task}/jobs", "write", "jobs.add").body("JOB"),
    Route::change("post", "/v1/tasks/{task}/jobs/batch", "write", "jobs.add").body(r#"{"jobs":JOBS}"#),
    Route::change("post", "/v1/tasks/{task}/jobs/{id}/again", "write", "jobs.add").body(r#"{"priority":1}"#),
    Route::change("post", "/v1/jobs/retry", "write", "jobs.retry")
        .body(r#"{"where":{"status":["SUCCESS"]},"limit":5}"#),
    Route::change("post", "/v1/jobs/cancel", "write", "jobs.cancel").body(r#"{"where":{"key":"nowhere"}}"#),
    Route::change("post", "/v1/jobs/delete", "write", "jobs.delete").body(r#"{"where":{},"dry_run":true}"#),
    Route::change("post", "/v1/tasks/{task}/jobs/{id}/cancel", "write", "jobs.cancel"),
    Route::change("post", "/v1/tasks/{task}/jobs/{id}/retry", "write", "jobs.retry"),
    Route::change("post", "/v1/tasks/{task}/jobs/{id}/redeliver", "write", "jobs.redeliver"),
    Route::change("delete", "/v1/tasks/{task}/jobs/{id}", "write", "jobs.delete"),
    Route::change("post", "/v1/reload", "admin", "reload"),
    // There is no deployment with this number, so nothing changes.
    Route::change("post", "/v1/rollback", "admin", "rollback").queries(&["to=4000000000"]),
    Route::change("post", "/v1/tasks/{task}/pause", "admin", "tasks.pause"),
    Route::change("post", "/v1/tasks/{task}/resume", "admin", "tasks.resume"),
];

/// Returns the route with this method and path.
pub fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| (route.method, route.path) == (method, path))
}
