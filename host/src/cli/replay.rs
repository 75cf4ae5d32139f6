//! The arguments of the commands about recorded attempts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::client::HostArgs;
use crate::config::{EngineScope, Flags};

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The id of the task, such as `mail.send`
    #[arg(required_unless_present = "record")]
    pub(crate) task: Option<String>,

    /// The id of the job
    #[arg(required_unless_present = "record")]
    pub(crate) id: Option<u64>,

    /// The number of the attempt [default: the last one that was recorded]
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,

    /// Reads the record from a file that --save wrote, instead of from a host
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["task", "id", "attempt"])]
    pub(crate) record: Option<PathBuf>,

    /// Writes the record to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) save: Option<PathBuf>,

    /// Runs another component, and shows what it does differently
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<PathBuf>,

    /// Replays twice, and compares also the memories after the call
    #[arg(long)]
    pub(crate) verify: bool,

    /// The app with the component or script that ran
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) app: PathBuf,

    /// The timeout of a call [default: more than that of the task, unless the attempt was stopped at it]
    #[arg(long, value_name = "DURATION", value_parser = super::author::duration)]
    pub(crate) timeout: Option<Duration>,

    #[command(flatten)]
    pub(crate) host: HostArgs,

    #[command(flatten)]
    pub(crate) settings: Flags<EngineScope>,
}

#[derive(Debug, Args)]
pub(crate) struct Capture {
    /// The id of the task, such as `mail.send`
    pub(crate) task: String,

    /// The id of the job
    pub(crate) id: u64,

    /// The number of the attempt [default: the last one that was recorded]
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}
