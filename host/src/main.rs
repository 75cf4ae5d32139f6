//! The binary `saggar`: reads the command line and the environment, and runs one command.

/// Writes a line to standard error. Ignores errors, because a failed write must not stop the command.
macro_rules! say {
    ($($words:tt)*) => { $crate::say(format_args!($($words)*)) };
}

mod cli;
mod commands;
mod config;
mod harden;
mod inputs;
mod problems;
mod telemetry;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use commands::CommandEnv;
use config::Variables;
use harden::Hardening;
use rustix::fs::Mode;
use telemetry::Telemetry;

/// mimalloc, because it handles well that one thread allocates the parts of a job and another thread frees them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Only the host's user may access the files that it writes: jobs, backups, compiled plugins.
    let users_mask = rustix::process::umask(Mode::from_raw_mode(0o077));
    // A host starts this program again as a compiler of plugins.
    if let Some(code) = saggar::compile_if_asked(std::env::args_os()) {
        return code;
    }
    // The only place that reads the whole environment.
    let variables: Arc<Variables> = Arc::new(std::env::vars_os().collect());
    telemetry::apply_no_color(&variables);
    let cli = cli::Cli::read(&variables);
    if cli.command.writes_sources() {
        // What an author keeps in a repository has the author's own permissions.
        rustix::process::umask(users_mask);
    }
    let configuration = cli.command.configuration(cli.verbose, &variables);
    if configuration.has_errors() && !cli.command.reports_problems() {
        telemetry::report_config_problems(&configuration, &variables);
        return ExitCode::from(commands::USAGE);
    }
    // Before there are other threads, which it would leave out.
    let hardening = match Hardening::start(&cli.command, &configuration, &variables) {
        Ok(hardening) => hardening,
        Err(error) => {
            say!("saggar: {error:#}");
            return ExitCode::FAILURE;
        }
    };
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
            say!("saggar: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let configuration = Arc::new(configuration);
    let env = CommandEnv { configuration, verbose: cli.verbose, variables, hardening, telemetry };
    let code = runtime.block_on(commands::run(cli.command, &env));
    // A blocking task may still be compiling a component, and its result is no longer needed.
    runtime.shutdown_background();
    env.telemetry.end();
    code
}

/// Implements `say!`.
fn say(words: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr().lock(), "{words}"));
}
