//! The table of all errors: code, status, title, meaning. `docs/errors.md` repeats it, and a test keeps the two alike.

/// Makes the enum and what can be asked of it from one table, so that no code is without its row.
macro_rules! codes {
    ($($variant:ident $status:literal $name:literal $title:literal $meaning:literal;)*) => {
        /// What went wrong, for programs. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its stable name in kebab case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status of its answer.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// A few words for people, the same for every problem of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// One sentence for the documentation.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    MalformedRequest 400 "malformed-request" "Malformed request"
        "The bytes are no request of HTTP/1.1.";
    HeadTimeout 408 "head-timeout" "Head too slow"
        "The request's head did not come in time.";
    HeadTooLarge 431 "head-too-large" "Head too large"
        "The request's head has more bytes or more headers than the host takes: 64 KiB (some of up to twice that are taken) and 100 headers unless it is configured otherwise.";
    UnknownRoute 404 "unknown-route" "No such route"
        "The path names nothing; `/openapi.json` lists all routes.";
    MethodNotAllowed 405 "method-not-allowed" "Method not allowed"
        "The path does not take this method; the header `Allow` lists those it takes.";
    InvalidPath 400 "invalid-path" "Invalid path"
        "A part of the path is not UTF-8 when its percent signs are decoded.";
    InvalidId 400 "invalid-id" "Invalid id"
        "A job's id is a number from 1 to 18446744073709551615, without sign and leading zeros.";
    InvalidQuery 400 "invalid-query" "Invalid query"
        "A query key is unknown, stands twice, or has a value that cannot be read.";
    InvalidHeader 400 "invalid-header" "Invalid header"
        "A header that the route looks at cannot be read, such as an `Idempotency-Key` of more than 255 bytes.";
    InvalidUtf8 400 "invalid-utf8" "Invalid UTF-8"
        "The body is not text in UTF-8.";
    InvalidBody 400 "invalid-body" "Invalid body"
        "The body is not JSON, or has a key that is missing, unknown or of the wrong form; the detail says where.";
    IncompleteBody 400 "incomplete-body" "Incomplete body"
        "The body broke off before the end that its headers announced.";
    BodyTimeout 408 "body-timeout" "Body too slow"
        "The body did not come in time.";
    BodyTooLarge 413 "body-too-large" "Body too large"
        "The body is longer than the route takes, or has more jobs than a batch takes.";
    UnsupportedMediaType 415 "unsupported-media-type" "Unsupported media type"
        "The route takes a body with one `Content-Type: application/json` and without `Content-Encoding`.";
    Unauthorized 401 "unauthorized" "Unauthorized"
        "The request has no bearer token, or one that the host does not know.";
    Forbidden 403 "forbidden" "Forbidden"
        "The token's role does not allow this; `read` looks, `write` also changes jobs, `admin` also pauses tasks.";
    ForeignOrigin 403 "foreign-origin" "Foreign origin"
        "A host without tokens answers only requests that name it by a loopback address and that no web page of another site sends.";
    InvalidArgs 400 "invalid-args" "Invalid arguments"
        "`args` is one JSON array of at most 4 MiB, nested at most 128 levels deep.";
    UnknownTask 404 "unknown-task" "No such task"
        "The host has no task with this id; the detail names one that is like it.";
    TaskBroken 503 "task-broken" "Task is broken"
        "The task cannot run until its file or a plugin is corrected, so nothing was added; the detail has its first problem.";
    TaskPreparing 503 "task-preparing" "Task is not ready yet"
        "The plugin that gives the task's jobs their ids is still being compiled; nothing was added. Try again after `Retry-After` seconds.";
    UnknownJob 404 "unknown-job" "No such job"
        "The task has no job with this id: it never was, was deleted, or its retention is over.";
    QueueFull 429 "queue-full" "Queue full"
        "As many jobs are ready as the task's `size` allows, or delayed as its `delayed_size` allows; nothing was added. Try again after `Retry-After` seconds.";
    KeepBytesExceeded 429 "keep-bytes-exceeded" "Too many bytes kept"
        "The jobs kept take as many bytes as `keep_bytes` of the task or of the host allows, and no ended one is left to remove; nothing was added. Try again after `Retry-After` seconds.";
    KeyReused 409 "key-reused" "Key is another job's"
        "The `Idempotency-Key` or `key` is that of a job with other arguments, another priority or another `unique`; nothing was added.";
    DuplicateId 409 "duplicate-id" "Id taken"
        "The task's `event.next` handler gave an id that is taken or is no id; nothing was added.";
    IdsExhausted 409 "ids-exhausted" "No id left"
        "The task's counter stands at the highest id there is; nothing was added.";
    NextFailed 502 "next-failed" "Id source failed"
        "The task's `event.next` handler failed, so the job has no id; nothing was added.";
    NextTimeout 503 "next-timeout" "Id source too slow"
        "The task's `event.next` handler did not give all ids within 30 seconds (or one `event_timeout`, if that is longer); nothing was added. Add fewer jobs at a time, or try again after `Retry-After` seconds.";
    Ended 409 "ended" "Job has ended"
        "An ended job cannot be cancelled, nor one that ends by itself before it is stopped.";
    NotEnded 409 "not-ended" "Job has not ended"
        "Only an ended job can be retried, and only its callbacks can be redelivered.";
    Running 409 "running" "Job runs"
        "A job that runs cannot be deleted; cancel it and wait for its end first.";
    CallbackPending 409 "callback-pending" "Callback pending"
        "A callback of the job is pending; try again in a moment.";
    NotGivenUp 409 "not-given-up" "Nothing to redeliver"
        "No callback of the job was given up or waits for its next try.";
    NotUnique 409 "not-unique" "Not unique"
        "The job is unique and another one of its kind waits or runs, so it cannot be retried.";
    Stopping 503 "stopping" "Host is stopping"
        "The host takes no more jobs and lets nobody wait; try again after `Retry-After` seconds.";
    Overloaded 503 "overloaded" "Host is overloaded"
        "The host holds as many bytes of bodies (of this task, or of all) or of answers, answers as many who follow or wait, or has as many connections from this address as it may; try again after `Retry-After` seconds.";
    StoreFull 503 "store-full" "Store full"
        "The disk with the job store is full; nothing was changed. Make room, or try again after `Retry-After` seconds.";
    StoreBusy 503 "store-busy" "Store locked"
        "Another program keeps the job store locked; nothing was changed. End its transaction, or try again after `Retry-After` seconds.";
    StoreFailed 503 "store-failed" "Store failed"
        "The job store failed; whether a change was made is not known. The host's log says why.";
    Internal 500 "internal" "Internal error"
        "A mistake of the host's own; its log says more.";
}

impl Code {
    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// What identifies the kind of problem.
    pub fn type_uri(self) -> String {
        format!("urn:saggar:problem:{}", self.name())
    }

    /// After how many seconds it makes sense to try again, where time alone mends it.
    pub fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::QueueFull | Self::KeepBytesExceeded | Self::Overloaded => Some(1),
            // A host that restarts is back within seconds; room is made, and other programs are stopped, by people.
            Self::Stopping | Self::StoreFull | Self::StoreBusy | Self::TaskPreparing | Self::NextTimeout => Some(5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn every_code_has_a_name_and_a_status_of_an_error() {
        for &code in Code::ALL {
            assert_eq!(Code::from_name(code.name()), Some(code), "a name is used twice");
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
