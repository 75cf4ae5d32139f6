//! Converts tenants and the audit to those on the wire.

use saggar_queue::AuditEntry;
use saggar_wire as wire;

use super::wire_counts;
use crate::rfc3339;
use crate::tenants::{KnownTenant, TenantState};

/// Converts a tenant with its use of the host.
pub(crate) fn tenant(known: &KnownTenant) -> wire::Tenant {
    let KnownTenant { tenant, state, tasks, counts } = known;
    let (state, problem) = match state {
        TenantState::Ready => (wire::TenantState::Ready, None),
        TenantState::Loading => (wire::TenantState::Loading, None),
        TenantState::Broken(problem) => (wire::TenantState::Broken, Some(problem.to_string())),
        TenantState::Removed => (wire::TenantState::Removed, None),
    };
    let quota = |usage: saggar_tenant::QuotaUsage| wire::Quota {
        name: usage.quota.to_owned(),
        used: usage.used,
        limit: usage.limit,
    };
    wire::Tenant {
        name: tenant.name().to_string(),
        state,
        problem,
        weight: tenant.weight(),
        tasks: *tasks as u64,
        counts: wire_counts(counts),
        quotas: tenant.usage().into_iter().map(quota).collect(),
    }
}

/// Converts an entry of the audit.
pub(crate) fn audit_entry(entry: AuditEntry) -> wire::AuditEntry {
    let text = |text: Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    wire::AuditEntry {
        at: rfc3339::write(entry.at),
        until: rfc3339::write(entry.until),
        tenant: text(entry.tenant),
        token: text(entry.token),
        role: text(entry.role),
        from: text(entry.from),
        did: entry.action.to_string(),
        task: text(entry.task),
        jobs: entry.jobs.iter().map(|id| id.0).collect(),
        requests: entry.requests,
        count: entry.count,
        status: entry.status,
        code: text(entry.code),
        detail: text(entry.detail),
    }
}
