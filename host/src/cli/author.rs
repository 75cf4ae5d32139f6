//! The arguments of the commands for authors of plugins: making components, the contract, tests, and templates.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use saggar::Role;

use super::replay::Replay;
use crate::config::{self, EngineScope, Flags};

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorCommand {
    /// Writes an app, a task or a plugin from a template, with a test; installs nothing
    New(New),
    /// Calls a function of a plugin or script once, without a queue, or runs the `*.test.json` files of an app
    Test(Test),
    /// Makes a recorded attempt again, from its record and its component, and says what is different
    Replay(Replay),
    /// Makes a component from a core WebAssembly module, as compilers for C, Go and Zig write it
    Component(Component),
    /// Prints the contract between host and plugins (WIT), or writes it to a directory
    Wit(Wit),
    /// Prints the JSON Schema of task files or of test files, for editors
    Schema(Schema),
}

/// A role of a plugin, by the name of its interface, or of its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Does the work of a task
    #[value(alias = "process")]
    Processor,
    /// Returns the id of a new job
    #[value(alias = "next")]
    IdSource,
    /// Called when a job was added
    #[value(alias = "on-add")]
    AddHandler,
    /// Called with a job's progress
    #[value(alias = "on-progress")]
    ProgressHandler,
    /// Called when a job succeeded
    #[value(alias = "on-success")]
    SuccessHandler,
    /// Called when a job failed
    #[value(alias = "on-error")]
    ErrorHandler,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Processor => Self::Processor,
            RoleArg::IdSource => Self::IdSource,
            RoleArg::AddHandler => Self::AddHandler,
            RoleArg::ProgressHandler => Self::ProgressHandler,
            RoleArg::SuccessHandler => Self::SuccessHandler,
            RoleArg::ErrorHandler => Self::ErrorHandler,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Component {
    /// The core module; it exports functions such as `saggar:task/processor@0.1.0#process`
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) module: PathBuf,

    /// A role that the module implements; can be repeated [default: the roles whose functions it exports]
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Vec<RoleArg>,

    /// The file of an adapter for imports from the module NAME (by default the name of the file); can be repeated.
    /// Modules of WASI preview 1 need none
    #[arg(long, value_name = "[NAME=]FILE")]
    pub(crate) adapter: Vec<String>,

    /// The component to write; an existing file is replaced
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// Prints path, size and exports of the component as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Wit {
    /// Only this role, and a world `guest` of a plugin with it; can be repeated
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Vec<RoleArg>,

    /// Writes the files to this directory, which must be new or empty
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,

    /// Prints the files with their names as one JSON document
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// The kind of file
    pub(crate) of: SchemaKind,

    /// Has no effect: a schema is JSON
    #[arg(long = "json")]
    _json: bool,
}

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// A file below `tasks/`
    Task,
    /// A file `*.test.json`
    TestFile,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The file of a component or script, a reference such as `plugins.mail#send` or `scripts.mail.Send`, a `*.test.json` file, a test case of `saggar capture`, or an app, whose `*.test.json`
    /// files are run
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) target: String,

    /// The job's arguments, each a JSON value, or a string if it is not valid JSON
    #[arg(allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,

    /// The app of a reference, and of the task
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) app: PathBuf,

    /// The role to call
    #[arg(long, default_value = "processor")]
    pub(crate) role: RoleArg,

    /// What a handler is called with, as JSON: the job's response for success-handler, {"code":"…","message":"…"} for
    /// error-handler, {"current":1,"total":2,"message":"…"} for progress-handler
    #[arg(long, value_name = "JSON", conflicts_with = "args")]
    pub(crate) input: Option<String>,

    /// One of several handlers in the component, as a reference names it after `#`, or the function of a script
    #[arg(long, value_name = "NAME")]
    pub(crate) handler: Option<String>,

    /// Makes N calls in the same sandbox, and prints how long they took
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) repeat: Option<u32>,

    /// The task of the app whose limits count, if several name the function
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<String>,

    /// The timeout of a call [default: that of the task]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// The memory of the sandbox [default: that of the task]
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: Option<String>,

    /// Prints one JSON document
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: Flags<EngineScope>,
}

impl Test {
    /// Returns the directory of the app: the target, if it is one.
    pub(crate) fn app_dir(&self) -> PathBuf {
        let target = PathBuf::from(&self.target);
        if target.is_dir() { target } else { self.app.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// What to write
    pub(crate) what: TemplateKind,

    /// Its name: a directory for an app or a plugin, the id of a task; letters, digits, `-` and `_`
    pub(crate) name: String,

    /// The language of the plugin, or of the task's processor
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Language>,

    /// The app that a task is written to, or the directory in which an app or a plugin is created
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// Prints the written files and the next commands as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateKind {
    /// A directory with a task and a script
    App,
    /// A task in an app, with its processor
    Task,
    /// A plugin in a directory of its own
    Plugin,
}

/// A language of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// JavaScript that needs no build
    Script,
    /// Rust, with cargo
    Rust,
    /// JavaScript as a component, with npm
    Js,
    /// Python, with componentize-py
    Python,
    /// C, with clang or zig
    C,
    /// Go 1.27
    Go,
}

/// Parses a duration as the configuration does.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    config::time(text).ok_or_else(|| "invalid duration (examples: 30s, 1m 30s, or 30 for seconds)".to_owned())
}
