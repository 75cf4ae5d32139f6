//! The table of all errors: code, status, title, meaning. `docs/errors.md` repeats the table, and a test compares the
//! two.

/// Generates the enum and its methods from one table, so every code has a row.
macro_rules! codes {
    ($($variant:ident $status:literal $name:literal $title:literal $meaning:literal;)*) => {
        /// The kind of an error, for programs. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns its stable name in kebab case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the HTTP status of a response with this code.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Returns a few words for people, the same for every problem of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Returns one sentence for the documentation.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    MalformedRequest 400 "malformed-request" "Malformed request"
        "The bytes are not an HTTP/1.1 request.";
    HeadTimeout 408 "head-timeout" "Head too slow"
        "The request's head did not arrive in time.";
    HeadTooLarge 431 "head-too-large" "Head too large"
        "The request's head has more bytes or headers than the host accepts: 64 KiB (some of up to twice that are accepted) and 100 headers by default.";
    UnknownRoute 404 "unknown-route" "Unknown route"
        "No route has this path; `/openapi.json` lists all routes.";
    MethodNotAllowed 405 "method-not-allowed" "Method not allowed"
        "The route does not support this method; the header `Allow` lists those that it supports.";
    InvalidPath 400 "invalid-path" "Invalid path"
        "A segment of the path is not UTF-8 after percent-decoding.";
    InvalidId 400 "invalid-id" "Invalid id"
        "A job's id is a number from 1 to 18446744073709551615, without sign and leading zeros.";
    InvalidQuery 400 "invalid-query" "Invalid query"
        "A query parameter is unknown, given twice, or has an invalid value.";
    InvalidHeader 400 "invalid-header" "Invalid header"
        "A header that the route uses is invalid, such as an `Idempotency-Key` of more than 255 bytes.";
    InvalidUtf8 400 "invalid-utf8" "Invalid UTF-8"
        "The body is not UTF-8 text.";
    InvalidBody 400 "invalid-body" "Invalid body"
        "The body is not JSON, or a member is missing, unknown or of the wrong type; the detail says where.";
    IncompleteBody 400 "incomplete-body" "Incomplete body"
        "The body ended before the length that its headers announced.";
    BodyTimeout 408 "body-timeout" "Body too slow"
        "The body did not arrive in time.";
    BodyTooLarge 413 "body-too-large" "Body too large"
        "The body is larger than the route accepts, or has more jobs than a batch may have.";
    UnsupportedMediaType 415 "unsupported-media-type" "Unsupported media type"
        "The route accepts a body with one `Content-Type: application/json` and without `Content-Encoding`.";
    Unauthorized 401 "unauthorized" "Unauthorized"
        "The request has no bearer token, or an unknown one.";
    TokenExpired 401 "token-expired" "Token expired"
        "The token has expired; the operator of the host can give a new one, or the same one a later `expires`.";
    Forbidden 403 "forbidden" "Forbidden"
        "The token's role does not allow this; `read` may look up, `write` may also add and change jobs, `admin` may also pause tasks, reload the app, and read the audit and the records of attempts, `operator` may also see, reload and remove all tenants.";
    ForeignOrigin 403 "foreign-origin" "Foreign origin"
        "A host without tokens answers only requests to a loopback address that do not come from a web page of another site.";
    TenantRequired 400 "tenant-required" "Tenant required"
        "The request is an operator's, who may ask for any tenant, and does not say which; name one in the header `Saggar-Tenant`.";
    UnknownTenant 404 "unknown-tenant" "Unknown tenant"
        "The host runs no tenant of this name that the token has access to.";
    TenantConfigured 409 "tenant-configured" "Tenant is configured"
        "The data of a tenant can be removed only when the host does not run it any more: take it out of the configuration, reload the host, and ask again. Nothing was removed.";
    InvalidArgs 400 "invalid-args" "Invalid arguments"
        "`args` is one JSON array of at most 4 MiB, nested at most 128 levels deep.";
    UnknownTask 404 "unknown-task" "Unknown task"
        "The host has no task with this id; the detail names a similar one.";
    TaskBroken 503 "task-broken" "Task is broken"
        "The task cannot run until its file or a plugin is corrected; nothing was added. The detail has its first problem.";
    TaskPreparing 503 "task-preparing" "Task is not ready yet"
        "The plugin that provides the ids of the task's jobs is still being compiled; nothing was added. Try again after `Retry-After` seconds.";
    UnknownJob 404 "unknown-job" "Unknown job"
        "The task has no job with this id: it never existed, was deleted, or its retention is over.";
    NotRecorded 404 "not-recorded" "Not recorded"
        "No attempt of the job was recorded, its record would have been too large, or it was removed to make room for later ones; `sandbox.record` of the task says which attempts are recorded.";
    QueueFull 429 "queue-full" "Queue full"
        "The task has as many ready jobs as its `size` allows, or as many delayed ones as its `delayed_size` allows; nothing was added. Try again after `Retry-After` seconds.";
    KeepBytesExceeded 429 "keep-bytes-exceeded" "Too many bytes stored"
        "`keep_bytes` of the task or of the host is reached, and there is no ended job to evict; nothing was added. Try again after `Retry-After` seconds.";
    QuotaExceeded 429 "quota-exceeded" "Quota exceeded"
        "A quota of the tenant does not suffice, and nothing was done; `quota` names it. Try again after `Retry-After` seconds; without that header, the request asks for more at once than the quota ever allows.";
    KeyReused 409 "key-reused" "Key of another job"
        "A job with this `Idempotency-Key` or `key` has other arguments, another priority or another `unique`; nothing was added.";
    DuplicateId 409 "duplicate-id" "Id taken"
        "The task's `event.next` handler returned an id that is taken or invalid; nothing was added.";
    IdsExhausted 409 "ids-exhausted" "No ids left"
        "The task's counter has reached the highest id; nothing was added.";
    NextFailed 502 "next-failed" "Id source failed"
        "The task's `event.next` handler failed, so the job has no id; nothing was added.";
    NextTimeout 503 "next-timeout" "Id source too slow"
        "The task's `event.next` handler did not return all ids within 30 seconds (or one `event_timeout`, if that is longer); nothing was added. Add fewer jobs at a time, or try again after `Retry-After` seconds.";
    Ended 409 "ended" "Job has ended"
        "A job that has ended cannot be cancelled, nor one that ends by itself before it is stopped.";
    NotEnded 409 "not-ended" "Job has not ended"
        "Only an ended job can be retried, and only its callbacks can be redelivered.";
    Running 409 "running" "Job is running"
        "A running job cannot be deleted; cancel it and wait for its end first.";
    CallbackPending 409 "callback-pending" "Callback pending"
        "A callback of the job is pending; try again in a moment.";
    NotGivenUp 409 "not-given-up" "Nothing to redeliver"
        "The job has no callback that was given up or is deferred.";
    NotUnique 409 "not-unique" "Not unique"
        "The job is unique, and another job of its kind waits or runs, so it cannot be retried.";
    ReloadFailed 409 "reload-failed" "App not reloaded"
        "The app has errors, or needs more sandboxes than the host has, so nothing was changed: the host runs the app that it loaded before. `problems` has what to correct.";
    UnknownDeployment 404 "unknown-deployment" "Unknown deployment"
        "The app has no deployment of this number, or none before the running one; nothing was changed. `GET /v1/deployments` lists those that are recorded.";
    UnknownVersion 404 "unknown-version" "Unknown version"
        "The host keeps no plugin or script of the app with this digest: it never ran, or was removed to make room.";
    UnknownPlugin 404 "unknown-plugin" "Unknown plugin"
        "The app has no plugin or script of this name, or none that a task uses and that can be used; `GET /v1/plugins` lists them.";
    Stopping 503 "stopping" "Host is stopping"
        "The host takes no more jobs, and requests do not wait; try again after `Retry-After` seconds.";
    Overloaded 503 "overloaded" "Host is overloaded"
        "A limit of the host is reached: the bytes of bodies (of this task, or of all) or of answers, the clients that follow or wait, or the connections from this address; try again after `Retry-After` seconds.";
    StoreFull 503 "store-full" "Store full"
        "The disk with the job store is full; nothing was changed. Free some space, or try again after `Retry-After` seconds.";
    StoreBusy 503 "store-busy" "Store locked"
        "Another program keeps the job store locked; nothing was changed. End its transaction, or try again after `Retry-After` seconds.";
    StoreFailed 503 "store-failed" "Store failed"
        "The job store failed; it is unknown whether a change was made. The host's log says why.";
    Internal 500 "internal" "Internal error"
        "A bug of the host; its log says more.";
}

impl Code {
    /// Returns the code with this name; `None` if unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Returns the URI of this kind of problem.
    pub fn type_uri(self) -> String {
        format!("urn:saggar:problem:{}", self.name())
    }

    /// Returns whether the code refuses one job; the other jobs of the request may be fine.
    pub fn concerns_job(self) -> bool {
        matches!(
            self,
            Self::InvalidArgs
                | Self::InvalidBody
                | Self::BodyTooLarge
                | Self::DuplicateId
                | Self::KeyReused
                | Self::NextFailed
        )
    }

    /// Returns whether the request is wrong, or names a task that does not exist: what a command line can be wrong in.
    pub fn is_wrong_usage(self) -> bool {
        matches!(
            self,
            Self::UnknownTask
                | Self::InvalidArgs
                | Self::InvalidQuery
                | Self::InvalidBody
                | Self::InvalidHeader
                | Self::InvalidPath
                | Self::TenantRequired
                | Self::UnknownTenant
        )
    }

    /// Returns the seconds after which to try again; `None` if waiting alone cannot help.
    pub fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::QueueFull | Self::KeepBytesExceeded | Self::QuotaExceeded | Self::Overloaded => Some(1),
            // A restart takes seconds. People have to free space and to stop other programs.
            Self::Stopping | Self::StoreFull | Self::StoreBusy | Self::TaskPreparing | Self::NextTimeout => Some(5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn every_code_has_a_unique_name_and_an_error_status() {
        for &code in Code::ALL {
            assert_eq!(Code::from_name(code.name()), Some(code), "two codes have the same name");
            assert!((400..600).contains(&code.status()), "{}", code.name());
        }
    }

    #[test]
    fn the_documentation_lists_every_code() {
        let document = include_str!("../../../../docs/errors.md");
        let listed: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |code: &Code| format!("| `{}` | {} | {} |", code.name(), code.status(), code.meaning());
        assert_eq!(listed, Code::ALL.iter().map(row).collect::<Vec<_>>());
    }
}
