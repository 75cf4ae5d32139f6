//! The command line: its words, its help, and where the log goes.

pub(crate) mod client;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use saggar::api::{BadToken, Role, Token};
use saggar::{Allocator, Durability, StoreChoice};

/// The one tenant of a host that serves an app.
const TENANT: &str = "default";

/// Runs background jobs as WebAssembly components, each in a sandbox.
#[derive(Debug, Parser)]
#[command(
    name = "saggar",
    version,
    after_help = "Exit codes: 0 success; 1 the job failed, the host refused, or the app has problems; 2 wrong usage, or a \
                  task that there is not; 3 no host at that address, or the connection was lost; 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Says more about what the host does: -v, -vv
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Loads an app and prints every task with its limits and components, or every problem
    Check(Check),
    /// Adds a job, shows its progress, prints its response as JSON, and ends by its result
    Run(Run),
    /// Loads an app, works on its jobs and answers over HTTP until SIGTERM or Ctrl-C, then lets what runs end
    Serve(Serve),
    /// Copies an app's jobs to a file, also while a host works on them; the copy can be served
    Backup(Backup),
    #[command(flatten)]
    Client(client::ClientCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The app: a directory with `tasks/` and `plugins/`
    pub(crate) app: PathBuf,

    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The app: a directory with `tasks/` and `plugins/`
    pub(crate) app: PathBuf,

    /// The id of the task, such as `mail.send`
    pub(crate) task: String,

    /// The job's arguments, each a JSON value, or a string if it is no JSON
    #[arg(allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,

    /// Prints the whole job, not its response only; with --repeat, the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Adds the job N times and prints how fast it went instead of the responses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) repeat: Option<u64>,

    /// Prints every job's id as soon as the job is kept
    #[arg(long, requires = "repeat")]
    pub(crate) ids: bool,

    /// Where jobs live: memory, sqlite (in APP/.saggar/saggar.db), or sqlite:PATH
    #[arg(long, value_name = "STORE", default_value = "memory", env = "SAGGAR_STORE")]
    store: StoreChoice,

    #[command(flatten)]
    durability: DurabilityArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The app: a directory with `tasks/` and `plugins/`
    pub(crate) app: PathBuf,

    /// Where the HTTP service listens; with port 0, at any port that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7717", env = "SAGGAR_LISTEN")]
    pub(crate) listen: SocketAddr,

    /// Who may use the HTTP service: a role (admin, write, read) and the SHA-256 of a token; can stand more than once. Without
    /// any, whoever reaches 127.0.0.1 may do everything
    #[arg(long = "token", value_name = "ROLE:SHA256", env = "SAGGAR_TOKENS", value_delimiter = ',', value_parser = token)]
    pub(crate) tokens: Vec<Token>,

    /// How long running jobs may go on after SIGTERM or Ctrl-C; then they are stopped and put back
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration, env = "SAGGAR_DRAIN")]
    pub(crate) drain: Duration,

    /// Where jobs live: memory, sqlite (in APP/.saggar/saggar.db), or sqlite:PATH
    #[arg(long, value_name = "STORE", default_value = "sqlite", env = "SAGGAR_STORE")]
    store: StoreChoice,

    #[command(flatten)]
    durability: DurabilityArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The app whose jobs are copied
    pub(crate) app: PathBuf,

    /// The file to write; there must be none yet
    pub(crate) file: PathBuf,

    /// The store to copy: sqlite (in APP/.saggar/saggar.db), or sqlite:PATH
    #[arg(long, value_name = "STORE", default_value = "sqlite", env = "SAGGAR_STORE")]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Args)]
struct DurabilityArgs {
    /// What an answered step survives, in a SQLite store
    #[arg(long, value_enum, default_value_t = DurabilityArg::Full, env = "SAGGAR_DURABILITY")]
    durability: DurabilityArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DurabilityArg {
    /// A power cut
    Full,
    /// The death of the process, but perhaps not a power cut
    Normal,
}

impl Run {
    /// The store with its durability.
    pub(crate) fn store(&self) -> StoreChoice {
        self.durability.of(&self.store)
    }
}

impl Serve {
    /// The store with its durability.
    pub(crate) fn store(&self) -> StoreChoice {
        self.durability.of(&self.store)
    }
}

/// `ROLE:SHA256`.
fn token(text: &str) -> Result<Token, BadToken> {
    let (role, sha256) = text.split_once(':').ok_or(BadToken::Role)?;
    let role: Role = role.parse()?;
    Token::new(role.name(), TENANT, role, sha256)
}

impl DurabilityArgs {
    fn of(&self, store: &StoreChoice) -> StoreChoice {
        store.clone().with_durability(match self.durability {
            DurabilityArg::Full => Durability::Full,
            DurabilityArg::Normal => Durability::Normal,
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// Where compiled components are kept [default: the user's cache directory]
    #[arg(long, value_name = "DIR", env = "SAGGAR_CACHE_DIR")]
    cache_dir: Option<PathBuf>,

    /// Where instances come from
    #[arg(long, value_enum, default_value_t = AllocatorArg::Pooling, env = "SAGGAR_ALLOCATOR")]
    allocator: AllocatorArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AllocatorArg {
    /// A pool that is reserved at the start
    Pooling,
    /// The operating system, one instance at a time
    OnDemand,
}

impl EngineArgs {
    /// A builder with these settings, and with the environment of this process.
    pub(crate) fn builder(&self, app: PathBuf) -> saggar::HostBuilder {
        let allocator = match self.allocator {
            AllocatorArg::Pooling => Allocator::Pooling,
            AllocatorArg::OnDemand => Allocator::OnDemand,
        };
        let cache_dir = self.cache_dir.clone().or_else(user_cache_dir);
        saggar::Host::builder(app).allocator(allocator).cache_dir(cache_dir).env(variable)
    }
}

/// `$XDG_CACHE_HOME/saggar`, else `~/.cache/saggar`.
fn user_cache_dir() -> Option<PathBuf> {
    let base = match variable("XDG_CACHE_HOME").filter(|dir| dir.starts_with('/')) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(variable("HOME").filter(|dir| dir.starts_with('/'))?).join(".cache"),
    };
    Some(base.join("saggar"))
}

/// The columns of the terminal, if the environment says how many it has.
pub(crate) fn columns() -> Option<u16> {
    variable("COLUMNS")?.parse().ok().filter(|columns| *columns > 0)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The host's own log goes to standard error: warnings, for `serve` what it does too, and more with -v or RUST_LOG.
pub(crate) fn start_log(cli: &Cli) {
    let is_service = matches!(cli.command, Command::Serve(_));
    let default = match cli.verbose {
        0 if !is_service => "warn",
        0 | 1 => "info",
        _ => "debug",
    };
    let filter = variable("RUST_LOG").filter(|filter| !filter.is_empty()).unwrap_or_else(|| default.to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && variable("NO_COLOR").is_none())
        .init();
}
