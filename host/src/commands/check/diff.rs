//! `saggar check --diff OLD NEW`: which capabilities, imports and limits a changed app or component gains and loses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use saggar::{CAPABILITIES, CodeFile, Plugin, Role, Severity};
use serde_json::{Map, Value, json};

use super::super::{CommandEnv, FAILURE, definition, output, show};
use crate::problems;

/// Memory of the sandboxes of an engine that runs nothing.
const MEMORY: u64 = 64 << 20;

/// The words of one group, such as the imports of a component.
type Words = BTreeSet<String>;

/// What one side has: for each task or code file by its name, its words by group.
type Inventory = BTreeMap<String, BTreeMap<&'static str, Words>>;

/// Compares the two paths.
pub(super) async fn run(old: &Path, new: &Path, as_json: bool, env: &CommandEnv) -> anyhow::Result<u8> {
    problems::print(&env.configuration.problems);
    let (before, after) = match (old.is_dir(), new.is_dir()) {
        (true, true) => (app(old, env).await?, app(new, env).await?),
        (false, false) => (component(old, env).await?, component(new, env).await?),
        _ => anyhow::bail!("compare two apps, or two components: one of these is a directory, the other is not"),
    };
    let changes = changes(&before.inventory, &after.inventory);
    if as_json {
        output::json(&serde_json::to_string_pretty(&changes)?)?;
    } else {
        print(&changes)?;
    }
    let is_whole = before.is_whole && after.is_whole && !env.configuration.has_errors();
    Ok(if is_whole { 0 } else { FAILURE })
}

/// One side of the comparison.
struct Side {
    inventory: Inventory,
    /// Whether all of it could be read; the problems have been printed.
    is_whole: bool,
}

async fn component(path: &Path, env: &CommandEnv) -> anyhow::Result<Side> {
    let engine = env.builder(PathBuf::new()).start_engine(1, MEMORY)?;
    let plugin = engine.load(path).await.with_context(|| path.display().to_string())?;
    // One name for both, so that they are compared.
    let inventory = Inventory::from([("component".to_owned(), words_of_code(&plugin))]);
    Ok(Side { inventory, is_whole: true })
}

async fn app(dir: &Path, env: &CommandEnv) -> anyhow::Result<Side> {
    let builder = env.builder(dir.to_owned());
    let saggar_definition::Loaded { catalog, diagnostics, .. } = builder.read_tasks();
    problems::print(&diagnostics);
    let mut is_whole = !diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    // What is granted makes no difference to what a task asks for.
    let loaded = builder.load().await?;
    let mut inventory = Inventory::new();
    let mut files = BTreeSet::<CodeFile>::new();
    for task in catalog.iter() {
        inventory.insert(format!("task {}", task.id), words_of_task(&task.effective_definition()));
        files.extend(task.references().map(|(_, reference)| reference.value.code.clone()));
    }
    for file in files {
        match loaded.plugin(&file) {
            Some(plugin) => drop(inventory.insert(file.to_string(), words_of_code(&plugin))),
            None => {
                let dir = dir.display();
                say!("saggar: {dir}: {file} cannot be used; `saggar check {dir}` says why");
                is_whole = false;
            }
        }
    }
    Ok(Side { inventory, is_whole })
}

/// Returns what a task asks for, and its limits.
fn words_of_task(task: &Value) -> BTreeMap<&'static str, Words> {
    let sandbox = &task["sandbox"];
    let capabilities = CAPABILITIES.iter().flat_map(|name| words_of_request(name, &sandbox[name]));
    let is_capability = |key: &str| {
        let rest = key.strip_prefix("sandbox.").and_then(|rest| rest.split('.').next());
        rest.is_some_and(|name| CAPABILITIES.contains(&name))
    };
    let is_limit = |key: &str| !["process", "name"].contains(&key) && !key.starts_with("event.") && !is_capability(key);
    let limits = definition::rows(task).into_iter().filter(|(key, _)| is_limit(key));
    BTreeMap::from([
        ("capabilities", capabilities.collect()),
        ("limits", limits.map(|(key, value)| format!("{key} {value}")).collect()),
    ])
}

/// Returns the words of one request. A short notation has the same words as the long one that means the same.
fn words_of_request(name: &str, request: &Value) -> Vec<String> {
    let whole = match (name, request) {
        (_, Value::Null) => return Vec::new(),
        ("tasks", Value::String(jobs)) => json!({ "jobs": jobs, "add": ["*"] }),
        ("http", Value::Array(origins)) => json!({ "origins": origins, "methods": ["*"] }),
        ("kv", Value::String(access)) => json!({ "access": access, "prefix": "*" }),
        _ => request.clone(),
    };
    let mut words = Vec::new();
    collect(name, &whole, &mut words);
    words
}

