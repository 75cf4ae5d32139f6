//! Tenants: their use of the host, and the removal of their data.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Counts;

/// All tenants of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenants {
    /// In the order of their names.
    pub tenants: Vec<Tenant>,
}

/// A tenant, with its use of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub state: TenantState,
    /// The first problem of a broken tenant.
    pub problem: Option<String>,
    /// Its share of what tenants compete for, relative to the weights of the others.
    pub weight: u32,
    /// How many tasks it has, including those without a usable definition.
    pub tasks: u64,
    /// The counts of all its jobs.
    pub counts: Counts,
    /// Its quotas.
    pub quotas: Vec<Quota>,
}

/// Whether a tenant runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    /// Its tasks run, each as soon as its own plugins are compiled.
    Ready,
    /// Its files are being read.
    Loading,
    /// Its app cannot be loaded.
    Broken,
    /// It is not configured any more, and its jobs are still in the store.
    Removed,
}

/// A quota of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// Its name, as in the configuration.
    pub name: String,
    /// How much of it is used now; of a rate, in the present period.
    pub used: u64,
    /// How much may be used; null if there is no limit.
    pub limit: Option<u64>,
}

/// What a request to remove the data of a tenant has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedTenant {
    /// How many jobs it has removed.
    pub jobs: u64,
    /// Whether data remains; the same request continues.
    pub more: bool,
}

/// What a reload of the whole host has done to its tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadedTenants {
    /// Names of the tenants that were added.
    pub added: Vec<String>,
    /// Names of the tenants that are not configured any more. They do not run; their data is still stored.
    pub removed: Vec<String>,
    /// Names of the tenants whose directory, weight, quotas or tokens have changed.
    pub changed: Vec<String>,
    /// The tenants whose apps were not reloaded. They run the apps that they had before.
    pub failed: Vec<FailedTenant>,
}

/// A tenant whose app was not reloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedTenant {
    /// Its name.
    pub name: String,
    /// Why.
    pub detail: String,
}

/// Who the client is to the host, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The tenant that it asks for; null for an operator that names none.
    pub tenant: Option<String>,
    /// Its role. Without tokens, every client is `operator`.
    pub role: TokenRole,
    /// The name of its token; null on a host without tokens.
    pub token: Option<String>,
    /// When the token expires; null if it does not.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Whether the host has no tokens.
    pub open: bool,
    /// The time of the host.
    #[schema(format = DateTime)]
    pub now: String,
    /// The host itself.
    pub host: HostInfo,
    /// The limits of requests.
    pub limits: RequestLimits,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostInfo {
    /// Its version.
    pub version: String,
    /// Whether it runs the tenants of its configuration, and not a single app.
    pub tenants: bool,
    /// Identifies the process. Another value means that the host was restarted: rates and counts since the start begin anew.
    pub instance: String,
    /// When the process started.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Where it stores jobs: `memory` or `sqlite`.
    pub store: String,
    /// What an answered change survives: `full` (a power cut), `normal` (a crash of the process) or, in memory, `none`.
    pub durability: String,
    /// Whether it drains: it takes no more jobs, and stops when those that run have ended.
    pub draining: bool,
}

/// The limits of requests to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestLimits {
    /// Maximum jobs of a page.
    pub page: u64,
    /// Maximum milliseconds that a request waits for a job's end.
    pub wait_ms: u64,
    /// Maximum clients that follow events or wait, of all tenants together.
    pub streams: u64,
}

/// The role of a token. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// May look up.
    Read,
    /// May also add and change jobs.
    Write,
    /// May also pause tasks, reload the app and read the audit.
    Admin,
    /// May do so for every tenant, and may list and remove tenants.
    Operator,
}
