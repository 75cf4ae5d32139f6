//! The audit: which requests have changed something.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// The newest entry first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins, for the parameter `after`; null if there is none.
    pub next: Option<String>,
}

/// A request that changed something, or requests of one second that differ in nothing but their jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When the request was answered, or the first of them.
    #[schema(format = DateTime)]
    pub at: String,
    /// When the last of them was answered.
    #[schema(format = DateTime)]
    pub until: String,
    /// The tenant whose data was changed; null for what concerns the whole host.
    pub tenant: Option<String>,
    /// The name of the token; null on a host without tokens, and for what the host itself did.
    pub token: Option<String>,
    /// The role of the token; null for what the host itself did.
    pub role: Option<String>,
    /// The address that the request came from.
    pub from: Option<String>,
    /// What was done: `jobs.add`, `jobs.cancel`, `jobs.retry`, `jobs.redeliver`, `jobs.delete`, `tasks.pause`,
    /// `tasks.resume`, `reload`, `rollback`, `tenants.remove`, `tokens.change`, `tenants.change`, or `audit.lost` if entries were lost.
    pub did: String,
    /// The task whose jobs were changed, or that was changed.
    pub task: Option<String>,
    /// The ids of the jobs, at most 100; empty for added jobs.
    pub jobs: Vec<u64>,
    /// How many requests there were.
    pub requests: u64,
    /// How many jobs, tokens or other things were changed.
    pub count: u64,
    /// The status of the answers; null if the client had gone, and for what the host itself did.
    pub status: Option<u16>,
    /// The code of the problem, if the request was refused although it may have changed something.
    pub code: Option<String>,
    /// What else is to know.
    pub detail: Option<String>,
}

/// The query parameters of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditPageQuery {
    /// The `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^a(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub after: Option<String>,
    /// At most this many entries; 100 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}
