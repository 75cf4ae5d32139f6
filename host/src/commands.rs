//! The commands, one file each, and what they share: exit codes and the environment.

mod arguments;
mod backup;
mod check;
mod config;
mod definition;
mod open_files;
mod repeat;
mod run;
mod serve;
mod show;
mod signals;
mod source_excerpt;
mod token;

mod client;
mod job_view;
mod output;

mod add;
mod bulk_add;
mod change;
mod get;
mod list;
mod logs;
mod stats;
mod tasks;
mod wait;
mod watch;

mod completions;
mod openapi;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use saggar::Compiler;

use crate::cli::Command;
use crate::config::{Config, Loaded, Variables};
use crate::telemetry::Telemetry;

/// The job failed, the app has problems, or anything else failed.
const FAILURE: u8 = 1;

/// Wrong usage, or an error in the configuration.
pub(crate) const USAGE: u8 = 2;

/// Interrupted by a signal; the exit code that shells use for Ctrl-C.
const INTERRUPTED: u8 = 130;

/// The environment of a command: configuration, environment variables, and telemetry (log, metrics and traces).
pub(crate) struct CommandEnv {
    pub(crate) configuration: Loaded,
    pub(crate) variables: Arc<Variables>,
    pub(crate) telemetry: Telemetry,
}

impl CommandEnv {
    /// Creates a builder of a host with this configuration and environment.
    fn builder(&self, app: PathBuf) -> saggar::HostBuilder {
        let Config { allocator, cache_dir, env_allow, keep_bytes, .. } = &self.configuration.config;
        let variables = self.variables.clone();
        saggar::Host::builder(app)
            .allocator(*allocator)
            .cache_dir(cache_dir.clone())
            .keep_bytes(*keep_bytes as u64)
            .state_dir(self.variables.user_state_dir())
            // The running program, even if its file was replaced meanwhile.
            .compiler(Compiler::Process("/proc/self/exe".into()))
            .tracer(self.telemetry.tracer())
            .env_filtered(env_allow.clone(), move |name| variables.text(name).map(str::to_owned))
    }
}

pub(crate) async fn run(command: Command, env: &CommandEnv) -> ExitCode {
    let done = match command {
        Command::Check(args) => check::run(args, env).await,
        Command::Run(args) => run::run(args, env).await,
        Command::Serve(args) => serve::run(args, env).await,
        Command::Backup(args) => backup::run(args, env).await,
        Command::Config(args) => config::run(&args, &env.configuration),
        Command::Token(args) => token::run(&args),
        Command::Client(command) => client::run(command).await,
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            env.telemetry.failure(&error);
            ExitCode::from(FAILURE)
        }
    }
}
