//! Who the client is to the host.

use axum::extract::State;
use saggar_wire as wire;

use crate::access::{Authorized, Read};
use crate::answer::{Answer, Answered};
use crate::parameters::{None as NoParameters, Parameters};
use crate::refusals::{ACCESS, QUERY, refusals};
use crate::rfc3339;
use crate::service::Service;
use crate::tokens::Role;

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
        host: wire::HostInfo { version: env!("CARGO_PKG_VERSION").to_owned(), tenants: tenants.are_configured() },
    }))
}
