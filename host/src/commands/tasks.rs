//! `saggar tasks`: lists the tasks of a host, or shows one with its effective definition.

use saggar_wire::{Task, TaskState, Tasks};

use super::output::{self, Column, Table, cell};
use super::{client, definition};
use crate::cli::client::Tasks as TasksArgs;

const COLUMNS: &[Column] = &[
    Column::Left("TASK"),
    Column::Left("STATE"),
    Column::Right("WAITING"),
    Column::Right("RUNNING"),
    Column::Right("ADDED"),
    Column::Left("NAME"),
];

pub(crate) async fn run(args: TasksArgs) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    if let Some(id) = &args.task {
        let answer = client.task(id).await?;
        if args.host.json {
            output::json(answer.text())?;
        } else {
            print(&answer.parse()?)?;
        }
        return Ok(0);
    }
    let answer = client.tasks().await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let Tasks { tasks, orphans } = answer.parse()?;
    let mut table = Table::new(COLUMNS);
    let mut problems = Vec::new();
    for task in tasks {
        let counts = task.counts;
        table.row([
            task.id.clone(),
            state(task.state, task.paused).to_owned(),
            counts.waiting.to_string(),
            counts.running.to_string(),
            counts.added.to_string(),
            task.name,
        ]);
        problems.extend(task.problem.map(|problem| (task.id, problem)));
    }
    for orphan in orphans {
        let counts = orphan.counts;
        table.row([
            orphan.id.clone(),
            if orphan.problem.is_some() { "broken" } else { "orphaned" }.to_owned(),
            counts.waiting.to_string(),
            counts.running.to_string(),
            counts.added.to_string(),
            String::new(),
        ]);
        problems.extend(orphan.problem.map(|problem| (orphan.id, problem)));
    }
    table.print()?;
    for (id, problem) in problems {
        say!("{}: {}", cell(&id), cell(&problem));
    }
    Ok(0)
}

/// Returns the name of a task's state: whether attempts start, and if not, why.
pub(crate) fn state(state: TaskState, paused: bool) -> &'static str {
    match state {
        TaskState::Broken => "broken",
        TaskState::Preparing => "preparing",
        TaskState::Ready if paused => "paused",
        TaskState::Ready => "ready",
    }
}

fn print(task: &Task) -> anyhow::Result<()> {
    let counts = task.counts;
    let jobs = format!(
        "{} waiting ({} delayed, {} on hold), {} running, {} success, {} failure; {} added in total",
        counts.waiting, counts.delayed, counts.on_hold, counts.running, counts.success, counts.failure, counts.added
    );
    let rows = [
        ("id", Some(task.id.clone())),
        ("state", Some(state(task.state, task.paused).to_owned())),
        ("problem", task.problem.clone()),
        ("jobs", Some(jobs)),
        ("ready since", task.first_ready_at.clone()),
        ("file", Some(task.file.clone())),
    ];
    let rows = rows.into_iter().filter_map(|(title, value)| Some((title.to_owned(), value?)));
    let line = |(title, value): (String, String)| format!("{title:<21}  {}\n", cell(&value));
    output::write(&rows.chain(definition::rows(&task.definition)).map(line).collect::<String>()).map(drop)
}
