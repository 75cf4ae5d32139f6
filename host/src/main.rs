//! The binary `saggar`: reads the command line and the environment, and runs one command.

/// Says something on standard error, or to nobody: that is no reason to stop what was asked for.
macro_rules! say {
    ($($words:tt)*) => { $crate::say(format_args!($($words)*)) };
}

mod cli;
mod commands;
mod config;
mod telemetry;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use commands::CommandEnv;
use config::Variables;
use rustix::fs::Mode;
use telemetry::Telemetry;

/// What a job consists of is made by one thread and freed by another, all the time, which is what this one is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // What the host writes (jobs, backups, compiled plugins) is for its user alone.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    // A host starts this program again to compile plugins; then it is nothing else.
    if let Some(code) = saggar::compile_if_asked(std::env::args_os()) {
        return code;
    }
    // The one place that reads the environment.
    let variables: Arc<Variables> = Arc::new(std::env::vars_os().collect());
    telemetry::apply_no_color(&variables);
    let cli = cli::Cli::read(&variables);
    let configuration = cli.command.configuration(cli.verbose, &variables);
    if configuration.has_errors() && !cli.command.reports_problems() {
        telemetry::report_config_problems(&configuration, &variables);
        return ExitCode::from(commands::USAGE);
    }
    let telemetry = match Telemetry::start(&cli.command, &configuration.config, &variables) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            say!("saggar: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if !cli.command.reports_problems() {
        telemetry.problems(&configuration.problems);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("saggar").build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say!("saggar: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let env = CommandEnv { configuration, variables, telemetry };
    let code = runtime.block_on(commands::run(cli.command, &env));
    // A blocking task could still be compiling a component; nobody waits for it any more.
    runtime.shutdown_background();
    env.telemetry.end();
    code
}

/// What `say!` does.
fn say(words: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr().lock(), "{words}"));
}
