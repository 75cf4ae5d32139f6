//! `saggar pulse`: a line for each second, with what the tasks do.

use std::collections::BTreeMap;

use saggar_client::StreamItem;
use saggar_wire::{Pulse, PulseQuery, PulseTask};

use super::client::{self, Connection};
use super::output::{self, StdoutState};
use crate::cli::observe::Pulse as PulseArgs;

/// Lines after which the header is repeated on a terminal.
const HEADER_EVERY: u64 = 20;

/// The titles of the columns after the time. The columns have fixed widths, because a line is printed before the next is known.
const TITLES: [&str; 10] =
    ["WAITING", "RUNNING", "SLOTS", "ADD/S", "START/S", "SUCCESS/S", "FAIL/S", "RETRY/S", "P50 MS", "P99 MS"];

/// The tasks of the pulse as they are now.
#[derive(Default)]
struct PulsedTasks(BTreeMap<String, PulseTask>);

pub(crate) async fn run(args: PulseArgs) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    if let Some(task) = &args.task {
        // Otherwise a misspelt task would look like one that does nothing.
        client.task(task).await?;
    }
    let mut pulse = client.pulse(&PulseQuery { every_s: Some(args.every) }).await?;
    let (mut tasks, mut connection, mut lines) = (PulsedTasks::default(), Connection::new(), 0);
    while args.count.is_none_or(|count| lines < count) {
        let message = match pulse.next().await? {
            StreamItem::Event(event) if event.kind == "pulse" => {
                let part: Pulse = serde_json::from_str(&event.data)?;
                let (at, is_last) = (part.at.clone(), !part.more);
                tasks.apply(part);
                if is_last || args.host.json {
                    let stdout = match args.host.json {
                        true => output::json(&event.data)?,
                        false => tasks.print(&at, args.task.as_deref(), lines)?,
                    };
                    if stdout == StdoutState::Closed {
                        return Ok(0);
                    }
                    lines += u64::from(is_last);
                }
                continue;
            }
            StreamItem::Event(_) => continue,
            StreamItem::Disconnected(why) => connection.lost(&why),
            StreamItem::Reconnected => connection.restored(),
            StreamItem::End => return Ok(0),
        };
        if let Some(message) = message {
            say!("{message}");
        }
    }
    Ok(0)
}

impl PulsedTasks {
    /// Applies a part of a report.
    fn apply(&mut self, part: Pulse) {
        if part.full {
            self.0.clear();
        }
        self.0.extend(part.tasks.into_iter().map(|task| (task.id.clone(), task)));
    }

    fn print(&self, at: &str, only: Option<&str>, line: u64) -> anyhow::Result<StdoutState> {
        if line == 0 || (output::is_terminal() && line.is_multiple_of(HEADER_EVERY)) {
            output::line(&row("TIME", TITLES.map(str::to_owned)))?;
        }
        output::line(&row(at, self.figures(only)))
    }

    /// Returns the figures of a line: of one task, or the sums of all.
    fn figures(&self, only: Option<&str>) -> [String; TITLES.len()] {
        let is_wanted = |task: &&PulseTask| only.is_none_or(|only| only.eq_ignore_ascii_case(&task.id));
        let wanted: Vec<&PulseTask> = self.0.values().filter(is_wanted).collect();
        let sum = |number: fn(&PulseTask) -> u64| wanted.iter().map(|task| number(task)).sum::<u64>().to_string();
        // Percentiles of several tasks do not add up.
        let percentiles = only.and_then(|_| wanted.first()?.duration_ms);
        let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}"));
        [
            sum(|task| task.counts.waiting),
            sum(|task| task.busy),
            sum(|task| task.slots),
            sum(|task| task.second.added),
            sum(|task| task.second.started),
            sum(|task| task.second.succeeded),
            sum(|task| task.second.failed),
            sum(|task| task.second.retried),
            ms(percentiles.map(|found| found.p50)),
            ms(percentiles.map(|found| found.p99)),
        ]
    }
}

fn row(time: &str, figures: [String; TITLES.len()]) -> String {
    figures.iter().fold(format!("{time:<24}"), |row, figure| format!("{row} {figure:>9}"))
}
