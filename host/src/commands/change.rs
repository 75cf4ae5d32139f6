//! `saggar cancel`, `retry`, `redeliver`, `delete`, `pause` and `resume`: one request per job or task. Jobs that are named by
//! conditions are changed by `bulk_change`.

use saggar_client::{Client, ClientError, JobChange, JsonBody};
use saggar_wire::Job;
use serde_json::json;

use super::{bulk_change, client, job_view, output};
use crate::cli::client::{HostArgs, JobsArgs, TaskArgs};
use crate::cli::conditions::ChangeArgs;

pub(crate) async fn cancel(args: ChangeArgs) -> anyhow::Result<u8> {
    match jobs_of(&args) {
        Some(jobs) => for_each_job(&jobs, async |client, id| Ok(Some(client.cancel(jobs.task, id).await?))).await,
        None => bulk_change::run(&args, JobChange::Cancel).await,
    }
}

pub(crate) async fn retry(args: ChangeArgs) -> anyhow::Result<u8> {
    match jobs_of(&args) {
        Some(jobs) => for_each_job(&jobs, async |client, id| Ok(Some(client.retry(jobs.task, id).await?))).await,
        None => bulk_change::run(&args, JobChange::Retry).await,
    }
}

pub(crate) async fn redeliver(args: JobsArgs) -> anyhow::Result<u8> {
    let jobs = NamedJobs { task: &args.task, ids: &args.ids, host: &args.host };
    for_each_job(&jobs, async |client, id| Ok(Some(client.redeliver(jobs.task, id).await?))).await
}

pub(crate) async fn delete(args: ChangeArgs) -> anyhow::Result<u8> {
    match jobs_of(&args) {
        Some(jobs) => for_each_job(&jobs, async |client, id| client.delete(jobs.task, id).await.map(|()| None)).await,
        None => bulk_change::run(&args, JobChange::Delete).await,
    }
}

/// Some jobs of a task.
struct NamedJobs<'a> {
    task: &'a str,
    ids: &'a [u64],
    host: &'a HostArgs,
}

/// Returns the jobs that the arguments name; `None` if they have conditions instead.
fn jobs_of(args: &ChangeArgs) -> Option<NamedJobs<'_>> {
    let task = args.task.as_deref().filter(|_| args.matching.is_empty())?;
    Some(NamedJobs { task, ids: &args.ids, host: &args.host })
}

pub(crate) async fn pause(args: TaskArgs) -> anyhow::Result<u8> {
    client::connect(&args.host)?.pause(&args.task).await?;
    print_paused(&args, true, "is paused: no attempt starts until `saggar resume`")
}

pub(crate) async fn resume(args: TaskArgs) -> anyhow::Result<u8> {
    client::connect(&args.host)?.resume(&args.task).await?;
    print_paused(&args, false, "is not paused")
}

/// Prints the new state of a task. Creates the JSON document itself, because the host responds without content.
fn print_paused(args: &TaskArgs, paused: bool, what: &str) -> anyhow::Result<u8> {
    if args.host.json {
        output::json(&json!({ "task": args.task, "paused": paused }).to_string())?;
    } else {
        output::line(&format!("{} {what}", args.task))?;
    }
    Ok(0)
}

/// Changes the jobs one after the other. A refusal does not stop the others; the last refusal decides the exit code.
async fn for_each_job(
    args: &NamedJobs<'_>,
    change: impl AsyncFn(&Client, u64) -> Result<Option<JsonBody<Job>>, ClientError>,
) -> anyhow::Result<u8> {
    let client = client::connect(args.host)?;
    let mut refused = None;
    for &id in args.ids {
        match change(&client, id).await {
            Ok(Some(job)) if args.host.json => drop(output::json(job.text())?),
            Ok(Some(job)) => drop(output::line(&job_view::one_line(&job.parse()?))?),
            Ok(None) if args.host.json => {
                output::json(&json!({ "task": args.task, "id": id, "deleted": true }).to_string())?;
            }
            Ok(None) => drop(output::line(&format!("{}#{id} is deleted", args.task))?),
            Err(error) if error.code().is_some() && args.ids.len() > 1 => {
                if args.host.json {
                    say!("{}", client::error_document(&error, ""));
                } else {
                    say!("saggar: {}#{id}: {}", args.task, saggar_sandbox::escaped(&error.to_string()));
                }
                refused = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused.as_ref().map_or(0, client::exit_code))
}
