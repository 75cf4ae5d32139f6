//! `saggar completions`: prints a completion script for a shell.

use clap::CommandFactory;
use serde_json::json;

use super::output;
use crate::cli::Cli;
use crate::cli::client::Completions;

pub(crate) fn run(args: &Completions) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "saggar", &mut script);
    let script = String::from_utf8(script)?;
    if args.json {
        output::json(&json!({ "shell": args.shell.to_string(), "script": script }).to_string())?;
    } else {
        output::write(&script)?;
    }
    Ok(0)
}
