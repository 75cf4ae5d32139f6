//! Programs that print the values of secrets. A confined process cannot start programs, so they run before it confines
//! itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar::grant::{Grants, SecretSource};
use saggar::run_program;

use crate::config::Loaded;

type Printed = Result<Vec<u8>, String>;

/// What the programs of all secrets have printed.
pub(super) struct SecretPrograms(Arc<BTreeMap<Vec<String>, Printed>>);

impl SecretPrograms {
    /// Runs the programs of all secrets of the configuration.
    pub(super) fn run(loaded: &Loaded) -> Self {
        let of_tenants = loaded.tenants.iter().map(|tenant| &tenant.settings.grants);
        let all = [&loaded.grants].into_iter().chain(of_tenants).flat_map(commands);
        let mut printed = BTreeMap::new();
        for line in all {
            printed.entry(line.clone()).or_insert_with(|| run_program(line));
        }
        Self(Arc::new(printed))
    }

    /// Returns a function that returns what a program has printed.
    pub(super) fn printed(&self) -> impl Fn(&[String]) -> Printed + Send + Sync + use<> {
        let printed = Arc::clone(&self.0);
        move |line| {
            let unknown = || Err("a hardened host starts no programs: restart it to have this one run".to_owned());
            printed.get(line).cloned().unwrap_or_else(unknown)
        }
    }
}

fn commands(grants: &Grants) -> impl Iterator<Item = &Vec<String>> {
    grants.secrets.iter().filter_map(|secret| match &secret.source {
        SecretSource::Command(line) => Some(line),
        SecretSource::File(_) | SecretSource::Env(_) => None,
    })
}
