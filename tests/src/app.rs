//! Temporary apps: a directory with task files and plugins that is removed at the end of the test.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::guests;

/// An app's directory.
#[derive(Debug)]
pub struct App(TempDir);

impl App {
    /// Creates an app without tasks and plugins.
    #[expect(clippy::new_without_default, reason = "it creates a directory, which is unexpected of a default")]
    pub fn new() -> Self {
        let app = Self(tempfile::tempdir().expect("a directory for a test"));
        app.file("tasks/.keep", "").file("plugins/.keep", "")
    }

    /// Returns the app's directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds or replaces a file.
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    /// Like [`file`](Self::file), for an app that is already in use.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("a directory for a file");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Adds or replaces a task. Its id is also the name of its file.
    #[must_use]
    pub fn task(self, id: &str, definition: &Value) -> Self {
        self.file(format!("tasks/{}.json", id.replace('.', "/")), definition.to_string())
    }

    /// Adds a task with only a processor, and the plugin with the component of `guest`, one of the constants in
    /// [`guests`]. Both are called `id`. The task of a [gate](guests::GATED) has access to all jobs.
    #[must_use]
    pub fn simple_task(self, id: &str, guest: &str) -> Self {
        let mut definition = json!({ "process": format!("plugins.{id}") });
        if guest == guests::GATED {
            definition["sandbox"] = json!({ "tasks": "all" });
        }
        self.plugin(id, guest).task(id, &definition)
    }

    /// Adds a script: `mail.send` is `scripts/mail/send.js`.
    #[must_use]
    pub fn script(self, name: &str, text: &str) -> Self {
        self.file(format!("scripts/{}.js", name.replace('.', "/")), text)
    }

    /// Adds a plugin with the component of `guest`, one of the constants in [`guests`].
    #[must_use]
    pub fn plugin(self, name: &str, guest: &str) -> Self {
        let bytes = fs::read(guest).unwrap_or_else(|error| panic!("{guest}: {error}"));
        self.file(plugin_file(name), bytes)
    }

    /// Adds a plugin that consists of these bytes.
    #[must_use]
    pub fn plugin_bytes(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.file(plugin_file(name), bytes)
    }
}

/// Returns the path of the plugin `name` in an app.
pub fn plugin_file(name: &str) -> PathBuf {
    format!("plugins/{}.wasm", name.replace('.', "/")).into()
}
