//! The limits of calls: those of the task that names the function, unless the command line says otherwise.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use saggar::{Engine, HostBuilder, Task};
use saggar_definition::{Loaded, SandboxRequest};
use saggar_sandbox::Limits;
use serde_json::{Value, json};

use super::target::{Function, task_of};
use crate::cli::author::{RoleArg, Test};
use crate::commands::CommandEnv;

/// How many sandboxes exist at once: one, and spare ones for plugins with several memories.
const SANDBOXES: u32 = 8;

/// Tasks that are named in an error.
const NAMED: usize = 10;

/// The task files of an app, as far as it has some.
pub(super) struct AppTasks {
    app: Option<PathBuf>,
    loaded: Loaded,
}

/// The limits of a call.
#[derive(Debug)]
pub(super) struct CallLimits {
    /// What the call gets unless an option says otherwise: the task's definition, or an empty one.
    definition: Arc<Task>,
    /// Whether the definition is that of a task of the app.
    is_of_app: bool,
    timeout: Option<Duration>,
    memory_bytes: u64,
}

/// Options that take precedence over the task.
pub(super) struct Overrides {
    task: Option<String>,
    timeout: Option<Duration>,
    memory_bytes: Option<u64>,
    /// The definition of a task that sets nothing.
    default: Arc<Task>,
}

impl AppTasks {
    /// Reads the task files of an app. Reports their problems, because a task with a problem has no limits.
    pub(super) fn read(app: Option<&Path>, env: &CommandEnv) -> Self {
        // Such as `.keep`, which makes a directory exist in a repository.
        let is_hidden = |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
        let has_files = |app: &&Path| {
            let mut entries = app.join("tasks").read_dir().into_iter().flatten().flatten();
            entries.any(|entry| !is_hidden(&entry))
        };
        let app = app.filter(has_files).map(Path::to_owned);
        let loaded = app.clone().map(|app| env.builder(app).read_tasks()).unwrap_or_default();
        env.telemetry.problems(&loaded.diagnostics);
        Self { app, loaded }
    }

    /// Returns the limits of a call of this function in this role: those of the only task that names it so, or of the
    /// task that the command line or the test case names.
    pub(super) fn limits_of(
        &self,
        function: &Function,
        role: RoleArg,
        task: Option<&str>,
        overrides: &Overrides,
    ) -> anyhow::Result<CallLimits> {
        match task.or(overrides.task.as_deref()) {
            Some(id) => Ok(CallLimits::of(self.task(id, function, role)?, true, overrides)),
            None => match &self.naming(function, role)[..] {
                [] => Ok(CallLimits::of(overrides.default.clone(), false, overrides)),
                [task] => Ok(CallLimits::of((*task).clone(), true, overrides)),
                several => bail!(
                    "{} tasks name {function} as `{}`: {}; choose the one whose limits count with `--task`, or with \
                     `task` in a test case",
                    several.len(),
                    saggar::Role::from(role).key(),
                    names(several)
                ),
            },
        }
    }

    /// Returns the tasks that name a function in a role.
    fn naming(&self, function: &Function, role: RoleArg) -> Vec<&Arc<Task>> {
        let names = |task: &&Arc<Task>| {
            let reference = task.reference(role.into()).map(|reference| &reference.value);
            reference.is_some_and(|reference| Some(reference) == function.reference().as_ref())
        };
        self.loaded.catalog.iter().filter(names).collect()
    }

