//! The code of an app: loads each file that the tasks refer to once, and explains why a task's code cannot be used.

mod plugins;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::{FutureExt, Stream, StreamExt};
use saggar_definition::{Diagnostic, Located, ScriptFiles, Task};
use saggar_job::{CodeFile, Reference, Role};
use saggar_sandbox::{Engine, Plugin};

use plugins::{LoadedPlugin, PluginFiles};
use scripts::LoadedScript;

/// How many files load at once. The engine limits how many of them compile at once.
const CONCURRENT_LOADS: usize = 32;

/// The code of an app, by file: what was loaded, and the errors of the rest.
#[derive(Default)]
pub(crate) struct LoadedCode(BTreeMap<CodeFile, LoadedFile>);

/// The result of loading a file.
pub(crate) enum LoadedFile {
    Plugin(LoadedPlugin),
    Script(LoadedScript),
}

/// Where an app's code is.
pub(crate) struct CodeFiles {
    plugins: PluginFiles,
    scripts: Arc<ScriptFiles>,
}

/// A file to load.
pub(crate) struct Wanted {
    pub(crate) file: CodeFile,
    /// The functions of a script that tasks refer to.
    pub(crate) functions: BTreeSet<String>,
}

/// A reference of a task that may have a problem.
#[derive(Clone, Copy)]
struct ReferencePlace<'a> {
    task: &'a Task,
    role: Role,
    reference: &'a Located<Reference>,
}

impl ReferencePlace<'_> {
    /// Creates an error at the reference.
    fn diagnose(self, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        self.task.diagnose(self.role, message, help)
    }

    /// Returns the problem of code that does not fit into the task's sandbox.
    fn too_little_memory(self, initial_memory: u64) -> Option<Diagnostic> {
        const MIB: u64 = 1 << 20;
        let most = self.task.sandbox.memory_bytes;
        let message = format!(
            "{}: its memories and tables need {initial_memory} bytes at the start, and `sandbox.memory` is {most} bytes",
            self.reference.value.code.file(),
        );
        let kind = match self.reference.value.code {
            CodeFile::Plugin(_) => ", or build the plugin with less memory",
            CodeFile::Script(_) => "",
        };
        let help = format!("set `sandbox.memory` to at least \"{}MiB\"{kind}", initial_memory.div_ceil(MIB));
        (initial_memory > most).then(|| self.diagnose(message, help))
    }
}

impl CodeFiles {
    pub(crate) fn of(app_dir: &Path) -> Self {
        Self { plugins: PluginFiles::of(app_dir), scripts: Arc::new(ScriptFiles::of(app_dir)) }
    }
}

/// Loads each file once, unless it is the same as in the code `known`. Yields the files as they become ready. Dropping the
/// stream stops the loading.
pub(crate) fn load_all<'a>(
    engine: &'a Engine,
    files: &'a CodeFiles,
    known: &'a LoadedCode,
    wanted: Vec<Wanted>,
) -> impl Stream<Item = (CodeFile, LoadedFile)> + Send + Unpin + 'a {
    let load = move |Wanted { file, functions }: Wanted| {
        async move {
            let known = known.get(&file);
            let loaded = match &file {
                CodeFile::Plugin(name) => LoadedFile::Plugin(plugins::load(engine, &files.plugins, name, known).await),
                CodeFile::Script(_) => {
                    LoadedFile::Script(scripts::load(engine, &files.scripts, file.file(), functions, known).await)
                }
            };
            (file, loaded)
        }
        .boxed()
    };
    futures_util::stream::iter(wanted.into_iter().map(load)).buffer_unordered(CONCURRENT_LOADS)
}

impl LoadedCode {
    pub(crate) fn insert(&mut self, file: CodeFile, loaded: LoadedFile) {
        self.0.insert(file, loaded);
    }

    pub(crate) fn get(&self, file: &CodeFile) -> Option<Plugin> {
        match self.0.get(file)? {
            LoadedFile::Plugin(plugin) => plugin.usable(),
            LoadedFile::Script(script) => script.usable(),
        }
    }

    /// Returns the names of the usable files that `other` does not have with the same content: `mail.send` for a plugin,
    /// `scripts.mail.send` for a script.
    pub(crate) fn changed_since(&self, other: &Self) -> Vec<String> {
        let digest_in = |code: &Self, file: &CodeFile| code.get(file).map(|plugin| plugin.digest().clone());
        let changed = |file: &&CodeFile| digest_in(self, file) != digest_in(other, file);
        let name = |file: &CodeFile| match file {
            CodeFile::Plugin(name) => name.clone(),
            CodeFile::Script(_) => file.to_string(),
        };
        self.0.keys().filter(changed).map(name).collect()
    }

    /// Returns the reasons why code of `task` cannot be used in its roles, each at its location.
    pub(crate) fn problems(&self, files: &CodeFiles, task: &Task) -> Vec<Diagnostic> {
        let mut broken_scripts = BTreeSet::new();
        let mut problems = Vec::new();
        for (role, reference) in task.references() {
            let place = ReferencePlace { task, role, reference };
            match self.0.get(&reference.value.code) {
                None => {}
                Some(LoadedFile::Plugin(plugin)) => problems.extend(plugin.problem(&files.plugins, place)),
                // A script is broken as a whole, whichever of its functions a role calls.
                Some(LoadedFile::Script(script))
                    if script.usable().is_none() && !broken_scripts.insert(&reference.value.code) => {}
                Some(LoadedFile::Script(script)) => problems.extend(script.problems(place)),
            }
        }
        problems
    }
}
