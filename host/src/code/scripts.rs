//! Scripts: has them compiled, and turns their errors into diagnostics with the lines of the scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use saggar_definition::{Diagnostic, Location, ScriptFileError, ScriptFiles, Source};
use saggar_sandbox::{Engine, Plugin, ReadScript, ScriptError, ScriptProblem, Texts};

use super::ReferencePlace;
use crate::script_runner::SCRIPT_RUNNER;
use crate::versions::ScriptArchive;

/// The result of loading a script.
pub(crate) struct LoadedScript {
    file: String,
    script: Result<Plugin, LoadFailure>,
    /// Why functions that tasks refer to are not in the script, by function.
    missing: BTreeMap<String, Missing>,
}

/// Why a function is not in a script, with the texts of its files.
struct Missing {
    problems: Vec<ScriptProblem>,
    texts: Texts,
}

/// Why a script cannot be loaded.
enum LoadFailure {
    Unreadable(ScriptFileError),
    Broken(ScriptError),
}

/// Loads the script in `file`, or in the file of TypeScript of the same name, for tasks that refer to these functions.
/// Continues to use the `known` script of this file if none of its files has changed.
pub(super) async fn load(
    engine: &Engine,
    files: &Arc<ScriptFiles>,
    file: String,
    functions: BTreeSet<String>,
    known: Option<Plugin>,
) -> LoadedScript {
    let failed = |why| LoadedScript { file: file.clone(), script: Err(why), missing: BTreeMap::new() };
    let (reader, entry) = (files.clone(), file.clone());
    let find = move || reader.entry(&entry).and_then(|entry| reader.read(&entry).map(|_| entry));
    let found = engine.read_blocking(find).await;
    if let Ok(Err(error)) = found {
        return failed(LoadFailure::Unreadable(error));
    }
    let file = found.ok().and_then(Result::ok).unwrap_or(file);
    let reader = files.clone();
    let read: ReadScript = Arc::new(move |file: &str| reader.read(file).map_err(|error| why_unreadable(&error)));
    let functions: Vec<String> = functions.into_iter().collect();
    let (script, missing) = compile(engine, &file, functions, read).await;
    // Which files a script consists of is known only after it was compiled.
    LoadedScript { script: unless_known(script, known), missing, file }
}

/// Loads a kept version of a script, for tasks that refer to these functions.
pub(super) async fn load_version(
    engine: &Engine,
    ScriptArchive { entry, files }: ScriptArchive,
    functions: BTreeSet<String>,
    known: Option<Plugin>,
) -> LoadedScript {
    let (script, missing) = compile(engine, &entry, functions.into_iter().collect(), reader_of(files)).await;
    LoadedScript { script: unless_known(script, known), missing, file: entry }
}

/// Returns what reads the files of a kept version.
pub(super) fn reader_of(files: BTreeMap<String, String>) -> ReadScript {
    Arc::new(move |file: &str| files.get(file).cloned().ok_or_else(|| format!("the version has no file {file}")))
}

/// Returns the `known` script if it is the same.
fn unless_known(script: Result<Plugin, ScriptError>, known: Option<Plugin>) -> Result<Plugin, LoadFailure> {
    match (script, known) {
        (Ok(script), Some(known)) if known.digest() == script.digest() => Ok(known),
        (script, _) => script.map_err(LoadFailure::Broken),
    }
}

/// Has a script compiled; returns it, and why functions that tasks refer to are not in it.
async fn compile(
    engine: &Engine,
    file: &str,
    functions: Vec<String>,
    read: ReadScript,
) -> (Result<Plugin, ScriptError>, BTreeMap<String, Missing>) {
    let mut missing = BTreeMap::new();
    let mut script = engine.load_script(file, &functions, read.clone()).await;
    if let Err(ScriptError::Invalid { .. }) = script {
        // Errors of the script concern all tasks that refer to it, and a missing function only some of them.
        script = engine.load_script(file, &[], read.clone()).await;
        let functions = if script.is_ok() { functions } else { Vec::new() };
        for function in functions {
            let checked = engine.load_script(file, std::slice::from_ref(&function), read.clone()).await;
            if let Err(ScriptError::Invalid { problems, texts }) = checked {
                missing.insert(function, Missing { problems, texts });
            }
        }
    }
    (script, missing)
}

