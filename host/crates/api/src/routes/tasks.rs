//! Tasks: their definitions, counts and rates, and pausing and resuming them.

use axum::extract::State;
use http::StatusCode;
use saggar_queue::{Rate, Rates, TaskQueue};
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

/// The slots of a task, and which attempts have them.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/slots", tag = "tasks", params(TaskAddress),
    responses((status = 200, description = "The slots", body = wire::Slots), TaskRefusals)
)]
pub(super) async fn get_slots(
    access: Allowed<Read>,
    TaskAddress(task): TaskAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Slots> {
    Ok(Answer::ok(slots(&access.jobs.task(&task)?, &*access.jobs.queue(&task)?)))
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
        slots: u64::from(task.worker_nums),
        busy: counts.running as u64,
    }
}

fn shown(known: &KnownTask) -> wire::Task {
    let summary = summary(known);
    wire::Task {
        id: summary.id,
        name: summary.name,
        state: summary.state,
        problem: summary.problem,
        paused: summary.paused,
        held_by: summary.held_by,
        counts: summary.counts,
        rates: summary.rates,
        first_ready_at: summary.first_ready_at,
        slots: summary.slots,
        busy: summary.busy,
        file: known.task.file().to_owned(),
        definition: known.task.effective_definition(),
    }
}

fn slots(known: &KnownTask, queue: &TaskQueue) -> wire::Slots {
    let timeout_ms = u64::try_from(known.task.timeout.as_millis()).unwrap_or(u64::MAX);
    let mut running = queue.running_attempts();
    running.sort_by_key(|running| (running.started_at(), running.id()));
    let attempts = running.iter().map(|running| wire::SlotAttempt {
        id: running.id().0,
        run: running.run().0,
        number: running.attempt(),
        started_at: rfc3339::write(running.started_at()),
        deadline_at: rfc3339::write(running.started_at().plus_ms(timeout_ms)),
        cancelling: running.is_cancelled(),
        digest: running.component().map(|digest| digest.to_string()),
    });
    wire::Slots { slots: u64::from(known.task.worker_nums), attempts: attempts.collect() }
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
