//! Tenants: their use of the host, and the removal of their data.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use saggar_wire::{self as wire, Code};
use tokio::time::Instant;

use crate::access::{Authorized, Operator, Read};
use crate::address::TenantAddress;
use crate::answer::{Answer, Answered};
use crate::audit::Action;
use crate::caller::Caller;
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};
use crate::service::Service;
use crate::show;
use crate::tenants::{KnownTenant, TenantState};

/// How long a request removes data before it is answered.
const MAX_REMOVAL: Duration = Duration::from_secs(10);

refusals! {
    TenantsRefusals [ACCESS, QUERY, ANSWER];
    TenantRefusals [ACCESS, QUERY, &[Code::InvalidPath]];
    RemovalRefusals [ACCESS, QUERY, STORE, &[Code::InvalidPath, Code::TenantConfigured, Code::StoreFull]];
}

/// All tenants with their use of the host: those that are configured, and those that are not any more and still have jobs in
/// the store.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants",
    responses((status = 200, description = "The tenants", body = wire::Tenants), TenantsRefusals)
)]
pub(super) async fn list_tenants(
    State(service): State<Service>,
    _: Authorized<Operator>,
    _: Parameters<NoParameters>,
) -> Answered<wire::Tenants> {
    Ok(Answer::ok(wire::Tenants { tenants: service.tenants().list().iter().map(shown).collect() }))
}

/// One tenant with its use of the host. A token of a tenant may ask for its own.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}", tag = "tenants", params(TenantAddress),
    responses((status = 200, description = "The tenant", body = wire::Tenant), TenantRefusals)
)]
pub(super) async fn get_tenant(
    State(service): State<Service>,
    Authorized { caller, .. }: Authorized<Read>,
    TenantAddress(name): TenantAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Tenant> {
    // Another tenant is not looked up, so it takes the same time whether it exists.
    let may_be_seen = caller.grant.only_tenant().is_none_or(|own| **own == *name);
    let found = may_be_seen.then(|| service.tenants().find(&name)).flatten();
    let found = found.ok_or_else(|| Refusal::plain(Code::UnknownTenant))?;
    Ok(Answer::ok(shown(&found)))
}

/// Removes the data of a tenant that is not configured any more.
///
/// These are its jobs with their logs, attempts and records, its events, its key-value store, its deployments with the code
/// that is kept of them, and its audit. Works in small steps, so that the other tenants hardly notice, and answers after
/// 10 seconds at most. If `more` of the answer is true, data remains; the same request continues.
#[utoipa::path(
    delete, path = "/v1/tenants/{tenant}", tag = "tenants", params(TenantAddress),
    responses((status = 200, description = "What was removed", body = wire::RemovedTenant), RemovalRefusals)
)]
pub(super) async fn remove_tenant(
    State(service): State<Service>,
    Authorized { caller, .. }: Authorized<Operator>,
    TenantAddress(name): TenantAddress,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    // Otherwise entries that are stored later would be left over.
    service.audit().store().await;
    // In the audit of the host, because that of the tenant is removed.
    let caller = Caller { tenant: None, ..caller };
    let started = service.audit().begin(&caller, Action::RemoveTenant, None, None).about(&name).of(0);
    let (until, mut removed) = (Instant::now() + MAX_REMOVAL, wire::RemovedTenant { jobs: 0, more: true });
    while removed.more && Instant::now() < until {
        match service.tenants().remove(&name).await {
            Ok(step) => removed = wire::RemovedTenant { jobs: removed.jobs + step.jobs, more: step.more },
            Err(refusal) => {
                let refused = Err::<(), _>(refusal.clone());
                // An earlier step has changed something, whatever this one did.
                match removed.jobs {
                    0 => started.end(0, &refused),
                    jobs => started.of(jobs as usize).end_with(refusal.code),
                }
                return Err(refusal);
            }
        }
    }
    started.of(removed.jobs as usize).end(StatusCode::OK.as_u16(), &Ok::<_, Refusal>(()));
    Ok(Answer::ok(removed).into_response())
}

/// Converts a tenant with its use of the host.
fn shown(known: &KnownTenant) -> wire::Tenant {
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
        counts: show::counts(counts),
        quotas: tenant.usage().into_iter().map(quota).collect(),
    }
}
