//! A configuration as it was read, and how it is shown.

use saggar::api::{Limits, Tokens};
use saggar::grant::Grants;
use saggar::{Severity, StoreChoice, TenantSettings};
use saggar_definition::Diagnostic;
use serde_json::{Value, json};

use super::input::{self, Origin};
use super::keys::Config;
use super::value::{ConfiguredTenant, GRANTS, Setting, TENANT, value_text};

/// Keys that a reload applies.
const RELOADED: [&str; 3] = ["token", TENANT, GRANTS];

/// A configuration, and where its values come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The values. A refused value is replaced by its default.
    pub(crate) config: Config,
    /// The tenants. If there are any, the host serves them instead of one app.
    pub(crate) tenants: Vec<ConfiguredTenant>,
    /// What the tasks of the only app are granted.
    pub(crate) grants: Grants,
    pub(super) settings: Vec<Setting>,
    /// All problems.
    pub(crate) problems: Vec<Diagnostic>,
}

impl Loaded {
    /// Returns whether an error makes the configuration unusable.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Returns the tokens of the HTTP service, those of all tenants included.
    pub(crate) fn tokens(&self) -> Tokens {
        let listed = self.config.tokens.iter().chain(self.tenants.iter().flat_map(|tenant| &tenant.tokens));
        Tokens::new(listed.map(|listed| listed.token.clone()).collect())
    }

    /// Returns the tenants, without their tokens.
    pub(crate) fn tenant_settings(&self) -> Vec<TenantSettings> {
        self.tenants.iter().map(|tenant| tenant.settings.clone()).collect()
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

    /// Returns the keys whose values differ from those of `running` and apply only after a restart.
    pub(crate) fn changed_keys(&self, running: &Self) -> Vec<String> {
        let value_in = |loaded: &Self, key: &str| {
            loaded.settings.iter().find(|setting| setting.key == key).map(|setting| setting.value.clone())
        };
        let is_changed = |setting: &&Setting| {
            !RELOADED.contains(&setting.key) && value_in(running, setting.key).as_ref() != Some(&setting.value)
        };
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
