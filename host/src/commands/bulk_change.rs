//! `saggar cancel`, `retry` and `delete` with `--where`: changes all jobs that meet the conditions, step by step.

use std::collections::BTreeMap;

use saggar_client::{Client, JobChange};
use saggar_wire::{BulkChange, BulkChanged, BulkPreview, CommaList};
use serde_json::json;

use super::output::{self, Column, StdoutState, Table, name};
use super::{FAILURE, client};
use crate::cli::conditions::ChangeArgs;

const COLUMNS: &[Column] = &[
    Column::Left("TASK"),
    Column::Right("ID"),
    Column::Left("STATUS"),
    Column::Left("ADDED"),
    Column::Left("MESSAGE"),
];

pub(crate) async fn run(args: &ChangeArgs, change: JobChange) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    let mut query = args.matching.query()?;
    if let Some(task) = &args.task {
        query.task = Some(CommaList(vec![task.clone()]));
    }
    let body = BulkChange { r#where: Some(query.filter()?), ..BulkChange::default() };
    // Also without `--dry-run`: jobs that are added from now on are left alone.
    let answer = client.preview_change(change, &body).await?;
    let preview = answer.parse()?;
    if args.dry_run {
        return if args.host.json { output::json(answer.text()).map(|_| 0) } else { print(&preview, change) };
    }
    let body = BulkChange { until: Some(preview.until), ..body };
    let done = change_all(&client, body, change).await?;
    if args.host.json {
        let document = json!({ "changed": done.changed, "skipped": done.skipped, "stopped_by": done.stopped_by });
        output::json(&document.to_string())?;
    } else {
        output::line(&format!("{} jobs {}{}", done.changed, past(change), reasons(", skipped ", &done.skipped)))?;
        if let Some(code) = &done.stopped_by {
            say!("saggar: stopped by {code}; the same command continues");
        }
    }
    Ok(if done.stopped_by.is_some() { FAILURE } else { 0 })
}

/// Changes all jobs, until there are no more or the host cannot go on.
async fn change_all(client: &Client, mut body: BulkChange, change: JobChange) -> anyhow::Result<BulkChanged> {
    let mut all: Option<BulkChanged> = None;
    loop {
        let mut step = client.change_jobs(change, &body).await?.parse()?;
        body.after = step.next.clone();
        if let Some(before) = all.take() {
            step.changed += before.changed;
            for (code, count) in before.skipped {
                *step.skipped.entry(code).or_default() += count;
            }
        }
        if step.next.is_none() || step.stopped_by.is_some() {
            return Ok(step);
        }
        all = Some(step);
    }
}

fn print(preview: &BulkPreview, change: JobChange) -> anyhow::Result<u8> {
    let at_least = if preview.exact { "" } else { "at least " };
    let text = format!(
        "{at_least}{} jobs match; {} can be {}{}",
        preview.matches,
        preview.can,
        past(change),
        reasons(", not ", &preview.cannot)
    );
    if output::line(&text)? == StdoutState::Closed || preview.sample.is_empty() {
        return Ok(0);
    }
    let mut table = Table::new(COLUMNS);
    for job in &preview.sample {
        let problem = job.problem.as_ref().map(|problem| format!("{}: {}", problem.code, problem.message));
        table.row([
            job.task.clone(),
            job.id.to_string(),
            name(&job.status),
            job.added_at.clone(),
            problem.unwrap_or_else(|| job.message.clone()),
        ]);
    }
    table.print().map(|_| 0)
}

fn past(change: JobChange) -> &'static str {
    match change {
        JobChange::Retry => "retried",
        JobChange::Cancel => "cancelled",
        JobChange::Delete => "deleted",
    }
}

/// Returns why jobs were not changed: `, skipped 4 callback-pending, 2 not-unique`.
fn reasons(before: &str, codes: &BTreeMap<String, u64>) -> String {
    let codes: Vec<String> = codes.iter().map(|(code, count)| format!("{count} {code}")).collect();
    if codes.is_empty() { String::new() } else { format!("{before}{}", codes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed() {
        let codes = BTreeMap::from([("not-ended".to_owned(), 4), ("running".to_owned(), 2)]);
        assert_eq!(reasons(", not ", &codes), ", not 4 not-ended, 2 running");
        assert_eq!(reasons(", not ", &BTreeMap::new()), "");
    }
}
