//! The arguments of the commands about deployments.

use std::path::PathBuf;

use clap::Args;

use super::client::{HostArgs, job_id};
use crate::config::{EngineScope, Flags};

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The app: the directory that the host serves, or a copy of it to compare with what runs
    pub(crate) app: PathBuf,

    /// Shows what would change, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Runs up to N recorded attempts of each task whose code changes on the new code, the last ones, and shows what they do
    /// differently; they have no effect
    #[arg(long, value_name = "N", requires = "dry_run", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) against_last: Option<u16>,

    #[command(flatten)]
    pub(crate) host: HostArgs,

    #[command(flatten)]
    pub(crate) settings: Flags<EngineScope>,
}

#[derive(Debug, Args)]
pub(crate) struct DeploymentsArgs {
    /// The number of the deployment to show
    #[arg(value_parser = job_id())]
    pub(crate) number: Option<u64>,

    /// Saves the plugin or script of this name as that deployment has it, such as `plugins.mail.send`, to --output; a script is
    /// a JSON document with its files
    #[arg(long, value_name = "NAME", requires_all = ["number", "output"])]
    pub(crate) save: Option<String>,

    /// The file to write; it must not exist yet
    #[arg(short, long, value_name = "FILE", requires = "save")]
    pub(crate) output: Option<PathBuf>,

    /// Maximum number of deployments
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=100), conflicts_with = "number")]
    pub(crate) limit: u16,

    /// Continues after a page; pass the `next` value of that page
    #[arg(long, value_name = "NEXT", conflicts_with = "number")]
    pub(crate) before: Option<u64>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The number of the deployment to go back to; without it, the one before the running one
    #[arg(value_parser = job_id())]
    pub(crate) to: Option<u64>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}
