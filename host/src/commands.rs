//! The commands, one file each, and what they share: exit codes and the environment.

mod arguments;
mod backup;
mod check;
mod config;
mod definition;
mod deploy;
mod deployments;
mod dev;
mod job_output;
mod open_files;
mod repeat;
mod run;
mod serve;
mod served;
mod service;
mod show;
mod signals;
mod source_excerpt;
mod token;
mod version;

mod component;
mod new;
mod replay;
mod schema;
mod test;
mod wit;

mod client;
mod job_view;
mod output;

mod add;
mod audit;
mod bulk_add;
mod bulk_change;
mod capture;
mod change;
mod failures;
mod get;
mod list;
mod logs;
mod plugins;
mod pulse;
mod reload;
mod rollback;
mod stats;
mod tasks;
mod tenants;
mod wait;
mod watch;

mod completions;
mod help;
mod openapi;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use saggar::{CompileState, Compiler};
use saggar_sandbox::escaped;

use crate::cli::Command;
use crate::cli::author::AuthorCommand;
use crate::config::{Config, Loaded, Variables};
use crate::harden::Hardening;
use crate::telemetry::Telemetry;

/// The job failed, the app has problems, or anything else failed.
const FAILURE: u8 = 1;

/// Wrong usage, or an error in the configuration.
pub(crate) const USAGE: u8 = 2;

/// Interrupted by a signal; the exit code that shells use for Ctrl-C.
const INTERRUPTED: u8 = 130;

/// A compilation that takes longer is reported.
const SLOW_COMPILATION: Duration = Duration::from_secs(1);

/// For tests, in debug builds only: the milliseconds to use instead, because it depends on the machine how long a compilation
/// takes.
const SLOW_COMPILATION_VARIABLE: &str = "SAGGAR_SLOW_COMPILATION_MS";

/// The environment of a command: configuration, environment variables, and telemetry (log, metrics and traces).
pub(crate) struct CommandEnv {
    pub(crate) configuration: Arc<Loaded>,
    /// The number of `-v`.
    pub(crate) verbose: u8,
    pub(crate) variables: Arc<Variables>,
    pub(crate) hardening: Hardening,
    pub(crate) telemetry: Telemetry,
}

impl CommandEnv {
    /// Creates a builder of a host with this configuration and environment.
    fn builder(&self, app: PathBuf) -> saggar::HostBuilder {
        let Config { allocator, cache_dir, env_allow, keep_bytes, .. } = &self.configuration.config;
        saggar::Host::builder(app)
            .allocator(*allocator)
            .cache_dir(cache_dir.clone())
            .keep_bytes(*keep_bytes as u64)
            .state_dir(self.variables.user_state_dir())
            .compiler(self.hardening.launcher().map_or_else(compiler, Compiler::Launched))
            .report_compiling(self.slow_compilation(), say_compiling)
            .tracer(self.telemetry.tracer())
            .grants(self.configuration.grants.clone())
            .secret_program(self.hardening.secret_program())
            .env_filtered(env_allow.clone(), self.values())
    }

    /// Creates a builder of a host for the app of a tenant, if the configuration has the tenant: with what it is granted.
    fn builder_of(&self, app: PathBuf, tenant: Option<&str>) -> saggar::HostBuilder {
        let builder = self.builder(app);
        let mut tenants = self.configuration.tenants.iter().map(|tenant| &tenant.settings);
        match tenants.find(|settings| Some(&*settings.name) == tenant) {
            Some(settings) => {
                builder.grants(settings.grants.clone()).env_filtered(settings.env_allow.clone(), self.values())
            }
            None => builder,
        }
    }

    /// Returns the lookup for the values of environment variables.
    fn values(&self) -> impl Fn(&str) -> Option<String> + Send + Sync + use<> {
        let variables = self.variables.clone();
        move |name| variables.text(name).map(str::to_owned)
    }

    /// Returns the time after which a compilation is reported.
    fn slow_compilation(&self) -> Duration {
        let chosen = self.variables.text(SLOW_COMPILATION_VARIABLE).and_then(|text| text.parse().ok());
        match chosen {
            Some(millis) if cfg!(debug_assertions) => Duration::from_millis(millis),
            _ => SLOW_COMPILATION,
        }
    }
}

/// Returns the compiler of plugins of a process that may start programs: the running program, even if its file was replaced meanwhile.
fn compiler() -> Compiler {
    Compiler::Process("/proc/self/exe".into())
}

/// Tells the user of a command that it waits for the compilation of a plugin.
fn say_compiling(file: &Path, state: CompileState) {
    match state {
        CompileState::Running => say!("saggar: compiling {}", escaped(&file.to_string_lossy())),
        CompileState::Ended(took) => {
            say!("saggar: compiled {} in {:.1} s", escaped(&file.to_string_lossy()), took.as_secs_f64());
        }
    }
}

/// Logs that a service compiles a plugin.
fn log_compiling(file: &Path, state: CompileState) {
    let plugin = file.display();
    match state {
        CompileState::Running => tracing::info!(%plugin, "compiling a plugin"),
        CompileState::Ended(took) => {
            tracing::info!(%plugin, took_ms = took.as_millis() as u64, "compiled a plugin");
        }
    }
}

pub(crate) async fn run(command: Command, env: &CommandEnv) -> ExitCode {
    let done = match command {
        Command::Check(args) => check::run(args, env).await,
        Command::Run(args) => run::run(args, env).await,
        Command::Serve(args) => serve::run(args, env).await,
        Command::Dev(args) => dev::run(args, env).await,
        Command::Deploy(args) => deploy::run(args, env).await,
        Command::Backup(args) => backup::run(args, env).await,
        Command::Config(args) => config::run(&args, &env.configuration),
        Command::Token(args) => token::run(&args),
        Command::Version(args) => version::run(&args),
        Command::Author(AuthorCommand::Component(args)) => component::run(args).await,
        Command::Author(AuthorCommand::New(args)) => new::run(&args),
        Command::Author(AuthorCommand::Replay(args)) => replay::run(args, env).await,
        Command::Author(AuthorCommand::Test(args)) => test::run(args, env).await,
        Command::Author(AuthorCommand::Wit(args)) => wit::run(&args),
        Command::Author(AuthorCommand::Schema(args)) => schema::run(&args),
        Command::Help(args) => help::run(&args),
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
