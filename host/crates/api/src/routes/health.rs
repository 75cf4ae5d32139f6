//! Health of the process and of the host; these routes require no token.

use axum::extract::State;
use saggar_wire::{self as wire, Code};

use crate::answer::{Answer, Answered};
use crate::problem::Refusal;
use crate::refusals::{STORE, refusals};
use crate::service::Service;
use crate::show;

refusals! {
    HealthRefusals [];
    ReadinessRefusals [STORE, &[Code::StoreFull]];
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = &'static str, content_type = "application/json"), HealthRefusals)
)]
pub(super) async fn healthz() -> Answer<&'static str> {
    Answer::ok("ok")
}

/// Maximum tasks that an answer names.
const MAX_NAMED: usize = 100;

/// Whether the host takes jobs: not while it drains, while the disk with its store is full, or after its store failed. It
/// takes them before all plugins are compiled; `tasks` says how many tasks do not run yet, or cannot. On a host with tenants
/// and tokens `tasks` has no counts, because this route asks for no token; `/v1/tasks` has the states of a tenant's tasks.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = wire::Readiness), ReadinessRefusals)
)]
pub(super) async fn readyz(State(service): State<Service>) -> Answered<wire::Readiness> {
    if let Some(code) = service.tenants().why_not_ready() {
        return Err(Refusal::plain(code));
    }
    let mut readiness =
        wire::Readiness { status: "ready".to_owned(), tasks: wire::TaskStates::default(), not_ready: Vec::new() };
    // Even the number of tasks would tell one tenant about the others.
    let is_shown = service.grants().is_open() || !service.tenants().are_configured();
    for (task, state, problem) in is_shown.then(|| task_states(&service)).into_iter().flatten() {
        let count = match state {
            wire::TaskState::Ready => &mut readiness.tasks.ready,
            wire::TaskState::Preparing => &mut readiness.tasks.preparing,
            wire::TaskState::Broken => &mut readiness.tasks.broken,
        };
        *count += 1;
        // On a host with tokens, a request without a token must not see task names.
        if state != wire::TaskState::Ready && service.grants().is_open() && readiness.not_ready.len() < MAX_NAMED {
            readiness.not_ready.push(wire::NotReady { task, state, problem });
        }
    }
    Ok(Answer::ok(readiness))
}

/// Returns all tasks of all tenants, with their states and first problems.
fn task_states(service: &Service) -> Vec<(String, wire::TaskState, Option<String>)> {
    let mut states = Vec::new();
    for jobs in service.tenants().all_jobs() {
        states.extend(jobs.tasks().into_iter().map(|known| {
            let (state, problem) = show::task_state(&known.state);
            (known.task.id.to_string(), state, problem)
        }));
        let broken = jobs.orphans().into_iter().filter_map(|orphan| Some((orphan.id, orphan.problem?)));
        states.extend(broken.map(|(id, problem)| (id, wire::TaskState::Broken, Some(problem.to_string()))));
    }
    states
}
