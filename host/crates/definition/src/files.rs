//! Finds and reads task files. Owns which files are tasks, hazards of the file system, and problems of whole files;
//! `syntax` and later modules own the content.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::confined::{open_resolved, read_opened, resolve_inside};
use crate::diagnostic::{Diagnostic, Location};
use crate::id::TaskId;
use crate::source::{Source, Span};

/// The directory of task files in an app.
const TASKS_DIR: &str = "tasks";

/// Extensions of task files, in any case.
const EXTENSIONS: [&str; 3] = ["yao", "json", "jsonc"];

/// Extensions of files that people may mistake for task files.
const LOOKALIKES: [&str; 4] = ["yaml", "yml", "json5", "toml"];

/// Maximum size of a task file. A long task file has two thousand bytes; one of a megabyte is there by mistake.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum number of task files of an app. Each task needs slots, and no host has that many.
const MAX_FILES: usize = 10_000;

/// The mark that some editors write before the text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A task file.
pub(crate) struct FoundFile {
    /// The path relative to the app's directory, with `/` on every system.
    pub(crate) file: String,
    /// The path on this system, without links.
    path: PathBuf,
    /// The app's directory, without links.
    root: Arc<Path>,
}

/// Returns all task files of an app sorted by name, and the problems of the others. Follows links to files inside the
/// app. Does not follow links to directories or out of the app, so the search cannot loop and messages cannot show
/// files of another user.
pub(crate) fn find(app_dir: &Path) -> (Vec<FoundFile>, Vec<Diagnostic>) {
    match roots(app_dir) {
        Ok((app_dir, tasks_dir)) => Search::new(app_dir).run(tasks_dir),
        Err(problem) => (Vec::new(), vec![problem]),
    }
}

/// Resolves the directories of the app and of its tasks.
fn roots(app_dir: &Path) -> Result<(PathBuf, PathBuf), Diagnostic> {
    let shown = app_dir.to_string_lossy().into_owned();
    let reject =
        |message: &str, help: &str| Err(Diagnostic::error(Location::file(shown.as_str()), message).with_help(help));
    let root = match app_dir.canonicalize() {
        Ok(root) if root.is_dir() => root,
        Ok(_) => return reject("the app is not a directory", "give the directory that has `tasks/` in it"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return reject("no such directory", "give the directory of an app: one that contains `tasks/`");
        }
        Err(error) => return reject(&unreadable(&error), "let this user read the directory"),
    };
    match root.join(TASKS_DIR).canonicalize() {
        Ok(tasks) if !tasks.starts_with(&root) => reject(
            "the directory `tasks` of this app is a link that leads out of it",
            "replace the link by a directory",
        ),
        Ok(tasks) if tasks.is_dir() => Ok((root, tasks)),
        Ok(_) => reject("`tasks` in this app is not a directory", "create a directory and put the task files in it"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => reject(
            "this app has no directory `tasks`",
            "create it and put a task file in it, such as `tasks/hello.yao` with `{\"process\": \"plugins.hello\"}`",
        ),
        Err(error) => reject(&unreadable(&error), "let this user read the directory `tasks`"),
    }
}

/// A walk through the directories of an app.
struct Search {
    root: Arc<Path>,
    found: Vec<FoundFile>,
    problems: Vec<Diagnostic>,
}

impl Search {
    fn new(root: PathBuf) -> Self {
        Self { root: root.into(), found: Vec::new(), problems: Vec::new() }
    }

    fn run(mut self, tasks_dir: PathBuf) -> (Vec<FoundFile>, Vec<Diagnostic>) {
        let mut directories = vec![(tasks_dir, TASKS_DIR.to_owned())];
        while let Some((directory, shown)) = directories.pop() {
            if let Err(error) = self.list(&directory, &shown, &mut directories) {
                self.reject(&shown, unreadable(&error), "let this user read the directory");
            }
        }
        self.found.sort_by(|a, b| a.file.cmp(&b.file));
        if self.found.len() > MAX_FILES {
            self.found.truncate(MAX_FILES);
            let message = format!("more than {MAX_FILES} task files; only the first {MAX_FILES} are used");
            self.reject(TASKS_DIR, message, "split the tasks into several apps");
        }
        if self.found.is_empty() && self.problems.is_empty() {
            let help = "add one, such as `tasks/hello.yao` with `{\"process\": \"plugins.hello\"}`";
            self.reject(TASKS_DIR, "no task file (`.yao`, `.json` or `.jsonc`) in this directory", help);
        }
        (self.found, self.problems)
    }

    fn list(&mut self, directory: &Path, shown: &str, directories: &mut Vec<(PathBuf, String)>) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Editors and version control systems use such names for their own files.
            if name.starts_with('.') {
                continue;
            }
            let file = format!("{shown}/{name}");
            if entry.file_type()?.is_dir() {
                directories.push((entry.path(), file));
            } else {
                self.visit(entry.path(), file);
            }
        }
        Ok(())
    }

    fn visit(&mut self, path: PathBuf, file: String) {
        if path.is_symlink() && path.is_dir() {
            let help = "replace the link by the directory, or link the files one by one";
            return self.reject(&file, "links to directories are not followed", help);
        }
        let extension = extension(&file);
        if EXTENSIONS.contains(&extension.as_str()) {
            match resolve_inside(&self.root, Path::new(&file)) {
                // Opening a pipe would block until another process writes to it.
                Ok(path) if path.is_file() => {
                    let root = Arc::clone(&self.root);
                    self.found.push(FoundFile { file, path, root });
                }
                Ok(_) => self.reject(&file, "not a regular file", "replace it by a regular file"),
                Err(error) => self.reject(&file, unreadable(&error), "replace the link by the file, or remove it"),
            }
        } else if LOOKALIKES.contains(&extension.as_str()) {
            let help = "task files are JSON with the extension `.yao`, `.json` or `.jsonc`";
            self.problems.push(Diagnostic::warning(Location::file(file), "not a task file").with_help(help));
        }
    }

    fn reject(&mut self, file: &str, message: impl Into<String>, help: &str) {
        self.problems.push(Diagnostic::error(Location::file(file), message).with_help(help));
    }
}

