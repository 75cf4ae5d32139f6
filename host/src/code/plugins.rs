//! Plugins: resolves references to component files, and loads them.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create};
use saggar_definition::Diagnostic;
use saggar_job::{CodeFile, Role};
use saggar_sandbox::{Engine, LoadError, Plugin};

use super::ReferencePlace;
use crate::versions::sha256;

/// Maximum number of directory entries that the search for a similar name reads.
const MAX_SEARCHED_FILES: usize = 10_000;

/// Maximum size of an inspected file in bytes; the engine refuses larger ones.
const MAX_BYTES: u64 = 64 << 20;

/// The result of loading a plugin.
pub(crate) struct LoadedPlugin {
    name: String,
    /// Initial memory of each instance in bytes; 0 if unknown.
    initial_memory: u64,
    /// `None` if it was not loaded, because its initial memory exceeds the memory of every sandbox of this engine.
    plugin: Option<Result<Plugin, LoadError>>,
}

/// The file of a plugin. All that is read of the plugin is read from it, because the path may lead to another file later.
struct OpenedPlugin {
    path: PathBuf,
    file: File,
    /// 0 if the file cannot be read or parsed; the engine reports that.
    initial_memory: u64,
}

/// The files of an app's plugins.
pub(crate) struct PluginFiles {
    /// The app's directory, with symbolic links resolved.
    root: PathBuf,
}

/// Returns the file of a plugin: `mail.send` is `plugins/mail/send.wasm`.
fn file(name: &str) -> String {
    CodeFile::Plugin(name.to_owned()).file()
}

impl PluginFiles {
    pub(super) fn of(app_dir: &Path) -> Self {
        Self { root: app_dir.canonicalize().unwrap_or_else(|_| app_dir.to_owned()) }
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

/// Opens the file of a plugin; fails if it is outside of the app's directory. Blocks.
fn open(root: &Path, name: &str) -> Result<OpenedPlugin, LoadError> {
    let opened = saggar_definition::open_inside(root, Path::new(&file(name)));
    let (path, file) = opened.map_err(LoadError::Unreadable)?;
    let bytes = saggar_definition::read_opened(&file, MAX_BYTES).unwrap_or_default();
    let initial_memory = saggar_sandbox::initial_memory(&bytes).unwrap_or(0);
    Ok(OpenedPlugin { path, file, initial_memory })
}

/// Loads a plugin, unless its file has the same content as the `known` plugin of this name.
pub(super) async fn load(engine: &Engine, files: &PluginFiles, name: &str, known: Option<Plugin>) -> LoadedPlugin {
    let loaded = |initial_memory, plugin| LoadedPlugin { name: name.to_owned(), initial_memory, plugin };
    let (root, plugin) = (files.root.clone(), name.to_owned());
    let opened = engine.read_blocking(move || open(&root, &plugin)).await;
    let opened = opened.unwrap_or_else(|panicked| Err(LoadError::Compile(panicked.to_string())));
    let OpenedPlugin { path, file, initial_memory } = match opened {
        Ok(opened) => opened,
        Err(error) => return loaded(0, Some(Err(error))),
    };
    // The pool's memories are as large as the engine's limit. A pooling engine refuses a component that needs more, an
    // on-demand engine accepts it.
    let fits = initial_memory <= engine.max_memory();
    let plugin = match known {
        _ if !fits => None,
        // A link in the place of a file may lead to another one.
        Some(known) if known.path() == path => Some(engine.reload_file(path, file, &known).await),
        _ => Some(engine.load_file(path, file).await),
    };
    loaded(initial_memory, plugin)
}

/// Loads the bytes of a kept version as the plugin of this name, unless the `known` plugin is this version.
pub(super) async fn load_version(
    engine: &Engine,
    files: &PluginFiles,
    name: &str,
    bytes: Arc<[u8]>,
    known: Option<Plugin>,
) -> LoadedPlugin {
    let initial_memory = saggar_sandbox::initial_memory(&bytes).unwrap_or(0);
    let fits = initial_memory <= engine.max_memory();
    let path = files.root.join(file(name));
    let opened = engine.read_blocking(move || in_memory(&bytes)).await;
    let plugin = match opened.unwrap_or_else(|panicked| Err(io::Error::other(panicked))) {
        _ if !fits => None,
        Ok(opened) => Some(match known {
            Some(known) if known.path() == path => engine.reload_file(path, opened, &known).await,
            _ => engine.load_file(path, opened).await,
        }),
        Err(error) => Some(Err(LoadError::Unreadable(error))),
    };
    LoadedPlugin { name: name.to_owned(), initial_memory, plugin }
}

/// Returns an open file with these bytes, which has no name.
pub(super) fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file: File = memfd_create("saggar-version", MemfdFlags::CLOEXEC)?.into();
    file.write_all(bytes)?;
    Ok(file)
}

/// Reads the file of a plugin as it is now, without loading it. Blocks.
fn read_now(root: &Path, name: &str) -> io::Result<Vec<u8>> {
    let (_, file) = saggar_definition::open_inside(root, Path::new(&file(name)))?;
    saggar_definition::read_opened(&file, MAX_BYTES)
}

/// Returns the SHA-256 of the file of a plugin; `None` if it cannot be read.
pub(super) async fn content(engine: &Engine, files: &PluginFiles, name: &str) -> Option<String> {
    let (root, name) = (files.root.clone(), name.to_owned());
    engine.read_blocking(move || read_now(&root, &name).ok().map(|bytes| sha256(&bytes))).await.ok().flatten()
}

/// Returns the bytes of a plugin that was loaded from a file; `None` if the file has other ones by now.
pub(super) async fn bytes(engine: &Engine, files: &PluginFiles, name: &str, digest: &str) -> Option<Vec<u8>> {
    let (root, name, digest) = (files.root.clone(), name.to_owned(), digest.to_owned());
    let read = move || read_now(&root, &name).ok().filter(|bytes| sha256(bytes) == digest);
    engine.read_blocking(read).await.ok().flatten()
}

impl LoadedPlugin {
    pub(super) fn usable(&self) -> Option<Plugin> {
        self.plugin.as_ref()?.as_ref().ok().cloned()
    }

