//! `saggar plugins`: lists the plugins and scripts that a host runs, or shows one.

use saggar_wire::{Plugin, PluginSummary, UsedPlugin};

use super::client;
use super::output::{self, Column, StdoutState, Table};
use crate::cli::observe::PluginArgs;

/// Characters of a digest in a table: enough to tell versions apart, and to find jobs by.
const DIGEST: usize = 12;

const COLUMNS: &[Column] = &[
    Column::Left("PLUGIN"),
    Column::Left("DIGEST"),
    Column::Right("BYTES"),
    Column::Left("ROLES"),
    Column::Left("TASKS"),
];

const FACTS: &[Column] = &[Column::Left(""), Column::Left("")];

const VERSIONS: &[Column] = &[
    Column::Right("DEPLOYMENT"),
    Column::Left("AT"),
    Column::Left("DIGEST"),
    Column::Right("BYTES"),
    Column::Left("KEPT"),
];

pub(crate) async fn run(args: PluginArgs) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    match &args.name {
        Some(name) => {
            let answer = client.plugin(name).await?;
            if args.host.json {
                output::json(answer.text())?;
            } else {
                print(&answer.parse()?)?;
            }
        }
        None => {
            let answer = client.plugins().await?;
            if args.host.json {
                output::json(answer.text())?;
            } else {
                list(&answer.parse()?.plugins)?;
            }
        }
    }
    Ok(0)
}

fn list(plugins: &[PluginSummary]) -> anyhow::Result<()> {
    let mut table = Table::new(COLUMNS);
    for plugin in plugins {
        let name = format!("{}{}", plugin.name, pinned(plugin.pinned));
        let (roles, tasks) = (plugin.roles.join(", "), plugin.tasks.join(", "));
        table.row([name, short(&plugin.digest), plugin.bytes.to_string(), roles, tasks]);
    }
    table.print()?;
    if plugins.is_empty() {
        say!("(no plugins)");
    }
    Ok(())
}

fn print(plugin: &Plugin) -> anyhow::Result<()> {
    let mut facts = Table::new(FACTS).without_header();
    plugin.in_use.iter().for_each(|used| add_facts(&mut facts, &plugin.name, used));
    if facts.print()? == StdoutState::Closed || plugin.versions.is_empty() {
        return Ok(());
    }
    let mut versions = Table::new(VERSIONS);
    for version in &plugin.versions {
        let kept = if version.kept { "yes" } else { "no" };
        let (deployment, bytes) = (version.deployment.to_string(), version.bytes.to_string());
        versions.row([deployment, version.at.clone(), short(&version.digest), bytes, kept.to_owned()]);
    }
    output::line("")?;
    versions.print()?;
    Ok(())
}

fn add_facts(facts: &mut Table, name: &str, used: &UsedPlugin) {
    let mut row = |fact: &str, text: String| facts.row([fact.to_owned(), text]);
    row("plugin", format!("{name}{}", pinned(used.pinned)));
    row("digest", used.digest.clone());
    row("bytes", used.bytes.to_string());
    row("roles", used.roles.join(", "));
    used.imports.iter().for_each(|import| row("imports", import.clone()));
    for task in &used.tasks {
        row("used by", format!("{} as {}", task.task, task.roles.join(", ")));
        row("may", task.granted.to_string());
    }
}

fn pinned(is_pinned: bool) -> &'static str {
    if is_pinned { " (pinned)" } else { "" }
}

fn short(digest: &str) -> String {
    digest.chars().take(DIGEST).collect()
}
