//! The command line: commands, arguments and help.

pub(crate) mod author;
pub(crate) mod client;
pub(crate) mod conditions;
pub(crate) mod deploy;
pub(crate) mod observe;
pub(crate) mod replay;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{self, DevScope, EngineScope, Flags, Loaded, RunScope, ServiceScope, StoreScope, Variables};

/// The last paragraph of every command's help.
const EXIT_CODES: &str = "Exit codes: 0 success; 1 the job failed, the host refused, the app has problems, or anything \
                          else failed; 2 wrong usage, an unknown task, or an error in the configuration; 3 the host \
                          cannot be reached, or the connection was lost; 130 interrupted.";

/// Runs background jobs as WebAssembly components, each in a sandbox.
#[derive(Debug, Parser)]
#[command(
    name = "saggar",
    version,
    long_version = long_version(),
    after_help = EXIT_CODES,
    // The command `help` below prints pages of the guide, too.
    disable_help_subcommand = true,
    mut_subcommands(|command| command.after_help(EXIT_CODES))
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Level of the host's own log, overriding the configuration: -v is info, -vv debug
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Returns the version of this program and of the engine of scripts.
fn long_version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{}\nscripts: {}", env!("CARGO_PKG_VERSION"), saggar::SCRIPT_ENGINE));
    &VERSION
}

impl Cli {
    /// Parses the command line of this process; an error in it ends the process. An empty variable counts as unset, as
    /// in the configuration.
    pub(crate) fn read(variables: &Variables) -> Self {
        let without_empty = |arg: Arg| match arg.get_env().and_then(OsStr::to_str) {
            Some(name) if variables.is_empty(name) => arg.env(None),
            _ => arg,
        };
        let mut command = Self::command().mut_subcommands(|command| command.mut_args(without_empty));
        let read = Self::from_arg_matches_mut(&mut command.get_matches_mut());
        read.unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Loads an app and prints every task with its limits and components, or every problem
    Check(Check),
    /// Adds a job, shows its progress, prints its response as JSON, and sets the exit code by its result
    Run(Run),
    /// Loads an app, runs its jobs and answers over HTTP until SIGTERM or Ctrl-C, then drains
    Serve(Serve),
    /// Serves an app to its author: reloads it whenever a file is saved, and shows problems, jobs and their logs
    Dev(Dev),
    /// Checks an app, shows what would change on the host that serves it, and makes the host load it
    Deploy(deploy::Deploy),
    /// Copies an app's jobs to a file, even while a host runs; the copy can be served
    Backup(Backup),
    /// Prints every key of the configuration, its value and where the value comes from, or every error in it
    Config(ConfigArgs),
    /// Generates a token for the HTTP API, and its digest for the configuration
    Token(Token),
    /// Prints the version of this program and of what it is made of, to check a build
    Version(VersionArgs),
    #[command(flatten)]
    Author(author::AuthorCommand),
    #[command(flatten)]
    Client(client::ClientCommand),
    /// Prints the help of a command, or a page of the guide; without either, lists both
    Help(Help),
}

impl Command {
    /// Loads the configuration of this command. Blocks while it reads the file; `verbose` counts `-v`.
    pub(crate) fn configuration(&self, verbose: u8, variables: &Variables) -> Loaded {
        match self {
            Self::Check(args) => match args.diff.as_deref() {
                // Only what the operator names counts for both.
                Some([_, new]) => config::load(new, &args.settings, verbose, variables),
                _ => config::load_for(args.app.as_deref(), &args.settings, verbose, variables),
            },
            Self::Run(args) => config::load(&args.app, &args.settings, verbose, variables),
            Self::Serve(args) => config::load_for(args.app.as_deref(), &args.settings, verbose, variables),
            Self::Dev(args) => config::load(&args.app, &args.settings, verbose, variables),
            Self::Deploy(args) => config::load(&args.app, &args.settings, verbose, variables),
            Self::Backup(args) => config::load(&args.app, &args.settings, verbose, variables),
            Self::Config(args) => config::load_for_show(args.app.as_deref(), &args.settings, verbose, variables),
            Self::Author(author::AuthorCommand::Test(args)) => {
                config::load(&args.app_dir(), &args.settings, verbose, variables)
            }
            Self::Author(author::AuthorCommand::Replay(args)) => {
                config::load(&args.app, &args.settings, verbose, variables)
            }
            Self::Token(_) | Self::Version(_) | Self::Author(_) | Self::Client(_) | Self::Help(_) => {
                config::load_without_app(verbose, variables)
            }
        }
    }

