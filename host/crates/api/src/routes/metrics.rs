//! The metrics of the host, for Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use saggar_wire::Code;

use crate::access::{Authorized, Read};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, refusals};
use crate::service::Service;
use crate::tokens::Role;

const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

refusals! {
    MetricsRefusals [ACCESS, ANSWER, &[Code::UnknownRoute]];
}

/// The host's metrics in the text format of Prometheus; docs/observability.md lists them. They cover the whole host. On a
/// host of one app every token may read them; on a host with tenants only an operator may.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        MetricsRefusals)
)]
pub(super) async fn metrics(
    Authorized { caller, .. }: Authorized<Read>,
    State(service): State<Service>,
) -> Result<Response, Refusal> {
    if service.tenants().are_configured() {
        caller.require(Role::Operator)?;
    }
    // A host without a recorder has no such route.
    let render = service.metrics().ok_or_else(|| Refusal::plain(Code::UnknownRoute))?;
    // Those of a thousand tenants take tens of milliseconds, in which the thread would serve nobody else.
    let text = tokio::task::spawn_blocking(move || render()).await;
    let text = text.map_err(|error| Refusal::internal(&error.to_string()))?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}
