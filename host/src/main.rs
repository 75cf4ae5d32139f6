//! The binary `saggar`: reads the command line and the environment, and runs one command.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser;

/// What a job consists of is made by one thread and freed by another, all the time, which is what this one is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli::start_log(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("saggar").build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("saggar: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(commands::run(cli));
    // A blocking task could still be compiling a component; nobody waits for it any more.
    runtime.shutdown_background();
    code
}
