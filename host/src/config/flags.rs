//! The keys as flags: generated from the table of keys, so that each key has a flag. Owns which command has which flag.
//! Values remain text here, so that their errors are reported together with those of the file and the environment.

use std::marker::PhantomData;
use std::path::PathBuf;

use clap::error::Result;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};

use super::input::{Node, RawValue};
use super::keys::{self, Key};

/// The argument with the path of the configuration file.
const FILE: &str = "config";

/// The variable with that path, if the argument is not given.
pub(super) const FILE_VARIABLE: &str = "SAGGAR_CONFIG";

/// The key whose flag can be repeated.
const REPEATED: &str = "token";

/// The keys that a command uses.
pub(crate) trait Scope {
    /// Returns whether the command uses this key, and therefore has its flag and reads its variables.
    fn uses(key: &Key) -> bool;

    /// Returns the command's own default, if it has one. The file's value of such a key applies to the service and not
    /// to this command: at a terminal, a command logs less than a service, and as text, whatever the format of the
    /// service's log.
    fn default_of(key: &Key) -> Option<&'static str> {
        match key.name {
            "log.level" => Some("warn"),
            "log.format" => Some("text"),
            _ => None,
        }
    }
}

/// The service: all keys.
#[derive(Debug, Clone)]
pub(crate) struct ServiceScope;

/// A service for the author of an app: all keys.
#[derive(Debug, Clone)]
pub(crate) struct DevScope;

/// Commands that run jobs in their own process.
#[derive(Debug, Clone)]
pub(crate) struct RunScope;

/// Commands that only read components.
#[derive(Debug, Clone)]
pub(crate) struct EngineScope;

/// Commands that only read the store.
#[derive(Debug, Clone)]
pub(crate) struct StoreScope;

/// Commands without an app.
#[derive(Debug, Clone)]
pub(crate) struct ClientScope;

impl Scope for ServiceScope {
    fn uses(_: &Key) -> bool {
        true
    }

    fn default_of(_: &Key) -> Option<&'static str> {
        None
    }
}

impl Scope for DevScope {
    fn uses(_: &Key) -> bool {
        true
    }

    /// The file's address and store belong to the service, which may run at the same time. The log is for warnings,
    /// because the command itself shows problems, reloads and jobs.
    fn default_of(key: &Key) -> Option<&'static str> {
        match key.name {
            "listen" => Some("127.0.0.1:7717"),
            "store" => Some("memory"),
            // The author goes back by changing the files.
            "keep_versions" => Some("0"),
            // The code is the author's own, as is the machine or container.
            "harden" => Some("off"),
            "allow_root" => Some("yes"),
            "log.level" => Some("warn,saggar_worker::failures=off,saggar::reload=off"),
            _ => ClientScope::default_of(key),
        }
    }
}

impl Scope for RunScope {
    fn uses(key: &Key) -> bool {
        EngineScope::uses(key) || StoreScope::uses(key) || key.name == "durability" || key.section() == Some("otlp")
    }

    /// The file's store belongs to the service, which is its only user. The worker's log lines about failures are off,
    /// because the command itself reports failures, or counts them if there are many jobs.
    fn default_of(key: &Key) -> Option<&'static str> {
        match key.name {
            "store" => Some("memory"),
            "log.level" => Some("warn,saggar_worker::failures=off"),
            _ => ClientScope::default_of(key),
        }
    }
}

impl Scope for EngineScope {
    fn uses(key: &Key) -> bool {
        ClientScope::uses(key) || ["allocator", "cache_dir", "env_allow"].contains(&key.name)
    }
}

impl Scope for StoreScope {
    fn uses(key: &Key) -> bool {
        ClientScope::uses(key) || key.name == "store"
    }
}

impl Scope for ClientScope {
    fn uses(key: &Key) -> bool {
        key.section() == Some("log")
    }
}

/// The flags of a command for its keys, as raw text, and the configuration file that the command reads.
#[derive(Debug, Clone)]
pub(crate) struct Flags<S> {
    /// The value of `--config` or its variable.
    pub(crate) file: Option<PathBuf>,
    /// The values of each given flag.
    pub(crate) given: Vec<(&'static Key, Vec<String>)>,
    scope: PhantomData<S>,
}

impl<S: Scope> Flags<S> {
    /// Returns the flags of a command that has none.
    pub(crate) fn none() -> Self {
        Self { file: None, given: Vec::new(), scope: PhantomData }
    }

    fn keys() -> impl Iterator<Item = &'static Key> {
        keys::ALL.iter().filter(|key| S::uses(key))
    }
}

impl<S: Scope> clap::Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .env(FILE_VARIABLE)
            // As in the help of the keys, the current value is not shown.
            .hide_env(true)
            .help(format!("Configuration file [default: APP/saggar.toml, if it exists] [env: {FILE_VARIABLE}]"));
        Self::keys().fold(command.arg(file), |command, key| command.arg(flag::<S>(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag<S: Scope>(key: &'static Key) -> Arg {
    let default = S::default_of(key).map_or_else(|| (key.default)(), str::to_owned);
    let default = if default.is_empty() { default } else { format!(" [default: {default}]") };
    let variables: Vec<&str> = key.variables().collect();
    let meaning = key.meaning.trim_end_matches('.');
    Arg::new(key.name)
        .long(key.flag.trim_start_matches("--"))
        .value_name(key.placeholder)
        .help(format!("{meaning}{default} [env: {}]", variables.join(", ")))
        .action(if key.name == REPEATED { ArgAction::Append } else { ArgAction::Set })
}

impl<S: Scope> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self> {
        let texts = |key: &'static Key| {
            let texts = matches.get_many::<String>(key.name)?;
            Some((key, texts.cloned().collect()))
        };
        let (file, given) = (matches.get_one::<PathBuf>(FILE).cloned(), Self::keys().filter_map(texts).collect());
        Ok(Self { file, given, scope: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<()> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the input of a key from its flag, each value with its location on the command line.
pub(super) fn node(key: &Key, texts: &[String]) -> Option<Node> {
    let mut items = texts.iter().map(|text| Node::external("command line", &format!("{} ", key.flag), text));
    match key.name {
        REPEATED => {
            let items: Vec<Node> = items.collect();
            let first = items.first()?.clone();
            Some(Node { value: RawValue::List(items), ..first })
        }
        _ => items.next(),
    }
}

/// Returns the log level that `-v` or `-vv` sets.
pub(super) fn verbose_node(count: u8) -> Option<Node> {
    let level = match count {
        0 => return None,
        1 => "info",
        _ => "debug",
    };
    let node = Node::external("command line", "", &format!("-{}", "v".repeat(count.into())));
    Some(Node { value: RawValue::Text(level.to_owned()), ..node })
}

/// Returns the input of a key from a variable.
pub(super) fn variable_node(key: &Key, variable: &str, text: &str) -> Node {
    let node = Node::external("environment", &format!("{variable}="), text);
    match key.name {
        REPEATED => Node { value: RawValue::List(node.pieces(',', usize::MAX)), ..node },
        _ => node,
    }
}
