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
mod loaded;
mod operator;
mod syntax;

mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use saggar::api::{Role, Tokens};
use saggar::grant::Grants;
use saggar_definition::{Diagnostic, Location, nearest};
use serde_json::json;

pub(crate) use flags::{ClientScope, DevScope, EngineScope, Flags, RunScope, Scope, ServiceScope, StoreScope};
pub(crate) use keys::Config;
pub(crate) use loaded::Loaded;
pub(crate) use value::{ConfiguredTenant, Endpoint, time};

use file::ConfigFile;
use input::{Input, Inputs, Origin};
use keys::Key;
use value::{GRANTS, GrantsTable, Reader, Setting, TENANT, TenantList};

/// Variables with our prefix that are not keys: the path of the configuration file, and those of the client commands.
const OTHER_VARIABLES: [&str; 5] =
    [flags::FILE_VARIABLE, "SAGGAR_URL", "SAGGAR_TOKEN", "SAGGAR_TENANT", "SAGGAR_RETRY_FOR"];

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

/// When a host gives up rights that it does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harden {
    /// As far as the kernel can.
    Auto,
    /// Fully, or the host does not start.
    Require,
    /// Never.
    Off,
}

/// The environment variables of a process.
#[derive(Debug, Default)]
pub(crate) struct Variables(BTreeMap<String, OsString>);

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

/// Loads the configuration of a command that serves or runs `app`; reads the app's file, unless another one is named.
/// Without an app, that file must have tenants. `verbose` counts `-v`.
pub(crate) fn load_for<S: Scope>(app: Option<&Path>, flags: &Flags<S>, verbose: u8, variables: &Variables) -> Loaded {
    let mut loaded = match ConfigFile::find(app, flags.file.as_deref()) {
        Ok(file) => resolve(&file, flags, verbose, variables),
        Err(problem) => {
            let mut loaded = resolve(&ConfigFile::none(), flags, verbose, variables);
            loaded.problems.push(problem);
            return loaded;
        }
    };
    if !loaded.has_errors() {
        loaded.problems.extend(either_app_or_tenants(app, flags.file.as_deref(), &loaded));
    }
    loaded
}

/// Returns the problem of a host that is to serve both an app and tenants, or neither.
fn either_app_or_tenants(app: Option<&Path>, file: Option<&Path>, loaded: &Loaded) -> Option<Diagnostic> {
    let file = file?.to_string_lossy();
    match (app, loaded.tenants.is_empty()) {
        (Some(app), false) => {
            let message = format!("this configuration has tenants, and the command names the app {}", app.display());
            let help = "leave out the app; to serve it beside the tenants, make it a tenant with `[[tenant]]`";
            Some(Diagnostic::error(Location::file(file), message).with_help(help))
        }
        (None, true) => {
            let message = "the command names no app, and this configuration has no tenants";
            let help = "name the app: `saggar serve APP`; or add a `[[tenant]]` with `name` and `dir`";
            Some(Diagnostic::error(Location::file(file), message).with_help(help))
        }
        _ => None,
    }
}

/// Loads the configuration of a command for one `app`; reads the app's file, unless another one is named. `verbose`
/// counts `-v`.
pub(crate) fn load<S: Scope>(app: &Path, flags: &Flags<S>, verbose: u8, variables: &Variables) -> Loaded {
    match ConfigFile::find(Some(app), flags.file.as_deref()) {
        Ok(file) => resolve(&file, flags, verbose, variables),
        Err(problem) => {
            let mut loaded = resolve(&ConfigFile::none(), flags, verbose, variables);
            loaded.problems.push(problem);
            loaded
        }
    }
}

