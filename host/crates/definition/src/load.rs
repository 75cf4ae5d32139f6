//! Loads all task files of an app into a catalog, with all of their problems. Owns the path of a file through the crate
//! and clashing ids; `files` finds and reads files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::files::{self, FoundFile};
use crate::id::TaskId;
use crate::keys;
use crate::problems::Problems;
use crate::source::Source;
use crate::syntax::{self, Dialect};
use crate::task::{Task, resolve};
use crate::value::{Environment, Reader};

/// The content of an app's task files.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The valid tasks.
    pub catalog: Catalog,
    /// All problems of the other files, sorted by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// The tasks whose files have errors, and the first error of each in one line.
    pub broken: BTreeMap<TaskId, String>,
}

impl Loaded {
    /// Returns whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Loads the task files of the app in `app_dir`. Valid tasks are in the catalog regardless of errors in others; if two
/// files have the same id, neither is. Skips hidden files. Blocks on reading files; calls `env` for the values of
/// `$ENV.NAME`.
pub fn load(app_dir: &Path, env: Environment<'_>) -> Loaded {
    let (found, mut diagnostics) = files::find(app_dir);
    let clashing = clashes(&found, &mut diagnostics);
    let mut tasks = Vec::new();
    for file in &found {
        match file.read().and_then(|bytes| read_task(&file.file, &bytes, env)) {
            Ok(task) if clashing.contains(&task.id) => {}
            Ok(task) => tasks.push(Arc::new(task)),
            Err(problems) => diagnostics.extend(problems),
        }
    }
    // The sort is stable: problems of one file stay sorted by line.
    diagnostics.sort_by(|a, b| a.location.file.cmp(&b.location.file));
    let catalog = tasks.into_iter().collect();
    let broken = broken(&catalog, &diagnostics);
    Loaded { catalog, diagnostics, broken }
}

/// Returns the tasks that are missing from the catalog because of errors in `diagnostics`.
fn broken(catalog: &Catalog, diagnostics: &[Diagnostic]) -> BTreeMap<TaskId, String> {
    let mut broken = BTreeMap::new();
    for problem in diagnostics.iter().filter(|problem| problem.severity == Severity::Error) {
        let id =
            files::is_task_file(&problem.location.file).then(|| files::task_id(&problem.location.file).ok()).flatten();
        if let Some(id) = id.filter(|id| catalog.get(id.as_str()).is_none()) {
            broken.entry(id).or_insert_with(|| problem.brief());
        }
    }
    broken
}

/// Reads one task from the content of a file. `file` is its path relative to the app's directory, such as
/// `tasks/mail/send.task.yao`: it determines the id, and its extension the dialect. The error has all problems of the
/// file.
pub fn read_task(file: &str, bytes: &[u8], env: Environment<'_>) -> Result<Task, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let id = files::task_id(file).map_err(|problem| problems.push(problem)).ok();
    let text = files::decode(file, bytes).map_err(|problem| problems.push(problem)).ok();
    let task = text.and_then(|text| parse(Source { file: file.to_owned(), text }, id, env, &mut problems));
    task.ok_or(problems)
}

fn parse(source: Source, id: Option<TaskId>, env: Environment<'_>, found: &mut Vec<Diagnostic>) -> Option<Task> {
    let source = Arc::new(source);
    let mut problems = Problems::new(Arc::clone(&source));
    let tree = syntax::parse(&source.text, Dialect::of_file(&source.file), &mut problems);
    let mut reader = Reader::new(problems, keys::TASK, env);
    let task = tree.and_then(|tree| resolve(id, &tree, &mut reader));
    found.extend(reader.problems.finish());
    task
}

/// Returns the ids that more than one file has, and reports them.
fn clashes(found: &[FoundFile], diagnostics: &mut Vec<Diagnostic>) -> BTreeSet<TaskId> {
    let mut first: BTreeMap<TaskId, &str> = BTreeMap::new();
    let mut clashing = BTreeSet::new();
    for file in found {
        let Ok(id) = files::task_id(&file.file) else { continue };
        let Some(other) = first.get(&id) else {
            first.insert(id, &file.file);
            continue;
        };
        let message = format!("the task `{id}` is already defined by `{other}`");
        let help = "rename one of the two files; neither is used until then. Ids ignore case, and a dot in a \
                    file's name is the same as a folder";
        let diagnostic = Diagnostic::error(Location::file(file.file.as_str()), message).with_help(help);
        diagnostics.push(diagnostic.with_related(Location::file(*other), "has the same id"));
        clashing.insert(id);
    }
    clashing
}
