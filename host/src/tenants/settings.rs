//! How the operator configures tenants.

use std::path::PathBuf;
use std::sync::Arc;

use saggar_api::Tokens;
use saggar_definition::Diagnostic;
use saggar_grant::Grants;
use saggar_tenant::{Quota, Quotas, RateQuota, Tenant};

use crate::env_allow::EnvAllow;

/// A tenant as the operator configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    /// Its name: a part of keys, labels and log lines.
    pub name: Arc<str>,
    /// The directory of its app.
    pub dir: PathBuf,
    /// Its weight among all tenants, from 1.
    pub weight: u32,
    /// The environment variables that its task files may use.
    pub env_allow: EnvAllow,
    /// What it may use of the host.
    pub quotas: Quotas,
    /// What its tasks are granted.
    pub grants: Grants,
}

/// The tenants of a host, and what else a reload applies.
#[derive(Debug, Default)]
pub struct TenantsConfiguration {
    /// All tenants; their names differ.
    pub tenants: Vec<TenantSettings>,
    /// The tokens of all tenants and of the operator.
    pub tokens: Tokens,
    /// The keys with a new value that applies only after a restart.
    pub needs_restart: Vec<String>,
    /// Problems that do not prevent the reload.
    pub warnings: Vec<Diagnostic>,
}

/// Reads the configuration of the tenants; the error is its problems. It may block.
pub type ReadTenants = Arc<dyn Fn() -> Result<TenantsConfiguration, Vec<Diagnostic>> + Send + Sync>;

impl TenantSettings {
    /// Sets the weight and the quotas of the running tenant.
    pub(super) fn apply_to(&self, tenant: &Tenant) {
        tenant.set_weight(self.weight);
        tenant.set_quotas(&self.quotas);
    }

    /// Describes what has another value than in `before`, with the new weight and quotas.
    pub(super) fn differences(&self, before: &Self) -> String {
        let mut differences = Vec::new();
        if self.dir != before.dir {
            differences.push(format!("dir {}", self.dir.display()));
        }
        if self.env_allow != before.env_allow {
            differences.push("env_allow".to_owned());
        }
        if self.grants != before.grants {
            differences.push("grants".to_owned());
        }
        if self.weight != before.weight {
            differences.push(format!("weight {}", self.weight));
        }
        let counts = Quota::ALL.map(|quota| (quota.name(), before.quotas.count(quota), self.quotas.count(quota)));
        let rates = RateQuota::ALL.map(|quota| (quota.name(), before.quotas.rate(quota), self.quotas.rate(quota)));
        for (name, old, new) in counts.into_iter().chain(rates) {
            match new {
                _ if new == old => {}
                Some(limit) => differences.push(format!("{name} {limit}")),
                None => differences.push(format!("no quota {name}")),
            }
        }
        differences.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_described_by_its_new_values() {
        let quotas = Quotas { running: Some(4), memory: Some(1 << 20), ..Quotas::default() };
        let before = TenantSettings {
            name: "acme".into(),
            dir: "/srv/acme".into(),
            weight: 100,
            env_allow: EnvAllow::none(),
            quotas,
            grants: Grants::of_tenant(),
        };
        assert_eq!(before.differences(&before), "");
        let quotas = Quotas { running: Some(8), adds_per_second: Some(5), ..Quotas::default() };
        let grants = Grants::of_single_app();
        let after = TenantSettings { dir: "/srv/new".into(), weight: 200, quotas, grants, ..before.clone() };
        assert_eq!(
            after.differences(&before),
            "dir /srv/new, grants, weight 200, running 8, no quota memory, adds_per_second 5"
        );
    }
}
