//! `saggar deploy`: checks an app, shows what would change on a host, and makes the host load it.

mod compared;
mod recorded;
mod task_replays;

use std::collections::BTreeMap;

use saggar::App;
use saggar_client::Client;
use saggar_wire::{DeployedCode, DeploymentsQuery};
use serde::Serialize;

use super::output::{self, Column, Table, cell, name};
use super::{CommandEnv, FAILURE, client, reload};
use crate::cli::deploy::Deploy;
use crate::problems;
use task_replays::TaskReplays;

const COLUMNS: &[Column] =
    &[Column::Left("CODE"), Column::Left("CHANGE"), Column::Left("RUNS NOW"), Column::Left("IN THE APP")];

/// Digits of a digest in a table.
const DIGITS: usize = 12;

/// What a deployment would change on a host.
#[derive(Debug, Serialize)]
struct Differences {
    code: Vec<CodeDifference>,
    tasks: TaskDifferences,
    /// What recorded attempts do on the new code, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    replays: Option<Vec<TaskReplays>>,
}

/// A plugin or a script, on the host and in the app.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct CodeDifference {
    name: String,
    change: CodeChange,
    /// The digest that runs.
    running: Option<String>,
    /// The digest in the app.
    new: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum CodeChange {
    Added,
    Changed,
    Removed,
    Unchanged,
    /// A rollback has chosen other code than this file has, and it would stay.
    RolledBack,
}

/// The ids of tasks that the host would get, run differently, or lose.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct TaskDifferences {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

pub(crate) async fn run(args: Deploy, env: &CommandEnv) -> anyhow::Result<u8> {
    let as_json = args.host.json;
    client::reported(deploy(args, env).await, as_json)
}

async fn deploy(args: Deploy, env: &CommandEnv) -> anyhow::Result<u8> {
    let (app, engine) = env.builder_of(args.app, args.host.tenant.as_deref()).load_with_engine().await?;
    problems::print(&app.problems);
    if app.has_errors() {
        say!("saggar: nothing was changed, because the app has errors");
        return Ok(FAILURE);
    }
    let client = client::connect(&args.host)?;
    if !args.dry_run {
        let answer = client.reload().await;
        return reload::finish(&client, answer, args.host.json).await;
    }
    let running = running_code(&client).await?;
    let mut differences = differences(&client, &app, &running).await?;
    if let Some(most) = args.against_last {
        differences.replays = Some(recorded::run(&client, (&app, &engine), &running, most.into()).await?);
    }
    if args.host.json {
        output::json(&serde_json::to_string(&differences)?)?;
    } else {
        print(&differences)?;
    }
    let is_worse = differences.replays.iter().flatten().any(TaskReplays::is_worse);
    Ok(if is_worse { FAILURE } else { 0 })
}

/// Returns the code that a host runs.
async fn running_code(client: &Client) -> anyhow::Result<Vec<DeployedCode>> {
    let query = DeploymentsQuery { before: None, limit: Some(1) };
    let running = client.deployments(&query).await?.parse()?.deployments.into_iter().next();
    Ok(running.map(|last| last.code).unwrap_or_default())
}

/// Compares an app with what a host runs.
async fn differences(client: &Client, app: &App, running: &[DeployedCode]) -> anyhow::Result<Differences> {
    let code = of_code(running, &app.deployed());
    let mut tasks = TaskDifferences::default();
    let mut here: BTreeMap<String, _> = app.tasks.iter().map(|task| (task.id.as_str().to_lowercase(), task)).collect();
    for known in client.tasks().await?.parse()?.tasks {
        match here.remove(&known.id.to_lowercase()) {
            None => tasks.removed.push(known.id),
            Some(task) => {
                let there = client.task(&known.id).await?.parse()?;
                if there.definition != task.effective_definition() {
                    tasks.changed.push(known.id);
                }
            }
        }
    }
    tasks.added = here.into_values().map(|task| task.id.to_string()).collect();
    Ok(Differences { code, tasks, replays: None })
}

/// Compares the code of an app with what runs; pinned versions are left out, because their tasks decide.
fn of_code(running: &[DeployedCode], app: &[saggar::DeployedCode]) -> Vec<CodeDifference> {
    let running = running.iter().filter(|code| !code.pinned).map(|code| (code.name.as_str(), code));
    let mut running: BTreeMap<&str, &DeployedCode> = running.collect();
    let mut code = Vec::new();
    for new in app.iter().filter(|code| !code.pinned) {
        let there = running.remove(&*new.name);
        let change = match there {
            None => CodeChange::Added,
            Some(there) if there.digest == *new.digest => CodeChange::Unchanged,
            Some(there) if there.instead_of.as_deref() == Some(&*new.content) => CodeChange::RolledBack,
            Some(_) => CodeChange::Changed,
        };
        let (name, running) = (new.name.to_string(), there.map(|there| there.digest.clone()));
        code.push(CodeDifference { name, change, running, new: Some(new.digest.to_string()) });
    }
    code.extend(running.into_values().map(|gone| CodeDifference {
        name: gone.name.clone(),
        change: CodeChange::Removed,
        running: Some(gone.digest.clone()),
        new: None,
    }));
    code
}

fn print(Differences { code, tasks, replays }: &Differences) -> anyhow::Result<()> {
    let mut table = Table::new(COLUMNS);
    let short = |digest: &Option<String>| digest.as_deref().map(shortened).unwrap_or_default().to_owned();
    for CodeDifference { name: of, change, running, new } in code {
        table.row([of.clone(), name(change), short(running), short(new)]);
    }
    table.print()?;
    let TaskDifferences { added, changed, removed } = tasks;
    for (what, ids) in [("added", added), ("changed", changed), ("removed", removed)] {
        if !ids.is_empty() {
            output::line(&format!("{what} tasks: {}", cell(&ids.join(" "))))?;
        }
    }
    if code.iter().any(|code| code.change == CodeChange::RolledBack) {
        say!("saggar: code that was rolled back stays as it is until its file has another content");
    }
    replays.as_deref().map_or(Ok(()), task_replays::print)
}

fn shortened(digest: &str) -> &str {
    digest.get(..DIGITS).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(name: &str, digest: &str, instead_of: Option<&str>) -> DeployedCode {
        let (name, digest, instead_of) = (name.to_owned(), digest.to_owned(), instead_of.map(str::to_owned));
        DeployedCode { name, digest, bytes: 1, kept: true, pinned: false, instead_of }
    }

    fn new(name: &str, digest: &str) -> saggar::DeployedCode {
        let (name, digest, content) = (name.into(), digest.into(), digest.into());
        saggar::DeployedCode { name, digest, content, bytes: 1, instead_of: None, pinned: false }
    }

    #[test]
    fn code_is_compared_by_its_digest() {
        let there = [
            running("plugins.a", "1", None),
            running("plugins.b", "1", None),
            running("plugins.c", "1", Some("2")),
            running("plugins.d", "1", None),
        ];
        let here = [new("plugins.a", "1"), new("plugins.b", "2"), new("plugins.c", "2"), new("plugins.e", "1")];
        let changes: Vec<_> = of_code(&there, &here).into_iter().map(|code| (code.name, code.change)).collect();
        let expected = [
            ("plugins.a", CodeChange::Unchanged),
            ("plugins.b", CodeChange::Changed),
            ("plugins.c", CodeChange::RolledBack),
            ("plugins.e", CodeChange::Added),
            ("plugins.d", CodeChange::Removed),
        ];
        assert_eq!(changes, expected.map(|(name, change)| (name.to_owned(), change)));
    }
}
