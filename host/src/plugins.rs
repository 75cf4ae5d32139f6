//! The plugins of an app: resolves the tasks' references to files, and loads each file once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::{FutureExt, Stream, StreamExt};
use saggar_definition::{Diagnostic, Task};
use saggar_job::Role;
use saggar_sandbox::{Engine, LoadError, Plugin};

/// How many plugins load at once. The engine limits how many of them compile at once.
const CONCURRENT_LOADS: usize = 32;

/// Maximum number of directory entries that the search for a similar name reads.
const MAX_SEARCHED_FILES: usize = 10_000;

/// Maximum size of an inspected file in bytes; the engine refuses larger ones.
const MAX_BYTES: u64 = 64 << 20;

/// The plugins of an app, by name: loaded ones, and the errors of the others.
#[derive(Default)]
pub(crate) struct Plugins(BTreeMap<String, Loaded>);

/// The result of loading a plugin.
pub(crate) struct Loaded {
    /// Initial memory of each instance in bytes; 0 if unknown.
    initial_memory: u64,
    /// `None` if it was not loaded, because its initial memory exceeds the memory of every sandbox of this engine.
    plugin: Option<Result<Plugin, LoadError>>,
}

/// The files of an app's plugins.
pub(crate) struct PluginFiles {
    /// The app's directory, with symbolic links resolved.
    root: PathBuf,
}

/// Returns the file of a plugin: `mail.send` is `plugins/mail/send.wasm`.
fn file(name: &str) -> PathBuf {
    Path::new("plugins").join(name.replace('.', "/")).with_extension("wasm")
}

impl PluginFiles {
    pub(crate) fn of(app_dir: &Path) -> Self {
        Self { root: app_dir.canonicalize().unwrap_or_else(|_| app_dir.to_owned()) }
    }

    /// Finds the file of a plugin; fails if it is outside of the app's directory.
    fn find(&self, name: &str) -> Result<PathBuf, LoadError> {
        saggar_definition::resolve_inside(&self.root, &file(name)).map_err(LoadError::Unreadable)
    }

    /// Returns the most similar name among the existing components.
    fn nearest(&self, name: &str) -> Option<String> {
        let mut names = Vec::new();
        let mut directories = vec![(self.root.join("plugins"), String::new())];
        let mut left = MAX_SEARCHED_FILES;
        while let Some((directory, prefix)) = directories.pop() {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            for entry in entries.flatten().take(left) {
                left -= 1;
                let path = entry.path();
                let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
                // Symbolic links to directories are not followed, so the search cannot loop.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    directories.push((path.clone(), format!("{prefix}{stem}.")));
                } else if path.extension().is_some_and(|extension| extension == "wasm") {
                    names.push(format!("{prefix}{stem}"));
                }
            }
        }
        saggar_definition::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// Loads each plugin once, unless its file has the same content as the `known` plugin of this name. Yields the plugins as
/// they become ready. Dropping the stream stops the loading.
pub(crate) fn load_all<'a>(
    engine: &'a Engine,
    files: &'a PluginFiles,
    known: &'a Plugins,
    names: Vec<String>,
) -> impl Stream<Item = (String, Loaded)> + Send + Unpin + 'a {
    let load = move |name: String| {
        async move {
            let loaded = load(engine, files, &name, known.get(&name)).await;
            (name, loaded)
        }
        .boxed()
    };
    futures_util::stream::iter(names.into_iter().map(load)).buffer_unordered(CONCURRENT_LOADS)
}