    /// Returns whether the command runs as a service until it is stopped.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Dev(_))
    }

    /// Returns the files that the command line names, for a command that is hardened. Commands for authors, who run their own
    /// code, are not.
    pub(crate) fn hardened(&self) -> Option<ServiceFiles<'_>> {
        match self {
            Self::Serve(Serve { app, settings, .. }) => {
                Some(ServiceFiles { app: app.as_deref(), configuration: settings.file.as_deref() })
            }
            _ => None,
        }
    }

    /// Returns whether the command writes files for an author, and nothing else.
    pub(crate) fn writes_sources(&self) -> bool {
        use author::AuthorCommand::{Component, New, Wit};
        matches!(self, Self::Author(Component(_) | New(_) | Wit(_)))
    }

    /// Returns whether the command itself reports errors in the configuration.
    pub(crate) fn reports_problems(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Config(_))
    }
}

/// The files that the command line of a service names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceFiles<'a> {
    /// The app's directory; `None` for the tenants of the configuration.
    pub(crate) app: Option<&'a Path>,
    /// The configuration, if it is not the app's own.
    pub(crate) configuration: Option<&'a Path>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The app: a directory with `tasks/`, and `plugins/` or `scripts/`; without it, the tenants of --config FILE
    pub(crate) app: Option<PathBuf>,

    /// Compares two apps, or two components: which capabilities, imports and limits NEW gains and loses
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "app")]
    pub(crate) diff: Option<Vec<PathBuf>>,

    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: Flags<EngineScope>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The app: a directory with `tasks/`, and `plugins/` or `scripts/`
    pub(crate) app: PathBuf,

    /// The id of the task, such as `mail.send`
    pub(crate) task: String,

    /// The job's arguments, each a JSON value, or a string if it is not valid JSON
    #[arg(allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,

    /// Prints the whole job instead of its response; with --repeat, the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Adds the job N times and prints jobs per second and latencies instead of the responses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) repeat: Option<u64>,

    /// Prints every job's id as soon as the job is stored
    #[arg(long, requires = "repeat")]
    pub(crate) ids: bool,

    #[command(flatten)]
    pub(crate) settings: Flags<RunScope>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The app: a directory with `tasks/`, and `plugins/` or `scripts/`; without it, the tenants of --config FILE
    pub(crate) app: Option<PathBuf>,

    /// Reloads the app whenever a task file, a plugin or the configuration has changed
    #[arg(long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) settings: Flags<ServiceScope>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The app: a directory with `tasks/` and `plugins/`
    pub(crate) app: PathBuf,

    #[command(flatten)]
    pub(crate) settings: Flags<DevScope>,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The app whose jobs are copied
    pub(crate) app: PathBuf,

    /// The file to write; it must not exist yet
    pub(crate) file: PathBuf,

    /// Prints the source and the target as one JSON document
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: Flags<StoreScope>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The app whose `saggar.toml` is read; without it, --config FILE, which has tenants
    app: Option<PathBuf>,

    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: Flags<ServiceScope>,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// What the token allows
    #[arg(long, default_value = "write", value_parser = ["read", "write", "admin", "operator"])]
    pub(crate) role: String,

    /// The token's name in the log
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A command, such as `test`, or a page of the guide, such as `testing`
    #[arg(value_name = "COMMAND|PAGE")]
    pub(crate) topic: Option<String>,

    /// Prints name and text as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Returns the width of the terminal, if the environment sets it.
#[expect(clippy::disallowed_methods, reason = "read when a table is printed, not with the configuration")]
pub(crate) fn columns() -> Option<u16> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0)
}
