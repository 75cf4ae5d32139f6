//! The plugins and scripts of an app as the HTTP service shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use saggar_definition::Task;
use saggar_job::Role;
use saggar_sandbox::Plugin;
use saggar_wire as wire;

use crate::app::App;
use crate::capability_view::granted_document;
use crate::code::CodeKey;

/// Lists the plugins and scripts that can be used.
pub(crate) fn list(app: &App) -> Vec<wire::PluginSummary> {
    let mut tasks = tasks_by_code(app);
    let summary = |(key, plugin): (&CodeKey, Plugin)| wire::PluginSummary {
        name: key.file.to_string(),
        digest: plugin.digest().to_string(),
        bytes: plugin.size(),
        pinned: key.pin.is_some(),
        roles: names(plugin.roles()),
        tasks: tasks.remove(key).unwrap_or_default(),
    };
    app.usable_code().into_iter().map(summary).collect()
}

/// Returns the plugin or script with this name; `None` if there is none that can be used. The caller knows its versions.
pub(crate) fn find(app: &App, name: &str) -> Option<wire::Plugin> {
    let code = app.usable_code().into_iter().filter(|(key, _)| key.file.to_string() == name);
    let in_use: Vec<wire::UsedPlugin> = code.map(|(key, plugin)| used(app, key, &plugin)).collect();
    (!in_use.is_empty()).then(|| wire::Plugin { name: name.to_owned(), in_use, versions: Vec::new() })
}

fn used(app: &App, key: &CodeKey, plugin: &Plugin) -> wire::UsedPlugin {
    let used_by = |task: &Arc<Task>| {
        let of_plugin = task.references().filter(|(_, at)| CodeKey::of(task, &at.value.code) == *key);
        let roles = names(of_plugin.map(|(role, _)| role));
        let granted = || granted_document(&app.granted(task));
        (!roles.is_empty()).then(|| wire::PluginUse { task: task.id.to_string(), roles, granted: granted() })
    };
    wire::UsedPlugin {
        digest: plugin.digest().to_string(),
        bytes: plugin.size(),
        pinned: key.pin.is_some(),
        roles: names(plugin.roles()),
        imports: plugin.imports().to_vec(),
        tasks: app.tasks.iter().filter_map(used_by).collect(),
    }
}

/// Returns the tasks that can run, by the code that they use.
fn tasks_by_code(app: &App) -> BTreeMap<CodeKey, Vec<String>> {
    let mut tasks = BTreeMap::<CodeKey, Vec<String>>::new();
    for task in &app.tasks {
        let keys: BTreeSet<CodeKey> = task.references().map(|(_, at)| CodeKey::of(task, &at.value.code)).collect();
        keys.into_iter().for_each(|key| tasks.entry(key).or_default().push(task.id.to_string()));
    }
    tasks
}

fn names(roles: impl Iterator<Item = Role>) -> Vec<String> {
    roles.map(|role| role.interface().to_owned()).collect()
}
