//! From a directory to tasks that can run, or to everything that is wrong with it.

use std::path::Path;
use std::sync::Arc;

use saggar_definition::{Catalog, Diagnostic, Environment, Severity, Task};
use saggar_job::Role;
use saggar_sandbox::Engine;
use saggar_worker::Setup;

use crate::plugins::Plugins;

/// An app as it was found: its good tasks with their plugins, and all problems of the others.
pub struct App {
    /// The tasks that can run, by id.
    pub tasks: Vec<Arc<Task>>,
    /// All problems.
    pub problems: Vec<Diagnostic>,
    plugins: Plugins,
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No task of the app can run.
    #[error("{}", render(.0))]
    NoTask(Vec<Diagnostic>),
    /// The slots of the tasks are more than a host can have.
    #[error(
        "the tasks may need {need} sandboxes at once, but a host has room for {room}: lower `worker_nums`, or run fewer \
         tasks on one host"
    )]
    TooManySlots {
        /// What the tasks need.
        need: u64,
        /// What there is.
        room: u32,
    },
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] saggar_sandbox::EngineError),
    /// The store's file does not open.
    #[error(transparent)]
    Sqlite(#[from] saggar_queue::SqliteError),
    /// The store's directory cannot be made.
    #[error("the directory {} for the job store cannot be made", .dir.display())]
    StoreDir {
        /// That directory.
        dir: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] saggar_queue::StoreError),
}

fn render(problems: &[Diagnostic]) -> String {
    problems.iter().map(|problem| problem.render(false)).collect::<Vec<_>>().join("\n\n")
}

/// What the definitions alone say, before any plugin is loaded.
pub(crate) struct Definitions {
    catalog: Catalog,
    problems: Vec<Diagnostic>,
}

impl Definitions {
    pub(crate) fn load(app_dir: &Path, env: Environment<'_>) -> Self {
        let loaded = saggar_definition::load(app_dir, env);
        Self { catalog: loaded.catalog, problems: loaded.diagnostics }
    }

    /// The most memory that any task's sandbox may have, in bytes.
    pub(crate) fn max_memory(&self) -> u64 {
        self.catalog.iter().map(|task| task.sandbox.memory_bytes).max().unwrap_or(0)
    }

    /// Sandboxes that the tasks may hold at once, if each plugin has one memory. Those with more are found out later.
    pub(crate) fn sandboxes(&self) -> u64 {
        // Each slot has one for the processor and one for the progress handler; lanes and `next` are fewer than slots.
        self.catalog.iter().map(|task| u64::from(task.worker_nums) * task.references().count() as u64).sum()
    }

    /// Loads the plugins and checks that every task's references can be played.
    pub(crate) async fn resolve(self, engine: &Engine, app_dir: &Path) -> App {
        let Self { catalog, mut problems } = self;
        let plugins = Plugins::load(engine, app_dir, &catalog).await;
        let mut tasks = Vec::new();
        for task in catalog.iter() {
            let mut of_task = plugins.problems(app_dir, task);
            of_task.extend(ungranted(task));
            of_task.extend(too_much_memory(task, engine));
            if of_task.is_empty() {
                tasks.push(task.clone());
            }
            problems.append(&mut of_task);
        }
        App { tasks, problems, plugins }
    }
}

/// A reload cannot make the pool's memories larger than they were when the host started.
fn too_much_memory(task: &Task, engine: &Engine) -> Option<Diagnostic> {
    let (asked, most) = (task.sandbox.memory_bytes, engine.max_memory());
    let message = format!("the task asks for {asked} bytes of memory; this host was started with at most {most}");
    (asked > most).then(|| task.diagnose(Role::Processor, message, "start the host again, or lower `sandbox.memory`"))
}

/// What a task asks for that nobody grants. Grants are the operator's; a host of one app has none to give yet.
fn ungranted(task: &Task) -> Vec<Diagnostic> {
    let help = "this host grants no http, no environment and no directories: remove the request";
    let refuse =
        |span, what: String| task.diagnose_at(span, format!("the task asks for {what}, which is not granted"), help);
    let request = &task.sandbox;
    let http = request.http.iter().map(|origin| refuse(origin.span, format!("http to `{}`", origin.value)));
    let env = request.env.iter().map(|name| refuse(name.span, format!("the environment variable `{}`", name.value)));
    let dirs = request.dirs.iter().map(|dir| refuse(dir.span, format!("the directory `{}`", dir.value.path)));
    http.chain(env).chain(dirs).collect()
}

impl App {
    /// Whether anything is wrong.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The plugin with this name, if a task names it and it can be used.
    pub fn plugin(&self, name: &str) -> Option<saggar_sandbox::Plugin> {
        self.plugins.get(name)
    }

    /// What the worker opens.
    pub(crate) fn setups(&self) -> Vec<Setup> {
        let setup = |task: &Arc<Task>| Setup::new(task.clone(), |name| self.plugins.get(name)).ok();
        self.tasks.iter().filter_map(setup).collect()
    }
}
