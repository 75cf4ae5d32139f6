//! The audit.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use saggar_queue::{AuditEntry, AuditQuery};
use saggar_wire as wire;

use crate::access::{Admin, Authorized, jobs_of};
use crate::answer::Answer;
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
use crate::service::Service;

/// Maximum bytes of an entry while the answer is built: its texts and a hundred ids, twice.
const ENTRY: usize = 8 << 10;

refusals! {
    AuditRefusals [ACCESS, QUERY, STORE, ANSWER];
}

/// The requests that have changed something, the newest first.
///
/// Requests of one second that differ in nothing but their jobs share an entry. An admin sees those about its own tenant; an
/// operator those about the tenant that it names or, if it names none, about all of them and about the whole host. The host
/// keeps a bounded number of the newest entries of each tenant.
#[utoipa::path(
    get, path = "/v1/audit", tag = "tenants", params(wire::AuditPageQuery),
    responses((status = 200, description = "A page", body = wire::Audit), AuditRefusals)
)]
pub(super) async fn get_audit(
    State(service): State<Service>,
    Authorized { caller, .. }: Authorized<Admin>,
    Parameters(wire::AuditPageQuery { after, limit }): Parameters<wire::AuditPageQuery>,
) -> Result<Response, Refusal> {
    let limit = limit.unwrap_or(AuditQuery::DEFAULT_LIMIT);
    if !(1..=AuditQuery::PAGE).contains(&limit) {
        return Err(invalid(format!("`limit` is from 1 to {}", AuditQuery::PAGE)));
    }
    let after = after.as_deref().map(position).transpose()?;
    // A token of a tenant that does not run sees nothing. An operator may look at what was done to such a tenant.
    let own = caller.grant.only_tenant().map(|_| jobs_of(&caller, &service)).transpose()?;
    // What was answered before this request is in its answer.
    service.audit().store().await;
    let room = service.responses().room_to_read(own.as_ref().map(|jobs| jobs.tenant()), limit * ENTRY).await?;
    let page = service.tenants().audit(AuditQuery { tenant: caller.tenant, after, limit }).await?;
    let entries = page.entries.into_iter().map(shown).collect();
    let next = page.next.map(|next| format!("a{next:x}"));
    Ok(with_room(Answer::ok(wire::Audit { entries, next }), room))
}

/// Parses the `next` of a page, in its canonical form only.
fn position(text: &str) -> Result<u64, Refusal> {
    let position = text.strip_prefix('a').and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let position = position.filter(|position| format!("a{position:x}") == text);
    position.ok_or_else(|| invalid("`after` is the `next` of a page"))
}

/// Converts an entry of the audit.
fn shown(entry: AuditEntry) -> wire::AuditEntry {
    let text = |text: Option<Arc<str>>| text.as_deref().map(str::to_owned);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_positions_are_accepted() {
        assert_eq!(position("a1f"), Ok(31));
        assert_eq!(position("affffffffffffffff"), Ok(u64::MAX));
        for bad in ["", "a", "1f", "a01", "aF", "a-1", "a+1", "a10000000000000000", "c1"] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }
}
