//! The configuration: turns `saggar.toml`, the environment and the flags into one set of valid values, and reports all
//! their errors at once. Owns the precedence: flag, environment, file, default. Other modules use the values.
//!
//! The modules in reading order follow the path of a value: the keys, their inputs, and the parsing of an input by the
//! key's value type.

mod keys;

mod flags;
mod input;
mod secret;

mod file;
mod operator;
mod syntax;

mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use saggar::api::{Limits, Tokens};
use saggar::{Severity, StoreChoice};
use saggar_definition::{Diagnostic, Location, nearest};
use serde_json::{Value, json};

pub(crate) use flags::{ClientScope, DevScope, EngineScope, Flags, RunScope, Scope, ServiceScope, StoreScope};
pub(crate) use keys::Config;
pub(crate) use value::{Endpoint, time, value_text};

use file::ConfigFile;
use input::{Input, Inputs, Origin};
use keys::Key;
use value::{Reader, Setting};

/// Variables with our prefix that are not keys: the path of the configuration file, and those of the client commands.
const OTHER_VARIABLES: [&str; 4] = [flags::FILE_VARIABLE, "SAGGAR_URL", "SAGGAR_TOKEN", "SAGGAR_RETRY_FOR"];

/// The prefix of variables for task files, which are not keys either.
const APP_PREFIX: &str = "SAGGAR_APP_";

/// The prefix of our variables.
const PREFIX: &str = "SAGGAR_";

/// Advice for an address that other machines can reach, without tokens.
const OPEN_ADDRESS_HELP: &str = "give a token as `--token ROLE:SHA256`, as SAGGAR_TOKENS, or as `[[token]]` in saggar.toml \
                            (`saggar token` makes one), or listen on 127.0.0.1";

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one object per line.
    Json,
}

/// The environment variables of a process.
#[derive(Debug, Default)]
pub(crate) struct Variables(BTreeMap<String, OsString>);

/// A configuration, and where its values come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The values. A refused value is replaced by its default.
    pub(crate) config: Config,
    settings: Vec<Setting>,
    /// All problems.
    pub(crate) problems: Vec<Diagnostic>,
}

impl FromIterator<(OsString, OsString)> for Variables {
    /// Skips names that are not UTF-8, because none of ours is.
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        Self(variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect())
    }
}

impl Variables {
    /// Returns the value of a variable, if it is set and UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str()
    }

    /// Returns whether a variable is set to the empty string.
    pub(crate) fn is_empty(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.is_empty())
    }

    /// Returns whether the user has turned colors off.
    pub(crate) fn wants_no_color(&self) -> bool {
        self.0.get("NO_COLOR").is_some_and(|value| !value.is_empty())
    }

    /// Returns `$XDG_CACHE_HOME/saggar`, else `~/.cache/saggar`; `None` without a home directory.
    fn user_cache_dir(&self) -> Option<PathBuf> {
        self.user_dir("XDG_CACHE_HOME", ".cache")
    }

    /// Returns `$XDG_STATE_HOME/saggar`, else `~/.local/state/saggar`; `None` without a home directory.
    pub(crate) fn user_state_dir(&self) -> Option<PathBuf> {
        self.user_dir("XDG_STATE_HOME", ".local/state")
    }

    fn user_dir(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name| self.0.get(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
        let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
        Some(base.join("saggar"))
    }
}

/// Loads the configuration of a command that serves or runs `app`; reads the app's file. `verbose` counts `-v`.
pub(crate) fn load<S: Scope>(app: &Path, flags: &Flags<S>, verbose: u8, variables: &Variables) -> Loaded {
    match ConfigFile::find(app, flags.file.as_deref()) {
        Ok(file) => resolve(&file, flags, verbose, variables),
        Err(problem) => {
            let mut loaded = resolve(&ConfigFile::none(), flags, verbose, variables);
            loaded.problems.push(problem);
            loaded
        }
    }
}

/// Like `load`, for a command that reads nothing else of the app. Reports a missing app itself, because no other code
/// would.
pub(crate) fn load_for_show<S: Scope>(app: &Path, flags: &Flags<S>, verbose: u8, variables: &Variables) -> Loaded {
    let mut loaded = load(app, flags, verbose, variables);
    if !app.is_dir() {
        let message = if app.exists() { "not a directory" } else { "no such directory" };
        let problem = Diagnostic::error(Location::file(app.to_string_lossy()), message);
        loaded.problems.insert(0, problem.with_help("give the directory of an app: one that contains `tasks/`"));
    }
    loaded
}