impl FoundFile {
    /// Reads the content of the file.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Vec<Diagnostic>> {
        let reject =
            |message, help| vec![Diagnostic::error(Location::file(self.file.as_str()), message).with_help(help)];
        open_resolved(&self.root, &self.path)
            .and_then(|file| read_opened(&file, MAX_FILE_BYTES))
            .map_err(|error| reject(unreadable(&error), "let this user read the file"))
    }
}

/// Returns whether a file of this path below `tasks/` is a task file.
pub fn is_task_file(file: &str) -> bool {
    EXTENSIONS.contains(&extension(file).as_str())
}

fn extension(file: &str) -> String {
    file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// Returns the id of the task in `file`, a path relative to the app's directory.
pub(crate) fn task_id(file: &str) -> Result<TaskId, Diagnostic> {
    let below_tasks = file.strip_prefix(TASKS_DIR).and_then(|rest| rest.strip_prefix('/')).unwrap_or(file);
    TaskId::of_file(below_tasks).map_err(|error| {
        let message = format!("the path of this file is not a valid task id: {error}");
        let help = "name files and folders with the letters a to z, digits, `_` and `-`; dots separate such parts";
        Diagnostic::error(Location::file(file), message).with_help(help)
    })
}

/// Decodes the text of a task file.
pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<String, Diagnostic> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let problem = Diagnostic::error(Location::file(file), "this file is larger than 1 MiB");
        return Err(problem.with_help("is it a task file? If not, move it out of `tasks/`"));
    }
    utf8_text(file, bytes)
}

/// Decodes `bytes`, the content of `file`, as UTF-8. Skips a byte order mark at the start.
pub fn utf8_text(file: &str, bytes: &[u8]) -> Result<String, Diagnostic> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Diagnostic::error(Location::file(file), "this file is UTF-16").with_help("save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(undecodable(file, bytes, error.valid_up_to(), "invalid UTF-8", "save the file as UTF-8")),
    }
}

/// Returns a problem at byte `start`; the text before it must be valid UTF-8.
fn undecodable(file: &str, bytes: &[u8], start: usize, message: &str, help: &str) -> Diagnostic {
    // Invalid bytes are shown as U+FFFD, which has as many bytes as the byte order mark.
    let source = Source { file: file.to_owned(), text: String::from_utf8_lossy(bytes).into_owned() };
    let span = Span { start, end: start + BYTE_ORDER_MARK.len() };
    Diagnostic::error(Location::of(&Arc::new(source), span), message).with_help(help)
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot read this: {error}")
}
