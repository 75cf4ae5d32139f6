//! The binary `saggar`: reads the command line and the environment, and runs one command.

mod cli;
mod commands;
mod config;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use commands::Surroundings;
use config::Variables;

/// What a job consists of is made by one thread and freed by another, all the time, which is what this one is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // The one place that reads the environment.
    let variables: Arc<Variables> = Arc::new(std::env::vars_os().collect());
    let configuration = cli.command.configuration(cli.verbose, &variables);
    if !cli.command.tells_mistakes() {
        commands::show_problems(&configuration.problems);
        if configuration.has_errors() {
            return ExitCode::from(commands::USAGE);
        }
    }
    cli::start_log(&configuration.config.log_level, configuration.config.log_format, &variables);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("saggar").build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("saggar: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(commands::run(cli.command, Surroundings { configuration, variables }));
    // A blocking task could still be compiling a component; nobody waits for it any more.
    runtime.shutdown_background();
    code
}
