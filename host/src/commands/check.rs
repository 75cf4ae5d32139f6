//! `saggar check`: shows the tasks of an app, or of all tenants of a configuration, and everything that is wrong with them.
//! With `--diff` it compares two apps or components.

mod capabilities;
mod diff;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use saggar::{App, CodeFile, Plugin, Role, Task};
use serde_json::{Value, json};

use super::{CommandEnv, FAILURE, definition, output, show};
use crate::cli::Check;
use crate::problems;

pub(crate) async fn run(args: Check, env: &CommandEnv) -> anyhow::Result<u8> {
    if let Some([old, new]) = args.diff.as_deref() {
        return diff::run(old, new, args.json, env).await;
    }
    match args.app {
        Some(app) => check_app(app, args.json, env).await,
        None => check_tenants(args.json, args.settings.file.as_deref(), env).await,
    }
}

async fn check_app(app: PathBuf, as_json: bool, env: &CommandEnv) -> anyhow::Result<u8> {
    let mut app = env.builder(app).load().await?;
    // A problem that prevents a host from starting counts as a problem of the app, whichever file it is in.
    app.problems.splice(..0, env.configuration.problems.iter().cloned());
    if as_json {
        output::json(&serde_json::to_string_pretty(&document(&app))?)?;
    } else {
        print(&app)?;
    }
    Ok(if app.has_errors() { FAILURE } else { 0 })
}

/// Checks the apps of all tenants of the configuration.
async fn check_tenants(as_json: bool, file: Option<&Path>, env: &CommandEnv) -> anyhow::Result<u8> {
    let (tenants, problems) = (env.configuration.tenant_settings(), &env.configuration.problems);
    let dir = file.and_then(Path::parent).unwrap_or(Path::new("."));
    let apps = env.builder(dir.to_owned()).load_tenants(&tenants).await?;
    let has_errors = env.configuration.has_errors() || apps.iter().any(App::has_errors);
    let apps = tenants.iter().map(|tenant| &*tenant.name).zip(&apps);
    if as_json {
        let apps: serde_json::Map<String, Value> = apps.map(|(name, app)| (name.to_owned(), document(app))).collect();
        output::json(&serde_json::to_string_pretty(&json!({ "tenants": apps, "problems": problems }))?)?;
    } else {
        problems::print(problems);
        for (name, app) in apps {
            show::line(&format!("tenant {name}"))?;
            show::line("")?;
            print(app)?;
            show::line("")?;
        }
    }
    Ok(if has_errors { FAILURE } else { 0 })
}

fn print(app: &App) -> anyhow::Result<()> {
    for task in &app.tasks {
        print_task(app, task)?;
    }
    print_code(app)?;
    problems::print(&app.problems);
    summary(app)
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

/// Returns the code of the valid tasks, by file.
fn code(app: &App) -> BTreeMap<CodeFile, Plugin> {
    let files = app.tasks.iter().flat_map(|task| task.references().map(|(_, at)| at.value.code.clone()));
    files.filter_map(|file| Some((file.clone(), app.plugin(&file)?))).collect()
}

fn print_task(app: &App, task: &Task) -> anyhow::Result<()> {
    show::line(&format!("task {}", task.id))?;
    row("file", task.file())?;
    for (key, value) in definition::rows(&task.effective_definition()) {
        row(&key, &value)?;
    }
    for (key, value) in capabilities::rows(&capabilities::document(app, task)) {
        row(&key, &value)?;
    }
    show::line("")
}

fn row(key: &str, value: &str) -> anyhow::Result<()> {
    show::line(&format!("  {key:<21}  {value}"))
}

fn print_code(app: &App) -> anyhow::Result<()> {
    const NEXT_LINE: &str = "\n                         ";
    for (file, plugin) in code(app) {
        let kind = if plugin.script().is_some() { "script" } else { "component" };
        show::line(&format!("{kind} {file}"))?;
        row("sha256", plugin.digest())?;
        row("size", &kibibytes(plugin.size()))?;
        match plugin.script() {
            Some(script) => {
                let files: Vec<&str> = script.texts().keys().map(String::as_str).collect();
                row("files", &files.join(NEXT_LINE))?;
                row("functions", &script.functions().join(", "))?;
            }
            None => {
                row("plays", &roles(&plugin).join(", "))?;
                row("imports", &plugin.imports().join(NEXT_LINE))?;
            }
        }
        show::line("")?;
    }
    Ok(())
}

fn roles(plugin: &Plugin) -> Vec<&'static str> {
    plugin.roles().map(Role::interface).collect()
}

fn kibibytes(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

fn document(app: &App) -> Value {
    let (mut components, mut scripts) = (BTreeMap::new(), BTreeMap::new());
    for (file, plugin) in code(app) {
        let (sha256, bytes) = (plugin.digest().as_ref(), plugin.size());
        match plugin.script() {
            Some(script) => {
                let (files, functions): (Vec<_>, _) = (script.texts().keys().collect(), script.functions());
                let about = json!({ "sha256": sha256, "bytes": bytes, "files": files, "functions": functions });
                scripts.insert(file.to_string(), about);
            }
            None => {
                let (roles, imports) = (roles(&plugin), plugin.imports());
                let about = json!({ "sha256": sha256, "bytes": bytes, "roles": roles, "imports": imports });
                components.insert(file.to_string(), about);
            }
        }
    }
    json!({
        "tasks": app.tasks.iter().map(|task| describe(app, task)).collect::<Vec<_>>(),
        "components": components,
        "scripts": scripts,
        "problems": app.problems,
    })
}

/// Returns a task as JSON, with the same member names as the HTTP API, and its capabilities.
fn describe(app: &App, task: &Task) -> Value {
    json!({
        "id": task.id.as_str(),
        "name": task.name,
        "file": task.file(),
        "definition": task.effective_definition(),
        "capabilities": capabilities::document(app, task),
    })
}
