//! One file per command, and what they share: exit codes and how problems are shown.

mod arguments;
mod backup;
mod check;
mod open_files;
mod repeat;
mod run;
mod serve;
mod show;

mod ask;
mod job_sheet;
mod output;

mod add;
mod change;
mod feed;
mod get;
mod list;
mod logs;
mod stats;
mod tasks;
mod wait;
mod watch;

mod completions;
mod openapi;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// The job failed, or the app has problems.
const FAILURE: u8 = 1;

/// The command line, or what it names, makes no sense.
const USAGE: u8 = 2;

/// Ended by Ctrl-C, as shells count it.
const INTERRUPTED: u8 = 130;

pub(crate) async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Check(args) => check::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Client(command) => ask::run(command).await,
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("saggar: {error:#}");
            ExitCode::from(FAILURE)
        }
    }
}
