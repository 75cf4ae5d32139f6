//! Loads an app: turns a directory into runnable tasks, and into diagnostics for everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use saggar_definition::{Catalog, Diagnostic, Location, Severity, Task};
use saggar_grant::{Granted, Grants};
use saggar_job::{CodeFile, Role};
use saggar_queue::DeployedCode;
use saggar_sandbox::Engine;
use saggar_worker::{Setup, Unready};

use crate::app_location::AppLocation;
use crate::capabilities::{self, Reviewed};
use crate::code::{self, CodeFiles, CodeKey, LoadedCode, Wanted};
use crate::versions::Versions;

/// A loaded app: its valid tasks with their plugins, and the problems of the other tasks.
#[derive(Default)]
pub struct App {
    /// The tasks that can run, sorted by id.
    pub tasks: Vec<Arc<Task>>,
    /// The tasks whose plugins are still loading, sorted by id.
    pub preparing: Vec<Arc<Task>>,
    /// All problems.
    pub problems: Vec<Diagnostic>,
    /// Valid definitions that cannot run, for example because a plugin is broken, with the first problem of each.
    unusable: Vec<(Arc<Task>, Arc<str>)>,
    /// The first problem of each definition that cannot be used, by the task's id in lower case.
    pub(crate) broken: BTreeMap<String, Arc<str>>,
    /// What the operator grants to its tasks.
    grants: Arc<Grants>,
    /// What each valid definition has of it, by the task's id in lower case.
    reviewed: BTreeMap<String, Reviewed>,
    code: LoadedCode,
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No task of the app can run.
    #[error("{}", render(.0))]
    NoTask(Vec<Diagnostic>),
    /// The tasks have more slots than a host can have.
    #[error(
        "the tasks need up to {need} sandboxes at once, and a host has at most {capacity}: lower `worker_nums`, or run fewer \
         tasks on one host"
    )]
    TooManySlots {
        /// Sandboxes that the tasks need.
        need: u64,
        /// Sandboxes that a host can have.
        capacity: u32,
    },
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] saggar_sandbox::EngineError),
    /// The store's file cannot be opened.
    #[error(transparent)]
    Sqlite(#[from] saggar_store_sqlite::SqliteError),
    /// The store's directory cannot be created.
    #[error("cannot create the directory {} of the job store", .dir.display())]
    StoreDir {
        /// The directory.
        dir: std::path::PathBuf,
        /// The cause.
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

/// The result of loading the definitions alone, before any plugin is loaded.
pub(crate) struct Definitions {
    pub(crate) catalog: Catalog,
    problems: Vec<Diagnostic>,
    broken: BTreeMap<String, Arc<str>>,
    grants: Arc<Grants>,
    reviewed: BTreeMap<String, Reviewed>,
}

impl Definitions {
    /// Loads the task files of an app. Blocks.
    pub(crate) fn load(place: &AppLocation) -> Self {
        let variable = |name: &str| place.variable(name);
        let saggar_definition::Loaded { catalog, diagnostics, broken } = saggar_definition::load(&place.dir, &variable);
        let broken = broken.into_iter().map(|(id, problem)| (id.folded().to_owned(), problem.into())).collect();
        let mut problems = diagnostics;
        problems.splice(..0, place.warnings());
        let reviewed =
            catalog.iter().map(|task| (task.id.folded().to_owned(), capabilities::review(task, place))).collect();
        Self { catalog, problems, broken, grants: place.grants().clone(), reviewed }
    }

    /// Returns the problem of an app that needs more sandboxes than it may have.
    pub(crate) fn too_many_slots(&self, capacity: u32) -> Option<(u64, Diagnostic)> {
        let need = min_capacity(&self.catalog);
        let message = format!("the tasks need up to {need} sandboxes at once, and the app may have {capacity}");
        let problem = || Diagnostic::error(Location::file("tasks"), message).with_help("lower `worker_nums`");
        (need > u64::from(capacity)).then(|| (need, problem()))
    }

    /// Returns an app of which no task can run, because of `problem`.
    pub(crate) fn refused(self, problem: Diagnostic) -> App {
        let mut broken = self.broken;
        let why: Arc<str> = problem.brief().into();
        broken.extend(self.catalog.iter().map(|task| (task.id.folded().to_owned(), why.clone())));
        let mut problems = self.problems;
        problems.push(problem);
        App { problems, broken, ..App::default() }
    }

    /// Returns the largest memory limit of any task's sandbox, in bytes.
    pub(crate) fn max_memory(&self) -> u64 {
        self.catalog.iter().map(|task| task.sandbox.memory_bytes).max().unwrap_or(0)
    }

    /// Returns how many sandboxes the tasks can use at once if each plugin has one memory. Plugins with several
    /// memories are known only after loading.
    pub(crate) fn sandboxes(&self) -> u64 {
        // Each slot has one for the processor and one for the progress handler. Lanes and `next` need fewer than the
        // slots.
        self.catalog.iter().map(|task| u64::from(task.worker_nums) * task.references().count() as u64).sum()
    }

    /// Returns the app in the state before its plugins are loaded.
    pub(crate) fn unresolved(&self) -> App {
        App {
            preparing: self.catalog.iter().cloned().collect(),
            problems: self.problems.clone(),
            broken: self.broken.clone(),
            grants: self.grants.clone(),
            reviewed: self.reviewed.clone(),
            ..App::default()
        }
    }

    /// Loads the code, several files at a time, and checks that it implements the roles that the tasks refer to. Reuses
    /// code of the app `known` whose files have not changed; `versions` says which code comes from the store. Calls
    /// `resolved` for each task as soon as its plugins are resolved, with its problems. Cancel safe.
    pub(crate) async fn resolve(
        self,
        engine: &Engine,
        app_dir: &Path,
        known: &App,
        versions: &Versions,
        mut resolved: impl FnMut(Setup, &[Diagnostic]) + Send,
    ) -> App {
        let Self { catalog, problems, broken, grants, reviewed } = self;
        let mut app = App { problems, broken, grants, reviewed, ..App::default() };
        let mut budget = CapacityBudget::new(engine, &catalog);
        let mut waiting = PendingTasks::new(&catalog);
        let files = CodeFiles::of(app_dir);
        let mut loading = code::load_all(engine, &files, versions, &known.code, wanted(&catalog));
        while let Some((key, loaded)) = loading.next().await {
            app.code.insert(key.clone(), loaded);
            for task in waiting.completed_by(&key) {
                let (setup, mut problems) = app.resolve_task(&task, &files, engine, &mut budget);
                resolved(setup, &problems);
                app.problems.append(&mut problems);
            }
        }
        app.sort();
        app
    }
}

/// Returns the code that the tasks refer to.
fn wanted(catalog: &Catalog) -> Vec<Wanted> {
    let mut functions = BTreeMap::<CodeKey, BTreeSet<String>>::new();
    for task in catalog.iter() {
        for (_, reference) in task.references() {
            let of_file = functions.entry(CodeKey::of(task, &reference.value.code)).or_default();
            of_file.extend(reference.value.handler.clone());
        }
    }
    functions.into_iter().map(|(key, functions)| Wanted { key, functions }).collect()
}

/// Tasks whose code is not all loaded.
struct PendingTasks {
    by_code: BTreeMap<CodeKey, Vec<Arc<Task>>>,
    /// How much code a task still waits for, by the task's id.
    missing: BTreeMap<String, usize>,
}

impl PendingTasks {
    fn new(catalog: &Catalog) -> Self {
        let (mut by_code, mut missing) = (BTreeMap::<CodeKey, Vec<Arc<Task>>>::new(), BTreeMap::new());
        for task in catalog.iter() {
            let keys: BTreeSet<_> = task.references().map(|(_, at)| CodeKey::of(task, &at.value.code)).collect();
            missing.insert(task.id.folded().to_owned(), keys.len());
            keys.into_iter().for_each(|key| by_code.entry(key).or_default().push(task.clone()));
        }
        Self { by_code, missing }
    }

    /// Removes and returns the tasks for which the code with this key was the last missing one.
    fn completed_by(&mut self, key: &CodeKey) -> Vec<Arc<Task>> {
        let mut complete = self.by_code.remove(key).unwrap_or_default();
        complete.retain(|task| match self.missing.get_mut(task.id.folded()) {
            Some(missing) => {
                *missing -= 1;
                *missing == 0
            }
            None => false,
        });
        complete
    }
}

/// The engine's capacity as it is divided among the tasks. Each task gets its minimum. Plugins with several memories
/// get more while capacity is left.
struct CapacityBudget {
    spare: u64,
}

impl CapacityBudget {
    fn new(engine: &Engine, catalog: &Catalog) -> Self {
        Self { spare: u64::from(engine.capacity()).saturating_sub(min_capacity(catalog)) }
    }

    /// Reserves the capacity of a task; returns the problem if too little is left.
    fn reserve(&mut self, task: &Task, setup: &Setup) -> Option<Diagnostic> {
        let (need, least) = (setup.need().0, setup.least_need().0);
        let more = u64::from(need.saturating_sub(least));
        if more <= self.spare {
            self.spare -= more;
            return None;
        }
        let message = format!(
            "the task's plugins have several memories each, so it needs a capacity of up to {need}, and the host has {} left",
            u64::from(least) + self.spare
        );
        Some(task.diagnose(Role::Processor, message, "lower `worker_nums`, or run fewer tasks on one host"))
    }
}

/// Returns the capacity that the tasks need if each plugin has one memory.
pub(crate) fn min_capacity(catalog: &Catalog) -> u64 {
    let least = |task: &Arc<Task>| u64::from(Setup::unready(task.clone(), Unready::Preparing).least_need().0);
    catalog.iter().map(least).sum()
}

/// Returns the problem of a task that requests more memory than the pool's memories have. Their size is fixed when the
/// host starts; a reload cannot change it.
fn too_much_memory(task: &Task, engine: &Engine) -> Option<Diagnostic> {
    let (asked, most) = (task.sandbox.memory_bytes, engine.max_memory());
    let message = format!("the task requests {asked} bytes of memory; this host was started with at most {most}");
    (asked > most).then(|| task.diagnose(Role::Processor, message, "restart the host, or lower `sandbox.memory`"))
}

impl App {
    /// Returns whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Returns the first error in one line.
    pub(crate) fn first_problem(&self) -> Option<Arc<str>> {
        let first = self.problems.iter().find(|problem| problem.severity == Severity::Error)?;
        Some(first.brief().into())
    }

    /// Returns the loaded code of this file, if a task refers to it and it can be used.
    pub fn plugin(&self, file: &CodeFile) -> Option<saggar_sandbox::Plugin> {
        self.code.of_file(file)
    }

    /// Returns the code that a task of the app runs its jobs with: what it pins, or else that of the file.
    pub fn processor(&self, task: &Task) -> Option<saggar_sandbox::Plugin> {
        self.code.get(&CodeKey::of(task, &task.process.value.code))
    }

    /// Returns the code that can be used, in the order of its names.
    pub(crate) fn usable_code(&self) -> Vec<(&CodeKey, saggar_sandbox::Plugin)> {
        self.code.usable()
    }

    /// Returns the code that can be used as a deployment lists it.
    pub fn deployed(&self) -> Vec<DeployedCode> {
        self.code.deployed()
    }

    /// Returns the bytes to keep of the code with this digest; `None` if they cannot be read any more.
    pub(crate) async fn code_bytes(&self, engine: &Engine, app_dir: &Path, digest: &str) -> Option<Vec<u8>> {
        self.code.bytes(engine, &CodeFiles::of(app_dir), digest).await
    }

    /// Returns what the operator grants to its tasks.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Returns what a task has in force.
    pub fn granted(&self, task: &Task) -> Arc<Granted> {
        self.reviewed.get(task.id.folded()).map(|reviewed| reviewed.granted.clone()).unwrap_or_default()
    }

    /// Returns the names of the plugins and scripts that `other` does not have with the same content.
    pub(crate) fn code_changed_since(&self, other: &Self) -> Vec<String> {
        self.code.changed_since(&other.code)
    }

    /// Decides whether a task can run, after each of its plugins was loaded or has failed; returns the problems if it
    /// cannot.
    fn resolve_task(
        &mut self,
        task: &Arc<Task>,
        files: &CodeFiles,
        engine: &Engine,
        budget: &mut CapacityBudget,
    ) -> (Setup, Vec<Diagnostic>) {
        let mut problems = self.code.problems(files, task);
        problems.extend(self.reviewed.get(task.id.folded()).into_iter().flat_map(|task| task.problems.clone()));
        problems.extend(too_much_memory(task, engine));
        let setup = self.setup(task).filter(|_| problems.is_empty());
        problems.extend(setup.as_ref().and_then(|setup| budget.reserve(task, setup)));
        if let (Some(setup), true) = (setup, problems.is_empty()) {
            self.tasks.push(task.clone());
            return (setup, self.code.warning(task).into_iter().collect());
        }
        let first: Arc<str> = problems.first().map_or_else(String::new, Diagnostic::brief).into();
        self.unusable.push((task.clone(), first.clone()));
        (Setup::unready(task.clone(), Unready::Broken(first)), problems)
    }

    /// Returns the setup of a task, if all of its code can be used.
    fn setup(&self, task: &Arc<Task>) -> Option<Setup> {
        Setup::new(task.clone(), self.granted(task), |file| self.code.get(&CodeKey::of(task, file))).ok()
    }

    /// Sorts tasks and problems, because plugins become ready in any order.
    fn sort(&mut self) {
        self.tasks.sort_by(|a, b| a.id.cmp(&b.id));
        self.unusable.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        // A stable sort keeps the problems of one file in the order of its lines.
        self.problems.sort_by(|a, b| a.location.file.cmp(&b.location.file));
    }

    /// Returns what the worker opens: each task with its plugins, or with the reason why it cannot run. `deployment` is the
    /// number of the deployment that has its code.
    pub(crate) fn setups(&self, deployment: Option<u64>) -> Vec<Setup> {
        let ready = |task: &Arc<Task>| {
            let setup = self.setup(task)?;
            setup.set_deployment(deployment.unwrap_or(0));
            Some(setup)
        };
        let preparing = |task: &Arc<Task>| Setup::unready(task.clone(), Unready::Preparing);
        let unusable =
            |(task, problem): &(Arc<Task>, Arc<str>)| Setup::unready(task.clone(), Unready::Broken(problem.clone()));
        let ready = self.tasks.iter().filter_map(ready);
        ready.chain(self.preparing.iter().map(preparing)).chain(self.unusable.iter().map(unusable)).collect()
    }
}