    /// Returns the task with this id. It must name the function in the role, if the function is one of the app.
    fn task(&self, id: &str, function: &Function, role: RoleArg) -> anyhow::Result<Arc<Task>> {
        let Some(app) = &self.app else {
            bail!("there is no app with a task `{id}`: `--app` names a directory with `tasks/`")
        };
        let Some(task) = self.loaded.catalog.get(id) else {
            match self.loaded.catalog.nearest(id) {
                _ if self.loaded.broken.keys().any(|broken| broken.as_str().eq_ignore_ascii_case(id)) => {
                    bail!("the task `{id}` has errors, so its limits are unknown; correct its file")
                }
                Some(similar) => bail!("{} has no task `{id}`; did you mean `{similar}`?", app.display()),
                None => bail!("{} has no task `{id}`", app.display()),
            }
        };
        if function.reference().is_some() && !self.naming(function, role).iter().any(|naming| naming.id == task.id) {
            let key = saggar::Role::from(role).key();
            match task.reference(role.into()) {
                Some(other) => bail!("`{key}` of the task `{id}` is {}, not {function}", other.value),
                None => bail!("the task `{id}` has no `{key}`"),
            }
        }
        Ok(task.clone())
    }

    /// Returns the engine for calls with the limits of any of the tasks.
    pub(super) fn engine(&self, builder: &HostBuilder, overrides: &Overrides) -> anyhow::Result<Engine> {
        let of_tasks = self.loaded.catalog.iter().map(|task| task.sandbox.memory_bytes);
        let memory = of_tasks.chain([overrides.default.sandbox.memory_bytes]).chain(overrides.memory_bytes).max();
        Ok(builder.start_engine(SANDBOXES, memory.unwrap_or(0))?)
    }
}

fn names(tasks: &[&Arc<Task>]) -> String {
    let mut names: Vec<_> = tasks.iter().take(NAMED).map(|task| task.id.as_str()).collect();
    if tasks.len() > NAMED {
        names.push("…");
    }
    names.join(", ")
}

impl Overrides {
    pub(super) fn of(args: &Test) -> anyhow::Result<Self> {
        let sandbox = |memory: &String| json!({ "sandbox": { "memory": memory } });
        let memory_bytes = match &args.memory {
            Some(memory) => Some(task_of("plugins.any", &sandbox(memory))?.sandbox.memory_bytes),
            None => None,
        };
        let default = Arc::new(task_of("plugins.any", &json!({}))?);
        Ok(Self { task: args.task.clone(), timeout: args.timeout, memory_bytes, default })
    }
}

impl CallLimits {
    fn of(definition: Arc<Task>, is_of_app: bool, overrides: &Overrides) -> Self {
        let memory_bytes = overrides.memory_bytes.unwrap_or(definition.sandbox.memory_bytes);
        Self { definition, is_of_app, timeout: overrides.timeout, memory_bytes }
    }

    /// Returns the task of the app whose limits these are.
    pub(super) fn task(&self) -> Option<&Task> {
        self.is_of_app.then_some(&*self.definition)
    }

    pub(super) fn sandbox(&self) -> Limits {
        Limits { memory: self.memory_bytes, reuse: self.definition.sandbox.reuse }
    }

    /// Returns the timeout of a call of this role.
    pub(super) fn timeout(&self, role: RoleArg) -> Duration {
        let SandboxRequest { event_timeout, .. } = self.definition.sandbox;
        self.timeout.unwrap_or(if role == RoleArg::Processor { self.definition.timeout } else { event_timeout })
    }

    /// Describes the limits of a call of this role, and says whose they are.
    pub(super) fn describe(&self, role: RoleArg) -> String {
        let whose = match self.task() {
            Some(task) => format!("of the task `{}`", task.id),
            None => "a task's defaults".to_owned(),
        };
        let Limits { memory, reuse } = self.sandbox();
        let timeout = humantime::format_duration(self.timeout(role));
        format!("limits: {whose}: timeout {timeout} · memory {} · reuse {reuse}", bytes_text(memory))
    }

    pub(super) fn document(&self, role: RoleArg) -> Value {
        let Limits { memory, reuse } = self.sandbox();
        json!({
            "task": self.task().map(|task| task.id.as_str()),
            "timeout_ms": self.timeout(role).as_secs_f64() * 1e3,
            "memory_bytes": memory,
            "reuse": reuse,
        })
    }
}

fn bytes_text(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}
