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
