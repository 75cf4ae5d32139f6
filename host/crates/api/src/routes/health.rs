//! For those who watch over the process; they need no token.

use axum::extract::State;

use super::refusals::{LookAtHost, LookAtReadiness};
use super::{Answer, Answered};
use crate::problem::Refusal;
use crate::service::Service;

/// That the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = &'static str, content_type = "application/json"), LookAtHost)
)]
pub(super) async fn healthz() -> Answer<&'static str> {
    Answer::ok("ok")
}

/// Whether the host takes jobs: not while it drains or the disk with its store is full, and not after its store failed.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = &'static str, content_type = "application/json"),
        LookAtReadiness)
)]
pub(super) async fn readyz(State(service): State<Service>) -> Answered<&'static str> {
    match service.why_not_ready() {
        None => Ok(Answer::ok("ready")),
        Some(code) => Err(Refusal::plain(code)),
    }
}
