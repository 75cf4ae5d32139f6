//! The words of the commands that talk to a host over HTTP, and of the two that need neither host nor app.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use saggar_api::wire;

use crate::config;

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Adds a job, or many from a file, to a host that runs
    Add(Add),
    /// Shows a job
    Get(Get),
    /// Lists jobs, the newest first
    List(List),
    /// Shows what happens as it happens: a bar per running job, and how many jobs stand where
    Watch(Watch),
    /// Prints a job's log
    Logs(Logs),
    /// Cancels jobs: one that waits ends at once, one that runs is stopped
    Cancel(JobsArgs),
    /// Lets ended jobs run again
    Retry(JobsArgs),
    /// Delivers callbacks again whose handler failed: given up ones, and at once those that wait for their next try
    Redeliver(JobsArgs),
    /// Forgets jobs that wait or have ended, with all that is kept of them
    Delete(JobsArgs),
    /// Lets no more attempts of a task begin, over restarts too
    Pause(TaskArgs),
    /// Ends a pause
    Resume(TaskArgs),
    /// Shows how many jobs of each task stand where, and how often what happens
    Stats(Stats),
    /// Lists the tasks of a host, or shows one as it holds, with defaults filled in
    Tasks(Tasks),
    /// Prints the OpenAPI document of a host's HTTP service
    Openapi(Openapi),
    /// Prints a script by which a shell completes this command line
    Completions(Completions),
}

impl ClientCommand {
    /// Whether a host's answers are shown as JSON, refusals too.
    pub(crate) fn wants_json(&self) -> bool {
        let host = match self {
            Self::Add(args) => &args.host,
            Self::Get(args) => &args.host,
            Self::List(args) => &args.host,
            Self::Watch(args) => &args.host,
            Self::Logs(args) => &args.host,
            Self::Cancel(args) | Self::Retry(args) | Self::Redeliver(args) | Self::Delete(args) => &args.host,
            Self::Pause(args) | Self::Resume(args) => &args.host,
            Self::Stats(args) => &args.host,
            Self::Tasks(args) => &args.host,
            // They ask nobody.
            Self::Openapi(_) | Self::Completions(_) => return false,
        };
        host.json
    }
}

/// Where the host is, and in which form its answers are shown.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The host's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7717", env = "SAGGAR_URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// A token of the host's; as SAGGAR_TOKEN it is not seen by others who list processes
    #[arg(long, env = "SAGGAR_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// How long to try again when a host that was there is gone
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration, env = "SAGGAR_RETRY_FOR")]
    pub(crate) retry_for: Duration,

    /// Prints JSON, as the host answers it; what it refuses goes to standard error, as a JSON document too
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The id of the task, such as `mail.send`
    pub(crate) task: String,

    /// The job's arguments, each a JSON value, or a string if it is no JSON
    #[arg(allow_negative_numbers = true, conflicts_with = "file")]
    pub(crate) args: Vec<String>,

    /// Adds a job for each line of a file (`-`: standard input). A line is a JSON array, the job's arguments, or an object
    /// such as {"args":["ada"],"delay_ms":500,"key":"ada"}
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// Waits for the end, prints the response, and exits by the result, as `saggar run` does
    #[arg(long)]
    pub(crate) wait: bool,

    /// No attempt begins before this time has gone by
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) delay: Option<Duration>,

    /// No attempt begins before this moment, such as 2026-11-24T10:00:00+01:00
    #[arg(long, value_name = "MOMENT")]
    pub(crate) at: Option<String>,

    /// Ready jobs of higher priority are claimed first; 0 is ordinary
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i16>,

    /// While a job of the task with this key is kept, it is answered instead of adding another one; line number N (from 0)
    /// of a file has KEY/N
    #[arg(long)]
    pub(crate) key: Option<String>,

    /// While such a job waits or runs, it is answered instead: `task` (any of the task), `args` (one with the same
    /// arguments), `args:0,2` (with the same at these positions)
    #[arg(long, value_name = "BY", value_parser = unique)]
    pub(crate) unique: Option<wire::Unique>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The id of its task
    pub(crate) task: String,

    /// Its number
    #[arg(value_parser = job_id())]
    pub(crate) id: u64,

    /// Waits for its end, and exits by its result
    #[arg(long)]
    pub(crate) wait: bool,

    /// Shows the attempts that are over instead
    #[arg(long, conflicts_with = "wait")]
    pub(crate) attempts: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only jobs of this task
    #[arg(long)]
    pub(crate) task: Option<String>,

    /// Only jobs that stand there
    #[arg(long, ignore_case = true)]
    pub(crate) status: Option<StatusArg>,

    /// Only jobs added at this moment or later: 2026-11-24T10:00:00Z, or 2h (ago)
    #[arg(long, value_name = "MOMENT")]
    pub(crate) since: Option<String>,

    /// Only jobs added before this moment
    #[arg(long, value_name = "MOMENT")]
    pub(crate) until: Option<String>,

    /// Only jobs whose progress message or problem contains this
    #[arg(long)]
    pub(crate) text: Option<String>,

    /// Which come first
    #[arg(long, default_value = "newest")]
    pub(crate) order: OrderArg,

    /// No more than this many
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// Goes on after the page whose `next` this is
    #[arg(long, value_name = "NEXT")]
    pub(crate) after: Option<String>,

    /// All of them; with --json one a line
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

    /// Only this job of it, until it has ended; exits by its result
    #[arg(value_parser = job_id())]
    pub(crate) id: Option<u64>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The id of the job's task
    pub(crate) task: String,

    /// The job's number
    #[arg(value_parser = job_id())]
    pub(crate) id: u64,

    /// Goes on with what is written from now on, until the job has ended
    #[arg(short, long)]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// The id of the jobs' task
    pub(crate) task: String,

    /// Their numbers
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
pub(crate) struct Openapi {
    /// Changes nothing: the document is JSON
    #[arg(long = "json")]
    _json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,

    /// Prints the script as a text within JSON, with the shell's name
    #[arg(long)]
    pub(crate) json: bool,
}

fn job_id() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}

/// Reads a length of time, as the configuration has them.
fn duration(text: &str) -> Result<Duration, String> {
    config::time(text).ok_or_else(|| "write for example 30s, 1m 30s, or 30, which are seconds".to_owned())
}

/// Reads `task`, `args` or `args:0,2`.
fn unique(text: &str) -> Result<wire::Unique, String> {
    let by = |by, positions| Ok(wire::Unique { by, positions });
    match (text, text.strip_prefix("args:")) {
        ("task", _) => by(wire::UniqueScope::Task, None),
        ("args", _) => by(wire::UniqueScope::Args, None),
        (_, Some(positions)) => {
            let positions: Result<Vec<u32>, _> = positions.split(',').map(|at| at.trim().parse()).collect();
            by(wire::UniqueScope::Args, Some(positions.map_err(|_| "a position is a number from 0".to_owned())?))
        }
        _ => Err("write `task`, `args`, or `args:` and positions such as 0,2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_job_unique_is_read() {
        let by = |text| unique(text).map(|unique| (unique.by, unique.positions));
        assert_eq!(by("task"), Ok((wire::UniqueScope::Task, None)));
        assert_eq!(by("args"), Ok((wire::UniqueScope::Args, None)));
        assert_eq!(by("args:0, 2"), Ok((wire::UniqueScope::Args, Some(vec![0, 2]))));
        for bad in ["", "Task", "args:", "args:x", "args:-1", "task:0"] {
            assert!(by(bad).is_err(), "{bad}");
        }
    }
}
