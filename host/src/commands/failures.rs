//! `saggar failures`: groups the jobs that have failed by the way they did.

use saggar_job::{Clock, SystemClock};
use saggar_wire::{CommaList, FailureGroup, FailureQuery};

use super::client;
use super::list::absolute_time;
use super::output::{self, Column, Table};
use crate::cli::observe::FailureArgs;

const COLUMNS: &[Column] = &[
    Column::Right("JOBS"),
    Column::Left("GROUP"),
    Column::Left("TASK"),
    Column::Left("CODE"),
    Column::Left("LAST"),
    Column::Right("ID"),
    Column::Left("MESSAGE"),
];

pub(crate) async fn run(args: FailureArgs) -> anyhow::Result<u8> {
    let query = FailureQuery {
        task: args.task.map(|task| CommaList(vec![task])),
        digest: args.digest,
        group: None,
        ended_from: args.since.map(|since| absolute_time(&since, SystemClock.now())),
        after: args.after,
    };
    let answer = client::connect(&args.host)?.failures(&query).await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let failures = answer.parse()?;
    let mut table = Table::new(COLUMNS);
    failures.groups.iter().for_each(|group| table.row(cells(group)));
    table.print()?;
    if failures.groups.is_empty() {
        say!("(no failures)");
    }
    if failures.omitted > 0 {
        say!("(and {} jobs that failed in other ways)", failures.omitted);
    }
    if let Some(next) = failures.next {
        say!("(jobs that were added earlier follow; --after {next} shows them)");
    }
    Ok(0)
}

fn cells(group: &FailureGroup) -> [String; 7] {
    let place = group.frames.first().map(|frame| format!(" (in {frame})")).unwrap_or_default();
    [
        group.count.to_string(),
        group.group.clone(),
        group.task.clone(),
        group.code.clone(),
        group.last_ended_at.clone(),
        group.last_id.to_string(),
        format!("{}{place}", group.message),
    ]
}
