//! `saggar audit`: shows which requests have changed something.

use saggar_wire::{AuditEntry, AuditPageQuery};

use super::client;
use super::output::{self, Column, Table};
use crate::cli::observe::AuditArgs;

const COLUMNS: &[Column] = &[
    Column::Left("TIME"),
    Column::Left("TENANT"),
    Column::Left("TOKEN"),
    Column::Left("ROLE"),
    Column::Left("FROM"),
    Column::Left("DID"),
    Column::Left("TASK"),
    Column::Right("COUNT"),
    Column::Left("RESULT"),
    Column::Left("DETAIL"),
];

pub(crate) async fn run(args: AuditArgs) -> anyhow::Result<u8> {
    let query = AuditPageQuery { after: args.after, limit: Some(usize::from(args.limit)) };
    let answer = client::connect(&args.host)?.audit(&query).await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let page = answer.parse()?;
    let mut table = Table::new(COLUMNS);
    for entry in &page.entries {
        table.row([
            entry.at.clone(),
            entry.tenant.clone().unwrap_or_default(),
            entry.token.clone().unwrap_or_default(),
            entry.role.clone().unwrap_or_default(),
            entry.from.clone().unwrap_or_default(),
            entry.did.clone(),
            entry.task.clone().unwrap_or_default(),
            entry.count.to_string(),
            result(entry),
            detail(entry),
        ]);
    }
    table.print()?;
    match page.next {
        _ if page.entries.is_empty() => say!("(no entries)"),
        Some(next) => say!("(older entries follow; --after {next} shows them)"),
        None => {}
    }
    Ok(0)
}

/// Returns how the requests ended.
fn result(entry: &AuditEntry) -> String {
    let status = entry.status.map(|status| status.to_string());
    [status, entry.code.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Returns the jobs and what else is to know.
fn detail(entry: &AuditEntry) -> String {
    let ids: Vec<String> = entry.jobs.iter().map(u64::to_string).collect();
    let jobs = (!ids.is_empty()).then(|| format!("jobs {}", ids.join(" ")));
    [jobs, entry.detail.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
