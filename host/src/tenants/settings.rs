//! How the operator configures tenants.

use std::path::PathBuf;
use std::sync::Arc;

use saggar_api::Tokens;
use saggar_definition::Diagnostic;
use saggar_tenant::{Quotas, Tenant};

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
}