fn collect(path: &str, value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, words)),
        // A directory with its access.
        Value::Object(fields) if fields.contains_key("name") => {
            let access = if fields.get("write") == Some(&Value::Bool(true)) { "write" } else { "read" };
            words.push(format!("{path} {} {access}", fields["name"].as_str().unwrap_or_default()));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| collect(&format!("{path} {key}"), value, words));
        }
        Value::String(text) if path == "dirs" => words.push(format!("{path} {text} read")),
        Value::String(text) => words.push(format!("{path} {text}")),
        other => words.push(format!("{path} {other}")),
    }
}

/// Returns the imports and roles of a component, or the functions of a script.
fn words_of_code(plugin: &Plugin) -> BTreeMap<&'static str, Words> {
    match plugin.script() {
        Some(script) => BTreeMap::from([("functions", script.functions().iter().map(ToString::to_string).collect())]),
        None => BTreeMap::from([
            ("imports", plugin.imports().iter().cloned().collect()),
            ("roles", plugin.roles().map(|role| Role::interface(role).to_owned()).collect()),
        ]),
    }
}

/// Returns what differs: for each name whether it was added, removed or changed, and what each group gains and loses.
fn changes(before: &Inventory, after: &Inventory) -> Value {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let (nothing, mut all) = (BTreeMap::new(), Map::new());
    for name in names {
        let change = match (before.get(name), after.get(name)) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let groups = groups(before.get(name).unwrap_or(&nothing), after.get(name).unwrap_or(&nothing));
        if change != "changed" || !groups.is_empty() {
            all.insert(name.clone(), json!({ "change": change, "groups": groups }));
        }
    }
    Value::Object(all)
}

fn groups(before: &BTreeMap<&'static str, Words>, after: &BTreeMap<&'static str, Words>) -> Map<String, Value> {
    let (nothing, mut groups) = (Words::new(), Map::new());
    for group in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
        let (old, new) = (before.get(group).unwrap_or(&nothing), after.get(group).unwrap_or(&nothing));
        let (gained, lost): (Vec<_>, Vec<_>) = (new.difference(old).collect(), old.difference(new).collect());
        if !gained.is_empty() || !lost.is_empty() {
            groups.insert(group.to_owned(), json!({ "gained": gained, "lost": lost }));
        }
    }
    groups
}

fn print(changes: &Value) -> anyhow::Result<()> {
    let Some(changes) = changes.as_object().filter(|changes| !changes.is_empty()) else {
        return show::line("no difference in capabilities, imports and limits");
    };
    for (name, change) in changes {
        show::line(&format!("{name}: {}", change["change"].as_str().unwrap_or_default()))?;
        for (group, words) in change["groups"].as_object().into_iter().flatten() {
            show::line(&format!("  {group}"))?;
            for (sign, key) in [('+', "gained"), ('-', "lost")] {
                for word in words[key].as_array().into_iter().flatten() {
                    show::line(&format!("    {sign} {}", word.as_str().unwrap_or_default()))?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(sandbox: &Value) -> Inventory {
        let words = words_of_task(&json!({ "process": "plugins.x", "timeout": 5, "sandbox": sandbox }));
        Inventory::from([("task x".to_owned(), words)])
    }

    #[test]
    fn what_is_gained_and_lost_is_named() {
        let old = task(&json!({ "http": ["https://a"], "kv": "read", "dirs": ["in"], "memory": "64MiB" }));
        let new = task(&json!({
            "http": { "origins": ["https://a", "https://b"], "methods": ["GET"] },
            "dirs": [{ "name": "in", "write": true }],
            "tasks": "all",
            "memory": "1GiB",
        }));
        let changes = changes(&old, &new);
        let capabilities = &changes["task x"]["groups"]["capabilities"];
        let gained = ["dirs in write", "http methods GET", "http origins https://b", "tasks add *", "tasks jobs all"];
        assert_eq!(capabilities["gained"], json!(gained));
        assert_eq!(capabilities["lost"], json!(["dirs in read", "http methods *", "kv access read", "kv prefix *"]));
        let limits = json!({ "gained": ["sandbox.memory 1GiB"], "lost": ["sandbox.memory 64MiB"] });
        assert_eq!(changes["task x"]["groups"]["limits"], limits);
    }

    #[test]
    fn notations_that_mean_the_same_do_not_differ() {
        let short = task(&json!({ "http": ["https://a"], "kv": "read", "tasks": "all" }));
        let long = task(&json!({
            "http": { "origins": ["https://a"], "methods": ["*"] },
            "kv": { "access": "read", "prefix": "*" },
            "tasks": { "jobs": "all", "add": ["*"] },
        }));
        assert_eq!(changes(&short, &long), json!({}));
    }
}
