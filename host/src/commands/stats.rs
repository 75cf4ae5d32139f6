//! `saggar stats`: prints job counts per task and status, and rates.

use super::output::{self, Column, Table};
use super::{client, tasks};
use crate::cli::client::Stats;

const COLUMNS: &[Column] = &[
    Column::Left("TASK"),
    Column::Left("STATE"),
    Column::Right("WAITING"),
    Column::Right("DELAYED"),
    Column::Right("RUNNING"),
    Column::Right("SUCCESS"),
    Column::Right("FAILURE"),
    Column::Right("ADD/S"),
    Column::Right("END/S"),
    Column::Right("FAIL/S"),
    Column::Right("RETRY/S"),
    Column::Left("READY SINCE"),
];

pub(crate) async fn run(args: Stats) -> anyhow::Result<u8> {
    let answer = client::connect(&args.host)?.tasks().await?;
    if args.host.json {
        output::json(answer.text())?;
        return Ok(0);
    }
    let mut table = Table::new(COLUMNS);
    for task in answer.parse()?.tasks {
        let (counts, rates) = (task.counts, task.rates);
        let rate = |per_second: f64| format!("{per_second:.1}");
        table.row([
            task.id,
            tasks::state(task.state, task.paused).to_owned(),
            counts.waiting.to_string(),
            counts.delayed.to_string(),
            counts.running.to_string(),
            counts.success.to_string(),
            counts.failure.to_string(),
            rate(rates.added.per_second),
            rate(rates.succeeded.per_second + rates.failed.per_second),
            rate(rates.failed.per_second),
            rate(rates.retried.per_second),
            task.first_ready_at.unwrap_or_default(),
        ]);
    }
    table.print()?;
    Ok(0)
}