/// Like `load`, for a command without an app.
pub(crate) fn load_without_app(verbose: u8, variables: &Variables) -> Loaded {
    resolve(&ConfigFile::none(), &Flags::<ClientScope>::none(), verbose, variables)
}

fn resolve<S: Scope>(file: &ConfigFile, flags: &Flags<S>, verbose: u8, variables: &Variables) -> Loaded {
    let mut reader = Reader::new(file.source.clone(), file.dir.clone());
    let mut raw = Inputs {
        defaults: scope_defaults::<S>(),
        file: file.given(&mut reader),
        variables: from_variables::<S>(variables, &mut reader),
        flags: from_flags(&flags.given),
    };
    for (name, given) in &mut raw.file {
        given.applies = keys::find(name).is_some_and(|key| S::default_of(key).is_none());
    }
    if let Some(node) = flags::verbose_node(verbose) {
        let given = Input { origin: Origin::Flag("-v"), node, applies: true };
        raw.flags.entry("log.level").or_insert(given);
    }
    let mut config = Config::read(&raw, &mut reader);
    apply_derived_defaults(&mut config, variables, &mut reader);
    if keys::find("listen").is_some_and(S::uses) {
        check_open_address(&config, &mut reader);
    }
    let (settings, mut problems) = reader.finish();
    if file.is_of_app {
        let used = |setting: &&Setting| keys::find(setting.key).is_some_and(S::uses);
        problems.extend(operator::warning(settings.iter().filter(used)));
    }
    Loaded { config, settings, problems }
}

/// Applies the rules that depend on several keys or on the machine: defaults, and limits of given values.
fn apply_derived_defaults(config: &mut Config, variables: &Variables, reader: &mut Reader) {
    if config.cache_dir.is_none() {
        config.cache_dir = variables.user_cache_dir();
        reader.show("cache_dir", json!(config.cache_dir.as_ref().map(|dir| dir.display().to_string())));
    }
    let (connections, half) = (config.http_connections, config.http_connections / 2);
    if config.http_streams > half {
        match reader.node("http.streams") {
            None => {
                config.http_streams = half;
                reader.show("http.streams", json!(half));
            }
            Some(node) => {
                let message =
                    format!("`http.streams` must be at most half of `http.connections`, which is {connections}");
                reader.error(&node, message, format!("lower it to {half}, or raise `http.connections`"));
            }
        }
    }
}

/// Reports an address that other machines can reach if no token is configured.
fn check_open_address(config: &Config, reader: &mut Reader) {
    // Invalid tokens have been reported already.
    if !reader.is_read("token") || config.tokens().suffice_at(config.listen) {
        return;
    }
    if let Some(node) = reader.node("listen") {
        let message = format!("other machines can reach {}, and no token is configured", config.listen);
        reader.error(&node, message, OPEN_ADDRESS_HELP);
    }
}

fn scope_defaults<S: Scope>() -> BTreeMap<&'static str, Input> {
    let given = keys::ALL.iter().filter_map(|key| {
        let node = input::Node::external("defaults", "", S::default_of(key)?);
        Some((key.name, Input { origin: Origin::Default, node, applies: true }))
    });
    given.collect()
}