/// Returns one sentence for the place where a file is imported.
fn why_unreadable(error: &ScriptFileError) -> String {
    match error {
        ScriptFileError::Missing { similar: Some(similar), .. } => format!("{error}; there is {similar}"),
        _ => error.to_string(),
    }
}

/// Returns the initial memory of each instance of a script in bytes.
fn initial_memory() -> u64 {
    static MEMORY: OnceLock<u64> = OnceLock::new();
    *MEMORY.get_or_init(|| saggar_sandbox::initial_memory(SCRIPT_RUNNER).unwrap_or(0))
}

impl LoadedScript {
    pub(super) fn usable(&self) -> Option<Plugin> {
        self.script.as_ref().ok().cloned()
    }

    /// Returns the reasons why it cannot be used for a reference.
    pub(super) fn problems(&self, place: ReferencePlace<'_>) -> Vec<Diagnostic> {
        match &self.script {
            Ok(_) => {
                let function = place.reference.value.handler.as_deref().unwrap_or_default();
                let missing = self.missing.get(function);
                let missing = missing.into_iter().flat_map(|Missing { problems, texts }| {
                    problems.iter().map(|problem| self.missing_function(place, function, problem, texts))
                });
                missing.chain(place.too_little_memory(initial_memory())).collect()
            }
            Err(LoadFailure::Unreadable(error)) => vec![place.diagnose(error.to_string(), help(error))],
            Err(LoadFailure::Broken(ScriptError::Invalid { problems, texts })) => {
                problems.iter().map(|problem| in_script(place, problem, texts)).collect()
            }
            Err(LoadFailure::Broken(error)) => {
                let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
                vec![place.diagnose(format!("{}: {error}{source}", self.file), broken_help(error))]
            }
        }
    }
}

impl LoadedScript {
    /// Creates the error about a function that a reference names: where the script has it, else at the reference.
    fn missing_function(
        &self,
        place: ReferencePlace<'_>,
        name: &str,
        problem: &ScriptProblem,
        texts: &Texts,
    ) -> Diagnostic {
        if problem.position.is_some() {
            return in_script(place, problem, texts);
        }
        let help = format!("write `function {name}(…) {{ … }}` in {}, or correct the name", self.file);
        place.diagnose(format!("{}: {}", self.file, problem.message), help)
    }
}

/// Returns what to do about an unreadable script.
fn help(error: &ScriptFileError) -> String {
    match error {
        ScriptFileError::Missing { similar: Some(similar), .. } if is_entry(similar) => {
            format!("did you mean {similar}? Upper and lower case differ")
        }
        ScriptFileError::Missing { similar: Some(similar), .. } => {
            format!("there is {similar}, but a task refers to a function of a `.js` or `.ts` file: rename it")
        }
        ScriptFileError::Ambiguous { .. } => "remove one of them, or rename it".into(),
        ScriptFileError::Missing { .. } => {
            "put the script there, or correct the name: `scripts.a.b.Run` is the function `Run` of scripts/a/b.js, or of \
             scripts/a/b.ts"
                .into()
        }
        _ => "put a regular file in UTF-8 that this user can read there, inside the app's directory".into(),
    }
}

/// Returns whether a task can refer to functions of a file.
fn is_entry(file: &str) -> bool {
    file.ends_with(".js") || file.ends_with(".ts")
}

fn broken_help(error: &ScriptError) -> &'static str {
    match error {
        ScriptError::NoRunner | ScriptError::Runner(_) | ScriptError::TypeStripper(_) => {
            "this is a fault of the host: please report it"
        }
        ScriptError::Quota(_) => "let the operator raise the quota",
        _ => "try again when fewer jobs run, or allow more sandboxes",
    }
}

/// Creates an error at its place in a script. The reference is named as well, because it says which task is affected.
fn in_script(
    place: ReferencePlace<'_>,
    ScriptProblem { file, position, message }: &ScriptProblem,
    texts: &Texts,
) -> Diagnostic {
    let location = match (position, texts.get(file)) {
        (Some((line, column)), Some(text)) => {
            let source = Arc::new(Source { file: file.clone(), text: text.to_string() });
            Location::of(&source, source.span_at(*line, *column))
        }
        _ => Location::file(file.as_str()),
    };
    let reference = Location::of(&place.task.source, place.reference.span);
    let note = format!("`{}` is a function of this script", place.role.key());
    Diagnostic::error(location, message.as_str()).with_related(reference, note)
}
