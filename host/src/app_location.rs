//! Where an app is loaded from: its directory, the values that its task files may use, and what its tasks are granted.

use std::path::PathBuf;
use std::sync::Arc;

use saggar_definition::{Diagnostic, Location, Variable};
use saggar_grant::Grants;

use crate::env_allow::EnvAllow;

/// Looks up the value of an environment variable.
pub(crate) type EnvValues = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The configuration file of an app.
const CONFIGURATION: &str = "saggar.toml";

/// Where an app is loaded from.
#[derive(Clone)]
pub(crate) struct AppLocation {
    pub(crate) dir: PathBuf,
    env_allow: EnvAllow,
    env_values: EnvValues,
    grants: Arc<Grants>,
    /// Whether it is the app of a tenant, which configures nothing but its tasks.
    is_of_tenant: bool,
}

impl AppLocation {
    /// Creates the location of a host's only app.
    pub(crate) fn of_app(dir: PathBuf, env_allow: EnvAllow, env_values: EnvValues, grants: Grants) -> Self {
        Self { dir, env_allow, env_values, grants: Arc::new(grants), is_of_tenant: false }
    }

    /// Creates the location of a tenant's app.
    pub(crate) fn of_tenant(dir: PathBuf, env_allow: EnvAllow, env_values: EnvValues, grants: Grants) -> Self {
        Self { is_of_tenant: true, ..Self::of_app(dir, env_allow, env_values, grants) }
    }

    /// Returns the location with other grants.
    pub(crate) fn with_grants(&self, grants: Grants) -> Self {
        Self { grants: Arc::new(grants), ..self.clone() }
    }

    /// Returns what the operator grants to the tasks of the app.
    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// Returns the table of the configuration that has the grants.
    pub(crate) fn grants_table(&self) -> &'static str {
        if self.is_of_tenant { "tenant.grants" } else { "grants" }
    }

    /// Returns the value of a granted environment variable; `None` if it is not set.
    pub(crate) fn granted_value(&self, name: &str) -> Option<String> {
        (self.env_values)(name)
    }

    /// Returns a variable for the app's task files.
    pub(crate) fn variable(&self, name: &str) -> Variable {
        match self.env_allow.allows(name) {
            true => (self.env_values)(name).into(),
            false => Variable::NotAllowed(self.env_allow.to_string()),
        }
    }

    /// Returns the warnings about files that have no effect.
    pub(crate) fn warnings(&self) -> Vec<Diagnostic> {
        let is_ignored = self.is_of_tenant && self.dir.join(CONFIGURATION).symlink_metadata().is_ok();
        let warning = || {
            let message = "this file is ignored: the app is a tenant, which the operator configures";
            Diagnostic::warning(Location::file(CONFIGURATION), message).with_help("remove it")
        };
        is_ignored.then(warning).into_iter().collect()
    }
}
