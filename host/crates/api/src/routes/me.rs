//! Who the client is to the host.

use axum::extract::State;
use saggar_queue::ListQuery;
use saggar_wire::{self as wire, Code};

use crate::access::{Authorized, Read};
use crate::answer::{Answer, Answered};
use crate::parameters::{None as NoParameters, Parameters};
use crate::refusals::{ACCESS, QUERY, refusals};
use crate::rfc3339;
use crate::service::Service;
use crate::tenants::HostFacts;
use crate::tokens::Role;

use super::job::MAX_WAIT;

refusals! {
    MeRefusals [ACCESS, QUERY];
}

/// Who the client is to the host, and what it may do.
#[utoipa::path(
    get, path = "/v1/me", tag = "tenants",
    responses((status = 200, description = "The client", body = wire::Me), MeRefusals)
)]
pub(super) async fn get_me(
    State(service): State<Service>,
    Authorized { caller, .. }: Authorized<Read>,
    _: Parameters<NoParameters>,
) -> Answered<wire::Me> {
    let role = match caller.grant.role() {
        Role::Read => wire::TokenRole::Read,
        Role::Write => wire::TokenRole::Write,
        Role::Admin => wire::TokenRole::Admin,
        Role::Operator => wire::TokenRole::Operator,
    };
    let token = caller.grant.token.as_ref();
    let tenants = service.tenants();
    Ok(Answer::ok(wire::Me {
        tenant: caller.tenant.as_deref().map(str::to_owned),
        role,
        token: token.map(|token| token.name.to_string()),
        expires_at: token.and_then(|token| token.expires).map(rfc3339::write),
        open: token.is_none(),
        now: rfc3339::write(tenants.now()),
        host: host_info(&service),
        limits: wire::RequestLimits {
            page: ListQuery::PAGE as u64,
            wait_ms: MAX_WAIT.as_secs() * 1_000,
            streams: service.max_streams() as u64,
        },
    }))
}

fn host_info(service: &Service) -> wire::HostInfo {
    let tenants = service.tenants();
    let HostFacts { instance, started_at, store, durability } = tenants.facts();
    wire::HostInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tenants: tenants.are_configured(),
        instance: instance.to_string(),
        started_at: rfc3339::write(*started_at),
        store: (*store).to_owned(),
        durability: (*durability).to_owned(),
        draining: tenants.why_not_ready() == Some(Code::Stopping),
    }
}
