//! The code of an app: loads each file that the tasks refer to once, and explains why a task's code cannot be used.

mod kept;
mod loading;
mod plugins;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use saggar_definition::{Diagnostic, Located, Location, ScriptFiles, Task};
use saggar_job::{CodeFile, Reference, Role};
use saggar_queue::DeployedCode;
use saggar_sandbox::{Engine, Plugin};

use crate::versions::{ScriptArchive, content_of};

pub use kept::{VersionError, load_version};
pub(crate) use loading::load_all;
use plugins::{LoadedPlugin, PluginFiles};
use scripts::LoadedScript;

/// The code of an app, by file: what was loaded, and the errors of the rest.
#[derive(Default)]
pub(crate) struct LoadedCode(BTreeMap<CodeKey, LoadedVersion>);

/// A file of code, or the version of it that tasks pin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CodeKey {
    pub(crate) file: CodeFile,
    /// The digest that the tasks pin.
    pub(crate) pin: Option<Arc<str>>,
}

/// The result of loading a file, or the version that runs instead of it.
pub(crate) struct LoadedVersion {
    loaded: LoadedFile,
    /// The content of the file that the version runs instead of, because a rollback has chosen it.
    instead_of: Option<Arc<str>>,
    /// Whether the file was loaded in the place of another version, which a task pins, because no store is known.
    is_unpinned: bool,
}

/// The result of loading code.
enum LoadedFile {
    Plugin(LoadedPlugin),
    Script(LoadedScript),
    /// A version that cannot be had; contains why.
    Unavailable(String),
}

/// Where an app's code is.
pub(crate) struct CodeFiles {
    plugins: PluginFiles,
    scripts: Arc<ScriptFiles>,
}

/// Code to load.
pub(crate) struct Wanted {
    pub(crate) key: CodeKey,
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

impl CodeKey {
    /// Returns the key of the code that `task` means by a file.
    pub(crate) fn of(task: &Task, file: &CodeFile) -> Self {
        Self { file: file.clone(), pin: task.pinned(file).map(Into::into) }
    }
}

impl LoadedFile {
    fn usable(&self) -> Option<Plugin> {
        match self {
            Self::Plugin(plugin) => plugin.usable(),
            Self::Script(script) => script.usable(),
            Self::Unavailable(_) => None,
        }
    }
}

impl LoadedCode {
    pub(crate) fn insert(&mut self, key: CodeKey, loaded: LoadedVersion) {
        self.0.insert(key, loaded);
    }

    /// Returns the code with this key, if it can be used.
    pub(crate) fn get(&self, key: &CodeKey) -> Option<Plugin> {
        self.0.get(key)?.loaded.usable()
    }

    /// Returns the code of a file: what runs in tasks that pin no version or, if there are none, what one pins.
    pub(crate) fn of_file(&self, file: &CodeFile) -> Option<Plugin> {
        let mut of_file = self.0.iter().filter(|(key, _)| key.file == *file);
        of_file.find_map(|(_, version)| version.loaded.usable())
    }

    /// Returns the names of the usable code that `other` does not have with the same content: `mail.send` for a plugin,
    /// `scripts.mail.send` for a script.
    pub(crate) fn changed_since(&self, other: &Self) -> Vec<String> {
        let digest_in = |code: &Self, key: &CodeKey| code.get(key).map(|plugin| plugin.digest().clone());
        let changed = |key: &&CodeKey| digest_in(self, key) != digest_in(other, key);
        let name = |key: &CodeKey| match &key.file {
            CodeFile::Plugin(name) => name.clone(),
            CodeFile::Script(_) => key.file.to_string(),
        };
        let mut names: Vec<String> = self.0.keys().filter(changed).map(name).collect();
        names.dedup();
        names
    }

    /// Returns the code that can be used, in the order of its names.
    pub(crate) fn usable(&self) -> Vec<(&CodeKey, Plugin)> {
        self.0.iter().filter_map(|(key, version)| Some((key, version.loaded.usable()?))).collect()
    }

