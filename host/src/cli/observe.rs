//! The arguments of the commands that show what a host does.

use clap::Args;

use super::client::HostArgs;

#[derive(Debug, Args)]
pub(crate) struct Pulse {
    /// Only this task; without it, the sum of all
    pub(crate) task: Option<String>,

    /// The seconds between two lines
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) every: u64,

    /// Ends after this many lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FailureArgs {
    /// Only jobs of this task; mail.* stands for all tasks that begin with mail.
    pub(crate) task: Option<String>,

    /// Only jobs that ended at this time or later: 2026-11-24T10:00:00Z, or 2h (ago)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Only jobs whose last attempt ran a component whose digest begins like this
    #[arg(long)]
    pub(crate) digest: Option<String>,

    /// Continues where an answer ended; pass the `next` value of that answer
    #[arg(long, value_name = "NEXT")]
    pub(crate) after: Option<String>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The name of the plugin or script to show, such as plugins.mail.send
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Maximum number of entries
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// Continues after a page; pass the `next` value of that page
    #[arg(long, value_name = "NEXT")]
    pub(crate) after: Option<String>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}