    /// Returns the reason why it cannot be used for a reference.
    pub(super) fn problem(&self, files: &PluginFiles, place: ReferencePlace<'_>) -> Option<Diagnostic> {
        if let Some(problem) = place.too_little_memory(self.initial_memory) {
            return Some(problem);
        }
        match self.plugin.as_ref()? {
            Ok(plugin) => {
                let error = plugin.check_role(place.role).err()?;
                Some(place.diagnose(format!("{}: {error}", file(&self.name)), role_help(place.role)))
            }
            Err(error) => Some(load_problem(files, place, &self.name, error)),
        }
    }
}

fn role_help(role: Role) -> String {
    format!(
        "`{}` needs a component that exports `saggar:task/{}` as defined in wit/{}.wit",
        role.key(),
        role.interface(),
        role.interface()
    )
}

fn load_problem(files: &PluginFiles, place: ReferencePlace<'_>, name: &str, error: &LoadError) -> Diagnostic {
    let file = file(name);
    if let LoadError::Unreadable(source) = error {
        if source.kind() == std::io::ErrorKind::NotFound {
            let help = match files.nearest(name) {
                Some(nearest) => format!("did you mean `plugins.{nearest}`?"),
                None => {
                    format!("put the component there, or correct the name: `plugins.a.b` is {}", "plugins/a/b.wasm")
                }
            };
            return place.diagnose(format!("the component {file} does not exist"), help);
        }
        let message = format!("cannot read the component {file}: {source}");
        return place.diagnose(message, "put a regular file that this user can read there, inside the app's directory");
    }
    let help = match error {
        LoadError::Quota(_) => "let the operator raise the quota, or put a component there that was compiled before",
        _ => "build the plugin for wasm32-wasip2 with the wit/ of this version, then run `saggar check`",
    };
    place.diagnose(format!("{file}: {error}"), help)
}
