//! The plugins of an app: which files the tasks' references mean, loaded once each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use saggar_definition::{Catalog, Diagnostic, Task};
use saggar_job::Role;
use saggar_sandbox::{Engine, LoadError, Plugin};

/// The loaded plugins of an app, by name, and why the others are not.
pub(crate) struct Plugins(BTreeMap<String, Result<Plugin, LoadError>>);

/// The file of a plugin's name: `mail.send` is `plugins/mail/send.wasm`.
fn file(name: &str) -> PathBuf {
    Path::new("plugins").join(name.replace('.', "/")).with_extension("wasm")
}

impl Plugins {
    /// Loads every plugin that a task of `catalog` names.
    pub(crate) async fn load(engine: &Engine, app_dir: &Path, catalog: &Catalog) -> Self {
        let mut plugins = BTreeMap::new();
        for task in catalog.iter() {
            for (_, reference) in task.references() {
                let name = &reference.value.plugin;
                if !plugins.contains_key(name) {
                    let loaded = engine.load(app_dir.join(file(name))).await;
                    plugins.insert(name.clone(), loaded);
                }
            }
        }
        Self(plugins)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Plugin> {
        self.0.get(name)?.as_ref().ok().cloned()
    }

    /// What keeps the references of `task` from being played, each at its place in the task's file.
    pub(crate) fn problems(&self, app_dir: &Path, task: &Task) -> Vec<Diagnostic> {
        let problem = |(role, reference): (Role, &saggar_definition::Located<saggar_job::Reference>)| {
            let name = &reference.value.plugin;
            match self.0.get(name)? {
                Ok(plugin) => {
                    let error = plugin.check_role(role).err()?;
                    Some(task.diagnose(role, format!("{}: {error}", file(name).display()), role_help(role)))
                }
                Err(error) => Some(load_problem(app_dir, task, role, name, error)),
            }
        };
        task.references().filter_map(problem).collect()
    }
}

fn role_help(role: Role) -> String {
    format!(
        "`{}` needs a component that exports `saggar:task/{}` as wit/{}.wit has it",
        role.key(),
        role.interface(),
        role.interface()
    )
}

fn load_problem(app_dir: &Path, task: &Task, role: Role, name: &str, error: &LoadError) -> Diagnostic {
    let file = file(name);
    if let LoadError::Unreadable(source) = error {
        if source.kind() == std::io::ErrorKind::NotFound {
            let help = match nearest_file(app_dir, name) {
                Some(nearest) => format!("there is `plugins.{nearest}`; is that meant?"),
                None => {
                    format!("put the component there, or correct the name: `plugins.a.b` is {}", "plugins/a/b.wasm")
                }
            };
            return task.diagnose(role, format!("the component {} does not exist", file.display()), help);
        }
        let message = format!("the component {} cannot be read: {source}", file.display());
        return task.diagnose(role, message, "make it a regular file that this user may read");
    }
    let help = "build the plugin for wasm32-wasip2 against wit/ of this version, and see `saggar check`";
    task.diagnose(role, format!("{}: {error}", file.display()), help)
}

/// The name of the component that is most like `name`, among those that are there.
fn nearest_file(app_dir: &Path, name: &str) -> Option<String> {
    let mut names = Vec::new();
    collect(&app_dir.join("plugins"), "", 0, &mut names);
    saggar_definition::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

fn collect(dir: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let name = format!("{prefix}{stem}");
        // Deep enough for any layout, and an end for links that lead back.
        if path.is_dir() && depth < 8 {
            collect(&path, &format!("{name}."), depth + 1, names);
        } else if path.extension().is_some_and(|extension| extension == "wasm") {
            names.push(name);
        }
    }
}
