//! `saggar tasks`: the tasks of a host, and one of them with its definition as it holds.

use saggar_api::wire::{Definition, Retry, Task};

use super::ask;
use super::output::{self, Column, Table, cell, name};
use crate::cli::client::Tasks;

const COLUMNS: &[Column] = &[
    Column::Left("TASK"),
    Column::Left("STATE"),
    Column::Right("WAITING"),
    Column::Right("RUNNING"),
    Column::Right("ADDED"),
    Column::Left("NAME"),
];

pub(crate) async fn run(args: Tasks) -> anyhow::Result<u8> {
    let client = ask::client(&args.host)?;
    if let Some(id) = &args.task {
        let answer = client.task(id).await?;
        if args.host.json {
            output::json(answer.text())?;
        } else {
            print(&answer.read()?)?;
        }
        return Ok(0);
    }
    let answer = client.tasks().await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let mut table = Table::new(COLUMNS);
    for task in answer.read()?.tasks {
        let counts = task.counts;
        table.row([
            task.id,
            state(task.paused).to_owned(),
            counts.waiting.to_string(),
            counts.running.to_string(),
            counts.added.to_string(),
            task.name,
        ]);
    }
    table.print()?;
    Ok(0)
}

/// Whether attempts begin.
pub(crate) fn state(paused: bool) -> &'static str {
    if paused { "paused" } else { "open" }
}

fn print(task: &Task) -> anyhow::Result<()> {
    let (counts, Definition { event, sandbox, retention, .. }) = (task.counts, &task.definition);
    let list = |texts: &[String]| Some(texts.join(", ")).filter(|text| !text.is_empty());
    let dirs = sandbox.dirs.iter().map(|dir| format!("{}{}", dir.path, if dir.write { " (write)" } else { "" }));
    let rows = [
        ("id", Some(task.id.clone())),
        ("name", Some(task.name.clone()).filter(|name| *name != task.id)),
        ("file", Some(task.definition.file.clone())),
        ("state", Some(state(task.paused).to_owned())),
        (
            "jobs",
            Some(format!(
                "{} waiting ({} delayed, {} held), {} running, {} success, {} failure; {} ever added",
                counts.waiting,
                counts.delayed,
                counts.held,
                counts.running,
                counts.success,
                counts.failure,
                counts.added
            )),
        ),
        ("ready since", task.first_ready_at.clone()),
        ("process", Some(task.definition.process.clone())),
        ("slots", Some(task.definition.worker_nums.to_string())),
        ("size", Some(format!("{} jobs ready or on hold", task.definition.size))),
        ("delayed_size", Some(format!("{} delayed jobs and retries", task.definition.delayed_size))),
        ("timeout", Some(time(task.definition.timeout_ms))),
        ("retries", Some(retries(&task.definition.retry))),
        ("event.next", event.next.clone()),
        ("event.add", event.add.clone()),
        ("event.progress", event.progress.clone()),
        ("event.success", event.success.clone()),
        ("event.error", event.error.clone()),
        ("memory", Some(format!("{} KiB", sandbox.memory_bytes.div_ceil(1024)))),
        ("reuse", Some(format!("{} calls per instance", sandbox.reuse))),
        ("event timeout", Some(time(sandbox.event_timeout_ms))),
        ("http", list(&sandbox.http)),
        ("env", list(&sandbox.env)),
        ("dirs", list(&dirs.collect::<Vec<_>>())),
        ("retention", Some(format!("success {}, failure {}", time(retention.success_ms), time(retention.failure_ms)))),
    ];
    let line = |(title, value): (&str, Option<String>)| Some(format!("{title:<14}  {}\n", cell(&value?)));
    output::write(&rows.into_iter().filter_map(line).collect::<String>()).map(drop)
}

fn retries(retry: &Retry) -> String {
    if retry.attempts == 0 {
        return "none".to_owned();
    }
    let (after, backoff, most) = (time(retry.delay_ms), name(&retry.backoff), time(retry.max_delay_ms));
    format!("{} after {after}, {backoff}, at most {most}, jitter {} %", retry.attempts, retry.jitter * 100.0)
}

fn time(ms: u64) -> String {
    humantime::format_duration(std::time::Duration::from_millis(ms)).to_string()
}
