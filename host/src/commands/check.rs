//! `saggar check`: what an app's tasks will be, or everything that is wrong with them.

use std::collections::BTreeMap;

use saggar::{App, Plugin, Role, Task};
use serde_json::{Value, json};

use super::{FAILURE, Surroundings, output, show};
use crate::cli::Check;

pub(crate) async fn run(args: Check, surroundings: &Surroundings) -> anyhow::Result<u8> {
    let mut app = surroundings.builder(args.app).load().await?;
    // What stops a host from starting is a problem of the app, whichever file it is in.
    app.problems.splice(..0, surroundings.configuration.problems.iter().cloned());
    if args.json {
        output::json(&serde_json::to_string_pretty(&document(&app))?)?;
    } else {
        for task in &app.tasks {
            print_task(task)?;
        }
        print_components(&app)?;
        show::problems(&app.problems);
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

/// The plugins that the good tasks name, by name.
fn components(app: &App) -> BTreeMap<String, Plugin> {
    let names = app.tasks.iter().flat_map(|task| task.references().map(|(_, at)| at.value.plugin.clone()));
    names.filter_map(|name| Some((name.clone(), app.plugin(&name)?))).collect()
}

fn print_task(task: &Task) -> anyhow::Result<()> {
    show::line(&format!("task {}  ({})", task.id, task.file()))?;
    let row = |key: &str, value: String| show::line(&format!("  {key:<15} {value}"));
    if task.name != task.id.as_str() {
        row("name", task.name.clone())?;
    }
    row("slots", task.worker_nums.to_string())?;
    row("size", format!("{} jobs ready or on hold", task.size))?;
    row("delayed_size", format!("{} delayed jobs and retries", task.delayed_size))?;
    row("timeout", format!("{} s", task.timeout.as_secs_f64()))?;
    row("attempts", attempts(task))?;
    row("memory", mebibytes(task.sandbox.memory_bytes))?;
    row("reuse", format!("{} calls per instance", task.sandbox.reuse))?;
    row("event_timeout", format!("{} s", task.sandbox.event_timeout.as_secs_f64()))?;
    let (success, failure) = (task.retention.success, task.retention.failure);
    row(
        "retention",
        format!("success {}, failure {}", humantime::format_duration(success), humantime::format_duration(failure)),
    )?;
    for (role, reference) in task.references() {
        row(role.key(), reference.value.to_string())?;
    }
    show::line("")
}

fn attempts(task: &Task) -> String {
    let retry = &task.retry;
    match retry.retries {
        0 => "1 (no retries)".into(),
        retries => {
            let backoff = match retry.backoff {
                saggar::Backoff::Fixed => "fixed",
                saggar::Backoff::Linear => "linear",
                saggar::Backoff::Exponential => "exponential",
            };
            let jitter = retry.jitter * 100.0;
            format!("{} ({retries} retries after {} ms, {backoff}, jitter {jitter} %)", retries + 1, retry.delay_ms)
        }
    }
}

fn print_components(app: &App) -> anyhow::Result<()> {
    for (name, plugin) in components(app) {
        let roles: Vec<&str> = plugin.roles().map(Role::interface).collect();
        show::line(&format!("component plugins.{name}"))?;
        show::line(&format!("  {:<15} {}", "sha256", plugin.digest()))?;
        show::line(&format!("  {:<15} {}", "size", kibibytes(plugin.size())))?;
        show::line(&format!("  {:<15} {}", "plays", roles.join(", ")))?;
        show::line(&format!("  {:<15} {}", "imports", plugin.imports().join("\n                  ")))?;
        show::line("")?;
    }
    Ok(())
}

fn kibibytes(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes as f64 / f64::from(1 << 20))
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

fn describe(task: &Task) -> Value {
    let references: BTreeMap<&str, String> =
        task.references().map(|(role, reference)| (role.key(), reference.value.to_string())).collect();
    let (success, failure) = (task.retention.success, task.retention.failure);
    json!({
        "id": task.id.as_str(),
        "file": task.file(),
        "name": task.name,
        "worker_nums": task.worker_nums,
        "size": task.size,
        "delayed_size": task.delayed_size,
        "timeout_s": task.timeout.as_secs_f64(),
        "attempts_max": task.retry.max_attempts(),
        "attempt_after_ms": task.retry.delay_ms,
        "sandbox": {
            "memory_bytes": task.sandbox.memory_bytes,
            "reuse": task.sandbox.reuse,
            "event_timeout_s": task.sandbox.event_timeout.as_secs_f64(),
        },
        "keep_bytes": task.keep_bytes,
        "retention_s": { "success": success.as_secs(), "failure": failure.as_secs() },
        "references": references,
    })
}
