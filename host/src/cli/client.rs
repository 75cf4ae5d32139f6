//! The arguments of the commands that talk to a host over HTTP, and of the two commands that need neither host nor app.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use saggar_wire as wire;

use super::conditions::{ChangeArgs, Conditions};
use super::deploy::{DeploymentsArgs, Rollback};
use super::observe::{AuditArgs, FailureArgs, PluginArgs, Pulse};
use super::replay::Capture;
use crate::config;

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Adds a job, or many from a file, to a running host
    Add(Add),
    /// Shows a job
    Get(Get),
    /// Lists jobs, newest first
    List(List),
    /// Shows events as they happen: a bar per running job, and job counts
    Watch(Watch),
    /// Prints a job's log
    Logs(Logs),
    /// Prints a recorded attempt as a test case, which `saggar test` runs
    Capture(Capture),
    /// Cancels jobs: a waiting one ends at once, a running one is stopped
    Cancel(ChangeArgs),
    /// Runs ended jobs again
    Retry(ChangeArgs),
    /// Retries callbacks of ended jobs at once: pending ones, and those that were given up
    Redeliver(JobsArgs),
    /// Deletes jobs that wait or have ended
    Delete(ChangeArgs),
    /// Pauses a task; survives restarts
    Pause(TaskArgs),
    /// Resumes a task
    Resume(TaskArgs),
    /// Makes a host load its app again; if the app has errors, nothing changes
    Reload(Reload),
    /// Lists the deployments of a host's app, newest first: which code it runs since when, and why; or shows one
    Deployments(DeploymentsArgs),
    /// Makes a host run the plugins and scripts of an earlier deployment; if they have problems, nothing changes
    Rollback(Rollback),
    /// Shows job counts per task and status, and rates
    Stats(Stats),
    /// Prints a line for each second: jobs that wait and run, and what was added, started and ended
    Pulse(Pulse),
    /// Groups the jobs that have failed by the way they did, the largest group first
    Failures(FailureArgs),
    /// Lists the plugins and scripts that a host runs, or shows one: its imports, what it may do, its versions
    Plugins(PluginArgs),
    /// Lists the tasks of a host, or shows one with its effective definition
    Tasks(Tasks),
    /// Lists the tenants of a host with their use of it, shows one, or removes the data of one that is not configured any more
    Tenants(TenantsArgs),
    /// Shows which requests have changed something, newest first
    Audit(AuditArgs),
    /// Prints the OpenAPI document of the HTTP API
    Openapi(Openapi),
    /// Prints shell completions
    Completions(Completions),
}

impl ClientCommand {
    /// Returns whether the host's responses, including refusals, are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        let host = match self {
            Self::Add(args) => &args.host,
            Self::Get(args) => &args.host,
            Self::List(args) => &args.host,
            Self::Watch(args) => &args.host,
            Self::Logs(args) => &args.host,
            Self::Capture(args) => &args.host,
            Self::Cancel(args) | Self::Retry(args) | Self::Delete(args) => &args.host,
            Self::Redeliver(args) => &args.host,
            Self::Pause(args) | Self::Resume(args) => &args.host,
            Self::Reload(args) => &args.host,
            Self::Deployments(args) => &args.host,
            Self::Rollback(args) => &args.host,
            Self::Stats(args) => &args.host,
            Self::Pulse(args) => &args.host,
            Self::Failures(args) => &args.host,
            Self::Plugins(args) => &args.host,
            Self::Tasks(args) => &args.host,
            Self::Tenants(args) => &args.host,
            Self::Audit(args) => &args.host,
            // These do not talk to a host.
            Self::Openapi(_) | Self::Completions(_) => return false,
        };
        host.json
    }
}