/// Like `load_for`, for a command that reads nothing else of the app. Reports a missing app itself, because no other code
/// would.
pub(crate) fn load_for_show<S: Scope>(
    app: Option<&Path>,
    flags: &Flags<S>,
    verbose: u8,
    variables: &Variables,
) -> Loaded {
    let mut loaded = load_for(app, flags, verbose, variables);
    if let Some(app) = app.filter(|app| !app.is_dir()) {
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

/// Reads a configuration file of this text and shows all its problems; returns their number. For tests and fuzz targets.
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the library has it for the fuzz target"))]
pub fn read_configuration(text: &str) -> usize {
    let file = ConfigFile::of("saggar.toml".into(), PathBuf::new(), text.into());
    let loaded = resolve(&file, &Flags::<ServiceScope>::none(), 0, &Variables::default());
    for problem in &loaded.problems {
        let text = problem.render(false);
        assert!(!text.contains('\u{1b}'), "a control character is shown: {text:?}");
    }
    if !loaded.has_errors() {
        assert!(loaded.rows().len() >= keys::ALL.len(), "a key has no value");
    }
    loaded.problems.len()
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
        given.applies = keys::find(name).is_none_or(|key| S::default_of(key).is_none());
    }
    if let Some(node) = flags::verbose_node(verbose) {
        let given = Input { origin: Origin::Flag("-v"), node, applies: true };
        raw.flags.entry("log.level").or_insert(given);
    }
    reader.has_tenants = raw.file.contains_key(TENANT);
    let mut config = Config::read(&raw, &mut reader);
    apply_derived_defaults(&mut config, variables, &mut reader);
    if file.is_of_app {
        config.store = operator::check_store(config.store, &file.dir, &mut reader);
    }
    let tenants = match reader.has_tenants {
        true => reader.value(TENANT, &TenantList, &raw),
        false => Vec::new(),
    };
    let grants = match raw.file.contains_key(GRANTS) {
        true => reader.value(GRANTS, &GrantsTable::OF_APP, &raw),
        false => Grants::of_single_app(),
    };
    check_tokens_of_tenants(&config, &tenants, &mut reader);
    check_grants_of_tenants(&mut reader);
    if keys::find("listen").is_some_and(S::uses) && tenants.is_empty() {
        check_open_address(&config, &mut reader);
    }
    let (settings, mut problems) = reader.finish();
    if file.is_of_app {
        let used = |setting: &&Setting| keys::find(setting.key).is_some_and(S::uses);
        problems.extend(operator::warning(settings.iter().filter(used)));
    }
    Loaded { config, tenants, grants, settings, problems }
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

/// Reports grants of one app in a host with tenants.
fn check_grants_of_tenants(reader: &mut Reader) {
    if let (true, Some(node)) = (reader.has_tenants, reader.node(GRANTS)) {
        let message = "`grants` is for a host of one app, and this one has tenants";
        reader.error(&node, message, "write what a tenant is granted below its `[[tenant]]`, as `[tenant.grants]`");
    }
}

/// Reports tokens that cannot be used beside tenants: a host with tenants requires a token of every client, and each
/// token belongs to one tenant or to the operator.
fn check_tokens_of_tenants(config: &Config, tenants: &[ConfiguredTenant], reader: &mut Reader) {
    let Some(node) = reader.node(TENANT) else { return };
    if tenants.is_empty() {
        return;
    }
    let listed = || config.tokens.iter().chain(tenants.iter().flat_map(|tenant| &tenant.tokens));
    if reader.is_read("token") && listed().next().is_none() {
        let help = "give a tenant a token with `[[tenant.token]]`, and yourself one with `[[token]]` and the role \
                    `operator` (`saggar token` makes one)";
        reader.error(&node, "a host with tenants needs tokens", help);
    }
    for listed in &config.tokens {
        let (name, tenant) = (&listed.token.name, &listed.token.tenant);
        if listed.token.role != Role::Operator && !tenants.iter().any(|known| known.settings.name == *tenant) {
            let message = format!("the token `{name}` is of the tenant `{tenant}`, which is not configured");
            let help = "give the token a `tenant` that has a `[[tenant]]`, or put it below one as `[[tenant.token]]`";
            reader.error(&reader.node("token").unwrap_or_else(|| node.clone()), message, help);
        }
    }
    let mut digests = BTreeSet::new();
    if let Some(twice) = listed().find(|listed| !digests.insert(listed.sha256())) {
        let message = format!("two tokens have the digest of the token `{}`", twice.token.name);
        reader.error(&node, message, "make a token of its own for each tenant and role");
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
    fn tokens(&self) -> Tokens {
        Tokens::new(self.tokens.iter().map(|listed| listed.token.clone()).collect())
    }
}

#[cfg(test)]
mod tests;
