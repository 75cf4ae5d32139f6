//! Tasks: their definitions, counts and rates, and pausing and resuming them.

use axum::extract::State;
use http::StatusCode;
use saggar_wire::{self as wire, Code};

use crate::access::{Admin, Allowed, Read};
use crate::address::TaskAddress;
use crate::answer::{Answer, Answered};
use crate::audit::Action;
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, TASK, refusals};
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
        tasks: access.jobs.tasks().iter().map(show::task_summary).collect(),
        orphans: access.jobs.orphans().iter().map(show::orphan).collect(),
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
    Ok(Answer::ok(show::task(&access.jobs.task(&task)?)))
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