/// How to reach the host, and how to print its responses.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The host's URL
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7717", env = "SAGGAR_URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// A token of the host; use SAGGAR_TOKEN to hide it from the process list
    #[arg(long, env = "SAGGAR_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// The tenant that the command is about, for a token that has access to more than one
    #[arg(long, value_name = "NAME", env = "SAGGAR_TENANT")]
    pub(crate) tenant: Option<String>,

    /// How long to retry after the connection to the host was lost
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration, env = "SAGGAR_RETRY_FOR")]
    pub(crate) retry_for: Duration,

    /// Prints the host's response as JSON; refusals go to standard error, as JSON too
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The id of the task, such as `mail.send`
    pub(crate) task: String,

    /// The job's arguments, each a JSON value, or a string if it is not valid JSON
    #[arg(allow_negative_numbers = true, conflicts_with = "file")]
    pub(crate) args: Vec<String>,

    /// Adds a job for each line of a file (`-`: standard input). A line is a JSON array, the job's arguments, or an
    /// object such as {"args":["ada"],"delay_ms":500,"key":"ada"}
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// Waits for the end, prints the response, and sets the exit code by the result, as `saggar run` does
    #[arg(long)]
    pub(crate) wait: bool,

    /// No attempt starts before this time has passed
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) delay: Option<Duration>,

    /// No attempt starts before this time, such as 2026-11-24T10:00:00+01:00
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// Ready jobs of higher priority run first; 0 is the default
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i16>,

    /// While the job with this key is stored, its id is printed and no job is added; line number N (from 0) of a file
    /// has KEY/N
    #[arg(long)]
    pub(crate) key: Option<String>,

    /// While a matching job waits or runs, its id is printed and no job is added: `task` (any of the task), `args` (the
    /// same arguments), `args:0,2` (the same at these positions)
    #[arg(long, value_name = "BY", value_parser = unique)]
    pub(crate) unique: Option<wire::Unique>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The id of the job's task
    pub(crate) task: String,

    /// The job's id
    #[arg(value_parser = job_id())]
    pub(crate) id: u64,

    /// Waits for its end, and sets the exit code by its result
    #[arg(long)]
    pub(crate) wait: bool,

    /// Shows the attempts that have ended instead
    #[arg(long, conflicts_with = "wait")]
    pub(crate) attempts: bool,

    /// Shows also why it waits, or until when its attempt may run
    #[arg(long, conflicts_with_all = ["wait", "attempts"])]
    pub(crate) explain: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only jobs of this task
    #[arg(long)]
    pub(crate) task: Option<String>,

    /// Only jobs in this status
    #[arg(long, ignore_case = true)]
    pub(crate) status: Option<StatusArg>,

    /// Only jobs added at this time or later: 2026-11-24T10:00:00Z, or 2h (ago)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Only jobs added before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// Only jobs with this text in their progress, problem or reason, or in what they wait for
    #[arg(long)]
    pub(crate) text: Option<String>,

    #[command(flatten)]
    pub(crate) matching: Conditions,

    /// Prints how many jobs match, and lists none
    #[arg(long, conflicts_with_all = ["limit", "after", "all"])]
    pub(crate) count: bool,

    /// Sort order
    #[arg(long, default_value = "newest")]
    pub(crate) order: OrderArg,

    /// Maximum number of jobs
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// Continues after a page; pass the `next` value of that page
    #[arg(long, value_name = "NEXT")]
    pub(crate) after: Option<String>,

    /// All jobs; with --json one per line
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum StatusArg {
    Waiting,
    Running,
    Success,
    Failure,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OrderArg {
    Newest,
    Oldest,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only this task
    pub(crate) task: Option<String>,

    /// Only this job of the task, until it has ended; sets the exit code by its result
    #[arg(value_parser = job_id())]
    pub(crate) id: Option<u64>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The id of the job's task
    pub(crate) task: String,

    /// The job's id
    #[arg(value_parser = job_id())]
    pub(crate) id: u64,

    /// Follows the log until the job has ended
    #[arg(short, long)]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// The id of the jobs' task
    pub(crate) task: String,

    /// The jobs' ids
    #[arg(required = true, value_name = "ID", value_parser = job_id())]
    pub(crate) ids: Vec<u64>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The task's id
    pub(crate) task: String,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// Shows when the app was loaded and how the last reload ended, and reloads nothing
    #[arg(long)]
    pub(crate) status: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Tasks {
    /// The id of the task to show
    pub(crate) task: Option<String>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TenantsArgs {
    /// The name of the tenant to show
    pub(crate) name: Option<String>,

    /// Removes the data of this tenant, which must not be configured any more: its jobs with their logs and records, its key-value store,
    /// its deployments and its audit
    #[arg(long, requires = "name")]
    pub(crate) remove: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Openapi {
    /// Has no effect: the document is JSON
    #[arg(long = "json")]
    _json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,

    /// Prints the script and the shell's name as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn job_id() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}

/// Parses a duration as the configuration does.
fn duration(text: &str) -> Result<Duration, String> {
    config::time(text).ok_or_else(|| "invalid duration (examples: 30s, 1m 30s, or 30 for seconds)".to_owned())
}

/// Parses `task`, `args` or `args:0,2`.
fn unique(text: &str) -> Result<wire::Unique, String> {
    let by = |by, positions| Ok(wire::Unique { by, positions });
    match (text, text.strip_prefix("args:")) {
        ("task", _) => by(wire::UniqueScope::Task, None),
        ("args", _) => by(wire::UniqueScope::Args, None),
        (_, Some(positions)) => {
            let positions: Result<Vec<u32>, _> = positions.split(',').map(|at| at.trim().parse()).collect();
            by(wire::UniqueScope::Args, Some(positions.map_err(|_| "invalid position (a number from 0)".to_owned())?))
        }
        _ => Err("expected `task`, `args`, or `args:` and positions such as 0,2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_scopes_are_parsed() {
        let by = |text| unique(text).map(|unique| (unique.by, unique.positions));
        assert_eq!(by("task"), Ok((wire::UniqueScope::Task, None)));
        assert_eq!(by("args"), Ok((wire::UniqueScope::Args, None)));
        assert_eq!(by("args:0, 2"), Ok((wire::UniqueScope::Args, Some(vec![0, 2]))));
        for bad in ["", "Task", "args:", "args:x", "args:-1", "task:0"] {
            assert!(by(bad).is_err(), "{bad}");
        }
    }
}
