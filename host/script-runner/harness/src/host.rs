//! A host for one instance: records what the runner does, and answers from what the case says.

use std::collections::BTreeMap;

use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use bindings::saggar::script::source;
use bindings::saggar::task::tasks::{self, Job, Status};
use bindings::saggar::task::types::Problem;
use bindings::saggar::task::{context, http, kv, log, progress, types};

pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../../wit", "../wit"],
        world: "saggar:script/runner",
    });
}

/// The memory that a task's sandbox has by default.
const MAX_MEMORY: usize = 64 << 20;

/// Keys that one answer has at most: so few that a script sees several pages.
const PAGE: u32 = 2;

/// Job ids that `tasks.get` knows.
const KNOWN_JOB: u64 = 7;

/// The state of one instance.
pub(crate) struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) limits: StoreLimits,
    /// The sources, by file.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) modules: Vec<source::Module>,
    /// The function that the reference names.
    pub(crate) handler: Option<String>,
    pub(crate) job: u64,
    /// What `tasks.add` refuses jobs with, and `kv.get` and `kv.set` their calls.
    pub(crate) refusal: Option<(String, String)>,
    /// The id that the next added job gets.
    pub(crate) next_id: u64,
    /// What happened, a line each.
    pub(crate) events: Vec<String>,
    /// The entries of the key-value store, with their versions.
    entries: BTreeMap<String, (Vec<u8>, u64)>,
    last_version: u64,
}

impl Host {
    pub(crate) fn new(files: &[(String, String)]) -> Self {
        Self {
            wasi: WasiCtx::builder().env("REGION", "eu-west").build(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(MAX_MEMORY).build(),
            files: files.to_vec(),
            modules: Vec::new(),
            handler: None,
            job: 0,
            refusal: None,
            next_id: 1000,
            events: Vec::new(),
            entries: BTreeMap::new(),
            last_version: 0,
        }
    }

    /// Fails as the case says.
    fn kv_refusal(&self) -> Result<(), Problem> {
        self.refusal.as_ref().map_or(Ok(()), |(code, message)| Err(problem(code, message)))
    }

    fn put(&mut self, key: String, value: Vec<u8>) -> u64 {
        self.last_version += 1;
        self.entries.insert(key, (value, self.last_version));
        self.last_version
    }

    fn add(&mut self, what: String) -> Result<u64, Problem> {
        self.events.push(what);
        if let Some((code, message)) = self.refusal.clone() {
            return Err(problem(&code, &message));
        }
        self.next_id += 1;
        Ok(self.next_id)
    }
}

fn problem(code: &str, message: &str) -> Problem {
    Problem { code: code.into(), message: message.into(), details: None }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for Host {}

impl context::Host for Host {
    fn id(&mut self) -> u64 {
        self.job
    }

    fn task(&mut self) -> String {
        "test".into()
    }

    fn attempt(&mut self) -> u32 {
        1
    }

    fn max_attempts(&mut self) -> u32 {
        4
    }

    fn handler(&mut self) -> Option<String> {
        self.handler.clone()
    }

    fn remaining_ms(&mut self) -> Option<u64> {
        None
    }

    fn is_cancelled(&mut self) -> bool {
        false
    }

    fn trace_parent(&mut self) -> Option<String> {
        None
    }
}

impl progress::Host for Host {
    fn report(&mut self, current: u64, total: u64, message: String) {
        self.events.push(format!("progress {current}/{total} {message}"));
    }
}

impl log::Host for Host {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        self.events.push(format!("{level} {message}"));
    }
}

impl tasks::Host for Host {
    fn add(&mut self, task: String, args: String) -> Result<u64, Problem> {
        self.add(format!("add {task} {args}"))
    }

    fn add_later(&mut self, task: String, args: String, delay_ms: u64) -> Result<u64, Problem> {
        self.add(format!("add-later {task} {args} {delay_ms}"))
    }

    fn add_with(&mut self, task: String, args: String, options: String) -> Result<u64, Problem> {
        self.add(format!("add-with {task} {args} {options}"))
    }

