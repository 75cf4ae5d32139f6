//! A host for one instance: records what the runner does, and answers from what the case says.

use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use bindings::saggar::script::source;
use bindings::saggar::task::tasks::{self, Job, Status};
use bindings::saggar::task::types::Problem;
use bindings::saggar::task::{context, log, progress, types};

pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../../wit", "../wit"],
        world: "saggar:script/runner",
    });
}

/// The memory that a task's sandbox has by default.
const MAX_MEMORY: usize = 64 << 20;

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
    /// What `tasks.add` refuses jobs with.
    pub(crate) refusal: Option<(String, String)>,
    /// The id that the next added job gets.
    pub(crate) next_id: u64,
    /// What happened, a line each.
    pub(crate) events: Vec<String>,
}

impl Host {
    pub(crate) fn new(files: &[(String, String)]) -> Self {
        Self {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(MAX_MEMORY).build(),
            files: files.to_vec(),
            modules: Vec::new(),
            handler: None,
            job: 0,
            refusal: None,
            next_id: 1000,
            events: Vec::new(),
        }
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