    /// Returns the usable code as a deployment lists it, in the order of its names.
    pub(crate) fn deployed(&self) -> Vec<DeployedCode> {
        let deployed = |(key, version): (&CodeKey, &LoadedVersion)| {
            let plugin = version.loaded.usable()?;
            Some(DeployedCode {
                name: key.file.to_string().into(),
                digest: plugin.digest().clone(),
                content: content_of(&plugin),
                bytes: plugin.size(),
                instead_of: version.instead_of.clone(),
                pinned: key.pin.is_some(),
            })
        };
        self.0.iter().filter_map(deployed).collect()
    }

    /// Returns the bytes to keep of the code with this digest. `None` if its file has changed since it was loaded, or if
    /// there is no such code.
    pub(crate) async fn bytes(&self, engine: &Engine, files: &CodeFiles, digest: &str) -> Option<Vec<u8>> {
        let mut usable = self.0.iter().filter_map(|(key, version)| Some((key, version.loaded.usable()?)));
        let (key, plugin) = usable.find(|(_, plugin)| **plugin.digest() == *digest)?;
        match (&key.file, ScriptArchive::bytes_of(&plugin)) {
            (_, Some(bytes)) => Some(bytes),
            (CodeFile::Plugin(name), None) => plugins::bytes(engine, &files.plugins, name, digest).await,
            (CodeFile::Script(_), None) => None,
        }
    }

    /// Returns the reasons why code of `task` cannot be used in its roles, each at its location.
    pub(crate) fn problems(&self, files: &CodeFiles, task: &Task) -> Vec<Diagnostic> {
        let (mut broken, mut problems) = (BTreeSet::new(), Vec::new());
        for (role, reference) in task.references() {
            let place = ReferencePlace { task, role, reference };
            let Some(version) = self.0.get(&CodeKey::of(task, &reference.value.code)) else { continue };
            match &version.loaded {
                LoadedFile::Plugin(plugin) => problems.extend(plugin.problem(&files.plugins, place)),
                // A script is broken as a whole, whichever of its functions a role calls.
                LoadedFile::Script(script) if script.usable().is_none() && !broken.insert(&reference.value.code) => {}
                LoadedFile::Script(script) => problems.extend(script.problems(place)),
                LoadedFile::Unavailable(why) if broken.insert(&reference.value.code) => {
                    problems.push(unavailable(place, why));
                }
                LoadedFile::Unavailable(_) => {}
            }
        }
        problems
    }

    /// Returns the warning about a task that runs another version than it pins, if it does.
    pub(crate) fn warning(&self, task: &Task) -> Option<Diagnostic> {
        let (digest, file) = (task.digest.as_ref()?, &task.process.value.code);
        let version = self.0.get(&CodeKey::of(task, file)).filter(|version| version.is_unpinned)?;
        let found = version.loaded.usable()?;
        let message =
            format!("{} has the digest sha256:{}, and the task pins another version", file.file(), found.digest());
        let help = "a host runs the version that the task pins if it has kept it; this check was made with the file";
        Some(Diagnostic::warning(Location::of(&task.source, digest.span), message).with_help(help))
    }
}

/// Creates the error about a version that cannot be had.
fn unavailable(place: ReferencePlace<'_>, why: &str) -> Diagnostic {
    let (task, file) = (place.task, place.reference.value.code.file());
    match task.digest.as_ref().filter(|_| task.pinned(&place.reference.value.code).is_some()) {
        Some(digest) => {
            let help = format!(
                "pin a version that `saggar deployments` shows as kept, put this one at {file}, or remove the key"
            );
            task.diagnose_at(digest.span, format!("{file}: {why}"), help)
        }
        None => {
            place.diagnose(format!("{file}: {why}"), "roll back to a deployment whose code is kept, or change the file")
        }
    }
}
