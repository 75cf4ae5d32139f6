//! Tasks: their definitions, counts and rates, and pausing and resuming them.

use axum::extract::State;
use http::StatusCode;
use saggar_queue::{Rate, Rates};
use saggar_wire::{self as wire, Code};

use crate::access::{Admin, Allowed, Read};
use crate::address::TaskAddress;
use crate::answer::{Answer, Answered};
use crate::audit::Action;
use crate::jobs::{KnownOrphan, KnownTask};
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, TASK, refusals};
use crate::rfc3339;
use crate::service::Service;
use crate::show;

refusals! {
    TasksRefusals [ACCESS, QUERY, ANSWER];
    TaskRefusals [ACCESS, QUERY, TASK, ANSWER, &[Code::Stopping]];
    PauseRefusals [ACCESS, QUERY, TASK, STORE, &[Code::StoreFull]];
}

/// All tasks, with counts and rates, including those that do not run.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "tasks",
    responses((status = 200, description = "The tasks", body = wire::Tasks), TasksRefusals)
)]
pub(super) async fn list_tasks(access: Allowed<Read>, _: Parameters<NoParameters>) -> Answered<wire::Tasks> {
    Ok(Answer::ok(wire::Tasks {
        tasks: access.jobs.tasks().iter().map(summary).collect(),
        orphans: access.jobs.orphans().iter().map(shown_orphan).collect(),
    }))
}

/// One task, with its current definition, counts and rates.
#[utoipa::path(
    get, path = "/v1/tasks/{task}", tag = "tasks", params(TaskAddress),
    responses((status = 200, description = "The task", body = wire::Task), TaskRefusals)
)]
pub(super) async fn get_task(
    access: Allowed<Read>,
    TaskAddress(task): TaskAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Task> {
    Ok(Answer::ok(shown(&access.jobs.task(&task)?)))
}

/// Pauses a task: no more attempts begin; survives restarts. Running attempts go on, and jobs can be added.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/pause", tag = "tasks", params(TaskAddress),
    responses((status = 204, description = "The task is paused"), PauseRefusals)
)]
pub(super) async fn pause_task(
    State(service): State<Service>,
    access: Allowed<Admin>,
    TaskAddress(task): TaskAddress,
    _: Parameters<NoParameters>,
) -> Result<StatusCode, Refusal> {
    set_paused(&service, &access, &task, true).await
}

/// Resumes a paused task.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/resume", tag = "tasks", params(TaskAddress),
    responses((status = 204, description = "The task is resumed"), PauseRefusals)
)]
pub(super) async fn resume_task(
    State(service): State<Service>,
    access: Allowed<Admin>,
    TaskAddress(task): TaskAddress,
    _: Parameters<NoParameters>,
) -> Result<StatusCode, Refusal> {
    set_paused(&service, &access, &task, false).await
}

async fn set_paused(
    service: &Service,
    access: &Allowed<Admin>,
    task: &str,
    paused: bool,
) -> Result<StatusCode, Refusal> {
    let action = if paused { Action::PauseTask } else { Action::ResumeTask };
    let started = service.audit().begin(&access.caller, action, Some(task), None);
    let done = access.jobs.set_paused(task, paused).await.map(|()| StatusCode::NO_CONTENT);
    started.end(StatusCode::NO_CONTENT.as_u16(), &done);
    done
}

fn summary(known: &KnownTask) -> wire::TaskSummary {
    let KnownTask { task, state, held_by, counts, rates } = known;
    let (state, problem) = show::task_state(state);
    wire::TaskSummary {
        id: task.id.to_string(),
        name: task.name.clone(),
        state,
        problem,
        paused: counts.paused,
        held_by: held_by.map(str::to_owned),
        counts: show::counts(counts),
        rates: shown_rates(rates),
        first_ready_at: counts.first_ready_at.map(rfc3339::write),
    }
}

fn shown(known: &KnownTask) -> wire::Task {
    let wire::TaskSummary { id, name, state, problem, paused, held_by, counts, rates, first_ready_at } = summary(known);
    let (file, definition) = (known.task.file().to_owned(), known.task.effective_definition());
    wire::Task { id, name, state, problem, paused, held_by, counts, rates, first_ready_at, file, definition }
}

fn shown_orphan(orphan: &KnownOrphan) -> wire::OrphanedTask {
    let problem = orphan.problem.as_deref().map(str::to_owned);
    wire::OrphanedTask { id: orphan.id.clone(), problem, counts: show::counts(&orphan.counts) }
}

fn shown_rates(rates: &Rates) -> wire::Rates {
    let rate = |rate: Rate| wire::Rate { total: rate.total, per_second: rate.per_second };
    wire::Rates {
        added: rate(rates.added),
        started: rate(rates.started),
        succeeded: rate(rates.succeeded),
        failed: rate(rates.failed),
        retried: rate(rates.retried),
    }
}
