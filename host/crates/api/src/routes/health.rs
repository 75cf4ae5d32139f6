//! For those who watch over the process; they need no token.

use axum::extract::State;
use saggar_wire as wire;

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

/// Tasks that an answer names.
const MOST_NAMED: usize = 100;

/// Whether the host takes jobs: not while it drains or the disk with its store is full, and not after its store failed. It
/// takes them before all plugins are compiled; `tasks` says how many tasks do not run yet, or cannot.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = wire::Readiness), LookAtReadiness)
)]
pub(super) async fn readyz(State(service): State<Service>) -> Answered<wire::Readiness> {
    if let Some(code) = service.why_not_ready() {
        return Err(Refusal::plain(code));
    }
    let mut readiness =
        wire::Readiness { status: "ready".to_owned(), tasks: wire::TaskStates::default(), not_ready: Vec::new() };
    for (task, state, problem) in service.task_states() {
        let count = match state {
            wire::TaskState::Ready => &mut readiness.tasks.ready,
            wire::TaskState::Preparing => &mut readiness.tasks.preparing,
            wire::TaskState::Broken => &mut readiness.tasks.broken,
        };
        *count += 1;
        // Where requests need a token, names are not for those who have none.
        if state != wire::TaskState::Ready && service.tokens().is_open() && readiness.not_ready.len() < MOST_NAMED {
            readiness.not_ready.push(wire::NotReady { task, state, problem });
        }
    }
    Ok(Answer::ok(readiness))
}