fn from_flags(given: &[(&'static Key, Vec<String>)]) -> BTreeMap<&'static str, Input> {
    let given = given.iter().filter_map(|(key, texts)| {
        let node = flags::node(key, texts)?;
        Some((key.name, Input { origin: Origin::Flag(key.flag), node, applies: true }))
    });
    given.collect()
}

/// Returns the inputs from variables for the keys in scope. An empty variable counts as unset.
fn from_variables<S: Scope>(variables: &Variables, reader: &mut Reader) -> BTreeMap<&'static str, Input> {
    let mut given = BTreeMap::new();
    for key in keys::ALL.iter().filter(|key| S::uses(key)) {
        let set =
            key.variables().find_map(|name| Some((name, variables.0.get(name).filter(|value| !value.is_empty())?)));
        let Some((name, value)) = set else { continue };
        match value.to_str() {
            Some(text) => {
                let node = flags::variable_node(key, name, text);
                given.insert(key.name, Input { origin: Origin::Variable(name), node, applies: true });
            }
            None => {
                let message = format!("the value of the variable `{name}` is not UTF-8");
                let problem = Diagnostic::error(Location::file("environment"), message).with_help("set it to UTF-8");
                reader.external.push(problem);
            }
        }
    }
    // Only the command that uses all keys reports these, so that not every command does.
    if keys::ALL.iter().all(S::uses) {
        reader.external.extend(misspelt(variables));
    }
    given
}

/// Returns a warning for each unknown variable whose name is similar to one of ours. Other variables may have our
/// prefix too: Kubernetes sets such variables for a service called saggar.
fn misspelt(variables: &Variables) -> impl Iterator<Item = Diagnostic> {
    let known = || keys::ALL.iter().map(|key| key.variable).chain(OTHER_VARIABLES);
    variables.0.keys().filter_map(move |name| {
        let rest = name
            .strip_prefix(PREFIX)
            .filter(|_| !known().any(|known| known == name) && !name.starts_with(APP_PREFIX))?;
        let nearest = nearest(rest, known().filter_map(|known| known.strip_prefix(PREFIX)))?;
        let problem = Diagnostic::warning(Location::file("environment"), format!("unknown variable `{name}`"));
        Some(problem.with_help(format!("did you mean `{PREFIX}{nearest}`?")))
    })
}

impl Config {
    /// Returns the tokens of the HTTP service.
    pub(crate) fn tokens(&self) -> Tokens {
        Tokens::new(self.tokens.iter().map(|listed| listed.token.clone()).collect())
    }
}

impl Loaded {
    /// Returns whether an error makes the configuration unusable.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Returns the store with its durability.
    pub(crate) fn store(&self) -> StoreChoice {
        self.config.store.clone().with_durability(self.config.durability)
    }

    /// Returns the limits of HTTP connections.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            connections: self.config.http_connections,
            address_share: self.config.http_address_share,
            head_time: self.config.http_head_time,
            head_bytes: self.config.http_head_bytes,
            headers: self.config.http_headers,
            write_time: self.config.http_write_time,
            followers: self.config.http_streams,
        }
    }

    /// Returns the keys whose values differ from those of `running`.
    pub(crate) fn changed_keys(&self, running: &Self) -> Vec<String> {
        let value_in = |loaded: &Self, key: &str| {
            loaded.settings.iter().find(|setting| setting.key == key).map(|setting| setting.value.clone())
        };
        let is_changed = |setting: &&Setting| value_in(running, setting.key).as_ref() != Some(&setting.value);
        self.settings.iter().filter(is_changed).map(|setting| setting.key.to_owned()).collect()
    }

    /// Returns the problems that `running` does not have.
    pub(crate) fn new_problems(&self, running: &Self) -> Vec<Diagnostic> {
        self.problems.iter().filter(|problem| !running.problems.contains(problem)).cloned().collect()
    }

    /// Returns each key with its value and origin, for people.
    pub(crate) fn rows(&self) -> Vec<[String; 3]> {
        let row = |setting: &Setting| [setting.key.to_owned(), value_text(&setting.value), setting.origin_text()];
        self.settings.iter().map(row).collect()
    }

    /// Returns each key with its value and origin, and all problems, for programs. Omits the settings if there are
    /// errors, because they would be guesses.
    pub(crate) fn document(&self) -> Value {
        let settings = self.settings.iter().filter(|_| !self.has_errors());
        let settings: Vec<Value> = settings.map(Setting::document).collect();
        json!({ "settings": settings, "problems": self.problems })
    }
}

impl Setting {
    fn origin_text(&self) -> String {
        match self.origin {
            Origin::Default => "default".to_owned(),
            Origin::Variable(name) => format!("environment {name}"),
            Origin::Flag(name) => format!("flag {name}"),
            Origin::File => {
                let location = self.node.as_ref().map(input::Node::location);
                location.map_or_else(String::new, |location| {
                    let line = location.position.map_or(1, |position| position.line);
                    format!("{}:{line}", location.file)
                })
            }
        }
    }

    fn document(&self) -> Value {
        let location = self.node.as_ref().map(input::Node::location);
        let from = match (self.origin, location) {
            (Origin::Variable(name), _) => json!({ "kind": "environment", "name": name }),
            (Origin::Flag(name), _) => json!({ "kind": "flag", "name": name }),
            (Origin::File, Some(location)) => {
                let position = location.position;
                let (line, column) = (position.map(|at| at.line), position.map(|at| at.column));
                json!({ "kind": "file", "file": location.file, "line": line, "column": column })
            }
            (Origin::Default | Origin::File, _) => json!({ "kind": "default" }),
        };
        json!({ "key": self.key, "value": self.value, "from": from })
    }
}

#[cfg(test)]
mod tests;
