//! `saggar list`: lists a page of jobs, or all of them.

use std::time::{Duration, UNIX_EPOCH};

use saggar::Timestamp;
use saggar_client::{Client, JsonBody};
use saggar_job::{Clock, SystemClock};
use saggar_wire::{CommaList, JobCount, Jobs, ListQuery, ListedJob, Order, Status, Waiting};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::output::{self, Column, StdoutState, Table, name};
use super::{client, job_view};
use crate::cli::client::{List, OrderArg, StatusArg};

/// Page size for --all: the most jobs that a host returns at once.
const PAGE: usize = 1_000;

const COLUMNS: &[Column] = &[
    Column::Left("TASK"),
    Column::Right("ID"),
    Column::Left("STATUS"),
    Column::Left("REASON"),
    Column::Right("ATTEMPT"),
    Column::Left("ADDED"),
    Column::Left("MESSAGE"),
];

pub(crate) async fn run(args: List) -> anyhow::Result<u8> {
    let client = client::connect(&args.host)?;
    let mut query = query(&args)?;
    if args.count {
        return count(&client, &args, query).await;
    }
    let (mut left, mut has_header) = (if args.all { usize::MAX } else { usize::from(args.limit) }, false);
    loop {
        query.limit = Some(left.min(PAGE));
        let page = client.list(args.task.as_deref(), &query).await?;
        let stdout = match (args.host.json, args.all) {
            (true, false) => return output::json(page.text()).map(|_| 0),
            (true, true) => print_one_by_one(&page)?,
            (false, _) => {
                let jobs = page.parse()?.jobs;
                left = left.saturating_sub(jobs.len());
                print(&jobs, &mut has_header)?
            }
        };
        query.after = page.parse()?.next;
        if query.after.is_none() || stdout == StdoutState::Closed {
            if !args.host.json && !has_header {
                say!("(no matching jobs)");
            }
            return Ok(0);
        }
        if left == 0 {
            say!("(more jobs follow; --all shows them)");
            return Ok(0);
        }
    }
}

fn query(args: &List) -> anyhow::Result<ListQuery> {
    let conditions = args.matching.query()?;
    let status = args.status.map(|status| match status {
        StatusArg::Waiting => Status::Waiting,
        StatusArg::Running => Status::Running,
        StatusArg::Success => Status::Success,
        StatusArg::Failure => Status::Failure,
    });
    let time = |text: &Option<String>| text.as_deref().map(|text| absolute_time(text, SystemClock.now()));
    Ok(ListQuery {
        status: status.map(|status| CommaList(vec![status])).or(conditions.status),
        added_from: time(&args.since).or(conditions.added_from),
        added_before: time(&args.until).or(conditions.added_before),
        text: args.text.clone().or(conditions.text),
        order: Some(match args.order {
            OrderArg::Newest => Order::Newest,
            OrderArg::Oldest => Order::Oldest,
        }),
        after: args.after.clone(),
        ..conditions
    })
}

/// Prints how many jobs match.
async fn count(client: &Client, args: &List, query: ListQuery) -> anyhow::Result<u8> {
    // The count is of all tasks, so the task is one of the conditions.
    let task = args.task.clone().map(|task| CommaList(vec![task])).or(query.task);
    let answer = client.count(&ListQuery { task, order: None, ..query }).await?;
    if args.host.json {
        return output::json(answer.text()).map(|_| 0);
    }
    let JobCount { count, exact, looked_at } = answer.parse()?;
    if !exact {
        say!("(only the first {looked_at} jobs were looked at)");
    }
    output::line(&count.to_string()).map(|_| 0)
}

/// Converts a duration such as `2h` to the time that long ago; returns any other text unchanged, for the host to parse.
pub(super) fn absolute_time(text: &str, now: Timestamp) -> String {
    let Ok(ago) = humantime::parse_duration(text) else { return text.to_owned() };
    let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(now.0.saturating_sub(ago_ms))).to_string()
}

fn print(jobs: &[ListedJob], has_header: &mut bool) -> anyhow::Result<StdoutState> {
    if jobs.is_empty() {
        return Ok(StdoutState::Open);
    }
    let mut table = Table::new(COLUMNS);
    if std::mem::replace(has_header, true) {
        table = table.without_header();
    }
    for job in jobs {
        let progress = Some(job_view::progress(job.current, job.total, &job.message)).filter(|text| !text.is_empty());
        let problem = job.problem.as_ref().map(|problem| format!("{}: {}", problem.code, problem.message));
        table.row([
            job.task.clone(),
            job.id.to_string(),
            name(&job.status),
            job_view::why(job.reason, job.waiting, job.cancelling).unwrap_or_default(),
            job.attempt.to_string(),
            job.added_at.clone(),
            [runs_from(job), problem.or(progress)].into_iter().flatten().collect::<Vec<_>>().join("; "),
        ]);
    }
    table.print()
}

/// Returns the earliest start, if the job waits for it.
fn runs_from(job: &ListedJob) -> Option<String> {
    let is_timed = matches!(job.waiting, Some(Waiting::Delayed | Waiting::Retrying));
    job.run_at.as_ref().filter(|_| is_timed).map(|at| format!("runs from {at}"))
}

/// A page with its jobs as the host wrote them.
#[derive(Deserialize)]
struct Raw {
    jobs: Vec<Box<RawValue>>,
}

fn print_one_by_one(page: &JsonBody<Jobs>) -> anyhow::Result<StdoutState> {
    let Raw { jobs } = serde_json::from_str(page.text())?;
    for job in jobs {
        if output::json(job.get())? == StdoutState::Closed {
            return Ok(StdoutState::Closed);
        }
    }
    Ok(StdoutState::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_converted_to_past_times() {
        let now = Timestamp(1_795_514_400_000);
        assert_eq!(absolute_time("1h 30m", now), "2026-11-24T08:30:00.000Z");
        assert_eq!(absolute_time("1000y", now), "1970-01-01T00:00:00.000Z");
        assert_eq!(absolute_time("2026-11-24T08:30:00Z", now), "2026-11-24T08:30:00Z");
        assert_eq!(absolute_time("yesterday", now), "yesterday");
    }
}