async fn load(engine: &Engine, files: &PluginFiles, name: &str, known: Option<Plugin>) -> Loaded {
    let path = match files.find(name) {
        Ok(path) => path,
        Err(error) => return Loaded { initial_memory: 0, plugin: Some(Err(error)) },
    };
    let file = path.clone();
    let read_initial_memory =
        move || saggar_sandbox::initial_memory(&saggar_definition::read_regular_file(&file, MAX_BYTES).ok()?);
    // 0 if the file cannot be read or parsed; the engine reports that.
    let initial_memory = tokio::task::spawn_blocking(read_initial_memory).await.ok().flatten().unwrap_or(0);
    // The pool's memories are as large as the engine's limit. A pooling engine refuses a component that needs more, an
    // on-demand engine accepts it.
    let fits = initial_memory <= engine.max_memory();
    let plugin = match known {
        _ if !fits => None,
        // A link in the place of a file may lead to another one.
        Some(known) if known.path() == path => Some(engine.reload(path, &known).await),
        _ => Some(engine.load(path).await),
    };
    Loaded { initial_memory, plugin }
}

impl Plugins {
    pub(crate) fn insert(&mut self, name: &str, loaded: Loaded) {
        self.0.insert(name.to_owned(), loaded);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Plugin> {
        self.0.get(name)?.plugin.as_ref()?.as_ref().ok().cloned()
    }

    /// Returns the names of the loaded plugins that `other` does not have with the same content.
    pub(crate) fn changed_since(&self, other: &Self) -> Vec<String> {
        let digest_in = |plugins: &Self, name: &str| plugins.get(name).map(|plugin| plugin.digest().clone());
        let changed = |name: &&String| digest_in(self, name) != digest_in(other, name);
        self.0.keys().filter(changed).cloned().collect()
    }

    /// Returns the reasons why plugins of `task` cannot be used in their roles, each with its location in the task's
    /// file.
    pub(crate) fn problems(&self, files: &PluginFiles, task: &Task) -> Vec<Diagnostic> {
        let problem = |(role, reference): (Role, &saggar_definition::Located<saggar_job::Reference>)| {
            let name = &reference.value.plugin;
            let Loaded { initial_memory, plugin } = self.0.get(name)?;
            if *initial_memory > task.sandbox.memory_bytes {
                return Some(memory_problem(task, role, name, *initial_memory));
            }
            match plugin.as_ref()? {
                Ok(plugin) => {
                    let error = plugin.check_role(role).err()?;
                    Some(task.diagnose(role, format!("{}: {error}", file(name).display()), role_help(role)))
                }
                Err(error) => Some(load_problem(files, task, role, name, error)),
            }
        };
        task.references().filter_map(problem).collect()
    }
}

fn memory_problem(task: &Task, role: Role, name: &str, initial_memory: u64) -> Diagnostic {
    const MIB: u64 = 1 << 20;
    let (file, most) = (file(name), task.sandbox.memory_bytes);
    let message = format!(
        "{}: its memories and tables need {initial_memory} bytes at the start, and `sandbox.memory` is {most} bytes",
        file.display()
    );
    let help = format!(
        "set `sandbox.memory` to at least \"{}MiB\", or build the plugin with less memory",
        initial_memory.div_ceil(MIB)
    );
    task.diagnose(role, message, help)
}

fn role_help(role: Role) -> String {
    format!(
        "`{}` needs a component that exports `saggar:task/{}` as defined in wit/{}.wit",
        role.key(),
        role.interface(),
        role.interface()
    )
}

fn load_problem(files: &PluginFiles, task: &Task, role: Role, name: &str, error: &LoadError) -> Diagnostic {
    let file = file(name);
    if let LoadError::Unreadable(source) = error {
        if source.kind() == std::io::ErrorKind::NotFound {
            let help = match files.nearest(name) {
                Some(nearest) => format!("did you mean `plugins.{nearest}`?"),
                None => {
                    format!("put the component there, or correct the name: `plugins.a.b` is {}", "plugins/a/b.wasm")
                }
            };
            return task.diagnose(role, format!("the component {} does not exist", file.display()), help);
        }
        let message = format!("cannot read the component {}: {source}", file.display());
        return task.diagnose(
            role,
            message,
            "put a regular file that this user can read there, inside the app's directory",
        );
    }
    let help = "build the plugin for wasm32-wasip2 with the wit/ of this version, then run `saggar check`";
    task.diagnose(role, format!("{}: {error}", file.display()), help)
}
