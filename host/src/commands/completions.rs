//! `saggar completions`: a script for a shell.

use clap::CommandFactory;

use super::output;
use crate::cli::Cli;
use crate::cli::client::Completions;

pub(crate) fn run(args: &Completions) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "saggar", &mut script);
    output::write(&String::from_utf8(script)?)?;
    Ok(0)
}
