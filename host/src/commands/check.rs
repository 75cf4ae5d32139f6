//! `saggar check`: shows an app's tasks, and everything that is wrong with them.

use std::collections::BTreeMap;

use saggar::{App, Plugin, Role, Task};
use serde_json::{Value, json};

use super::{CommandEnv, FAILURE, definition, output, show};
use crate::cli::Check;
use crate::problems;

pub(crate) async fn run(args: Check, env: &CommandEnv) -> anyhow::Result<u8> {
    let mut app = env.builder(args.app).load().await?;
    // A problem that prevents a host from starting counts as a problem of the app, whichever file it is in.
    app.problems.splice(..0, env.configuration.problems.iter().cloned());
    if args.json {
        output::json(&serde_json::to_string_pretty(&document(&app))?)?;
    } else {
        for task in &app.tasks {
            print_task(task)?;
        }
        print_components(&app)?;
        problems::print(&app.problems);
        summary(&app)?;
    }
    Ok(if app.has_errors() { FAILURE } else { 0 })
}

fn summary(app: &App) -> anyhow::Result<()> {
    let (tasks, problems) = (app.tasks.len(), app.problems.len());
    match problems {
        0 => return show::line(&format!("{tasks} tasks, no problems")),
        1 => say!("{tasks} tasks can run; 1 problem"),
        _ => say!("{tasks} tasks can run; {problems} problems"),
    }
    Ok(())
}

/// Returns the plugins of the valid tasks, by name.
fn components(app: &App) -> BTreeMap<String, Plugin> {
    let names = app.tasks.iter().flat_map(|task| task.references().map(|(_, at)| at.value.plugin.clone()));
    names.filter_map(|name| Some((name.clone(), app.plugin(&name)?))).collect()
}

fn print_task(task: &Task) -> anyhow::Result<()> {
    show::line(&format!("task {}", task.id))?;
    row("file", task.file())?;
    for (key, value) in definition::rows(&task.effective_definition()) {
        row(&key, &value)?;
    }
    show::line("")
}

fn row(key: &str, value: &str) -> anyhow::Result<()> {
    show::line(&format!("  {key:<21}  {value}"))
}

fn print_components(app: &App) -> anyhow::Result<()> {
    for (name, plugin) in components(app) {
        let roles: Vec<&str> = plugin.roles().map(Role::interface).collect();
        show::line(&format!("component plugins.{name}"))?;
        row("sha256", plugin.digest())?;
        row("size", &kibibytes(plugin.size()))?;
        row("plays", &roles.join(", "))?;
        row("imports", &plugin.imports().join("\n                         "))?;
        show::line("")?;
    }
    Ok(())
}

fn kibibytes(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

fn document(app: &App) -> Value {
    let components: BTreeMap<String, Value> = components(app)
        .into_iter()
        .map(|(name, plugin)| {
            let roles: Vec<&str> = plugin.roles().map(Role::interface).collect();
            let (sha256, bytes, imports) = (plugin.digest().as_ref(), plugin.size(), plugin.imports());
            let about = json!({ "sha256": sha256, "bytes": bytes, "roles": roles, "imports": imports });
            (format!("plugins.{name}"), about)
        })
        .collect();
    json!({
        "tasks": app.tasks.iter().map(|task| describe(task)).collect::<Vec<_>>(),
        "components": components,
        "problems": app.problems,
    })
}

/// Returns a task as JSON, with the same member names as the HTTP API.
fn describe(task: &Task) -> Value {
    json!({ "id": task.id.as_str(), "name": task.name, "file": task.file(), "definition": task.effective_definition() })
}