    fn get(&mut self, task: String, id: u64) -> Result<Job, Problem> {
        self.events.push(format!("get {task} {id}"));
        if id != KNOWN_JOB {
            return Err(problem("unknown-job", "there is no such job"));
        }
        let (message, response) = ("half".into(), Some(r#"{"a":[1]}"#.into()));
        Ok(Job { id, status: Status::Running, current: 1, total: 2, message, response })
    }

    fn cancel(&mut self, task: String, id: u64) -> Result<(), Problem> {
        self.events.push(format!("cancel {task} {id}"));
        if id == KNOWN_JOB { Ok(()) } else { Err(problem("ended", "the job has ended")) }
    }
}

impl kv::Host for Host {
    fn get(&mut self, key: String) -> Result<Option<kv::Entry>, Problem> {
        self.events.push(format!("kv get {key}"));
        self.kv_refusal()?;
        Ok(self.entries.get(&key).map(|(value, version)| {
            let (value, version) = (value.clone(), *version);
            kv::Entry { value, version, expires_in_ms: None }
        }))
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<u64, Problem> {
        self.events.push(format!("kv set {key} {} {ttl_ms:?}", String::from_utf8_lossy(&value)));
        self.kv_refusal()?;
        Ok(self.put(key, value))
    }

    fn compare_and_swap(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, Problem> {
        self.events.push(format!("kv swap {key} {expected:?} {} {ttl_ms:?}", String::from_utf8_lossy(&value)));
        let is_expected = self.entries.get(&key).map(|(_, version)| *version) == expected;
        Ok(is_expected.then(|| self.put(key, value)))
    }

    fn increment(&mut self, key: String, by: i64, ttl_ms: Option<u64>) -> Result<i64, Problem> {
        self.events.push(format!("kv increment {key} {by} {ttl_ms:?}"));
        let number = |value: &[u8]| std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
        let before = self.entries.get(&key).map_or(Some(0), |(value, _)| number(value));
        let sum = before.ok_or_else(|| problem("not-a-number", "it is not a number"))? + by;
        self.put(key, sum.to_string().into_bytes());
        Ok(sum)
    }

    fn remove(&mut self, key: String, expected: Option<u64>) -> Result<bool, Problem> {
        self.events.push(format!("kv remove {key} {expected:?}"));
        let is_expected = |version: u64| expected.is_none_or(|expected| expected == version);
        let is_there = self.entries.get(&key).is_some_and(|(_, version)| is_expected(*version));
        Ok(is_there && self.entries.remove(&key).is_some())
    }

    fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<kv::Page, Problem> {
        let is_next = |key: &&String| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after);
        let mut found = self.entries.keys().filter(is_next);
        let keys: Vec<String> = found.by_ref().take(limit.min(PAGE) as usize).cloned().collect();
        let next = found.next().and_then(|_| keys.last().cloned());
        Ok(kv::Page { keys, next })
    }
}

/// A server that repeats what it was sent; other hosts are not granted.
impl http::Host for Host {
    fn send(&mut self, request: http::Request) -> Result<http::Response, Problem> {
        let http::Request { method, url, headers, body, timeout_ms } = request;
        let text = String::from_utf8_lossy(&body).into_owned();
        self.events.push(format!("http {method} {url} {headers:?} {text} {timeout_ms:?}"));
        if !url.starts_with("https://echo.test/") {
            return Err(problem("http-not-granted", "HTTP is not granted"));
        }
        let status = if url.ends_with("/missing") { 404 } else { 200 };
        let headers = vec![
            ("content-type".into(), "text/plain".into()),
            ("x-two".into(), "a".into()),
            ("x-two".into(), "b".into()),
        ];
        Ok(http::Response { status, headers, body })
    }
}

impl source::Host for Host {
    fn text(&mut self, file: String) -> Result<String, Vec<source::Diagnostic>> {
        let found = self.files.iter().find(|(name, _)| *name == file);
        let missing = || {
            let message = format!("there is no file `{file}`");
            vec![source::Diagnostic { file: file.clone(), position: None, message }]
        };
        found.map(|(_, text)| text.clone()).ok_or_else(missing)
    }

    fn modules(&mut self) -> Vec<source::Module> {
        self.modules.clone()
    }

    fn line(&mut self, file: String, line: u32) -> Option<String> {
        let (_, text) = self.files.iter().find(|(name, _)| *name == file)?;
        text.lines().nth(line.checked_sub(1)? as usize).map(str::to_owned)
    }
}
