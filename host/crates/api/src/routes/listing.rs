//! Lists of jobs.

use axum::extract::State;
use axum::response::Response;
use saggar_job::{Status, TaskKey, Timestamp};
use saggar_queue::{Cursor, ListOrder, ListQuery, ListedJob, Page};
use saggar_wire as wire;

use crate::access::{Allowed, Read};
use crate::address::TaskAddress;
use crate::answer::Answer;
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, TASK, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
use crate::service::Service;
use crate::show;

/// Maximum bytes of a listed job while the answer is built: messages of 4 KiB and 1 KiB, twice, and the rest.
const LISTED_JOB: usize = 11 << 10;

refusals! {
    ListRefusals [ACCESS, QUERY, STORE, ANSWER];
    ListOfTaskRefusals [ACCESS, QUERY, TASK, STORE, ANSWER];
}

/// Lists jobs of a task.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs", tag = "jobs",
    params(TaskAddress, wire::ListQuery),
    responses((status = 200, description = "A page", body = wire::Jobs), ListOfTaskRefusals)
)]
pub(super) async fn list_jobs_of_task(
    State(service): State<Service>,
    access: Allowed<Read>,
    TaskAddress(task): TaskAddress,
    Parameters(parameters): Parameters<wire::ListQuery>,
) -> Result<Response, Refusal> {
    let query = query(parameters)?;
    let task = access.jobs.queue(&task)?.key().task.clone();
    let query = ListQuery { task: Some(task), ..query };
    let room = service.responses().room_to_read(access.charged(), query.limit * LISTED_JOB).await?;
    let page = access.jobs.list(query).await?;
    Ok(with_room(Answer::ok(shown(page, access.jobs.now())), room))
}

/// Lists jobs of all tasks.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", params(wire::ListQuery),
    responses((status = 200, description = "A page", body = wire::Jobs), ListRefusals)
)]
pub(super) async fn list_jobs(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(parameters): Parameters<wire::ListQuery>,
) -> Result<Response, Refusal> {
    let query = query(parameters)?;
    let room = service.responses().room_to_read(access.charged(), query.limit * LISTED_JOB).await?;
    let page = access.jobs.list(query).await?;
    Ok(with_room(Answer::ok(shown(page, access.jobs.now())), room))
}

/// Converts the query. The host sets its tenant, and the route its task.
fn query(parameters: wire::ListQuery) -> Result<ListQuery, Refusal> {
    let time = |name: &str, text: Option<String>| {
        let read = text.as_deref().map(rfc3339::read).transpose();
        read.map_err(|why| invalid(format!("`{name}`: {why}")))
    };
    let cursor = parameters.after.as_deref().map(str::parse::<Cursor>).transpose();
    let mut query = ListQuery {
        statuses: parameters.status.map(domain_status).into_iter().collect(),
        added_from: time("added_from", parameters.added_from)?,
        added_before: time("added_before", parameters.added_before)?,
        text: parameters.text.map(Into::into),
        order: match parameters.order {
            Some(wire::Order::Oldest) => ListOrder::OldestFirst,
            Some(wire::Order::Newest) | None => ListOrder::NewestFirst,
        },
        after: cursor.map_err(|error| invalid(format!("`after`: {error}")))?,
        ..ListQuery::of_tenant(TaskKey::DEFAULT_TENANT)
    };
    if let Some(limit) = parameters.limit {
        if !(1..=ListQuery::PAGE).contains(&limit) {
            return Err(invalid(format!("`limit` is from 1 to {}", ListQuery::PAGE)));
        }
        query.limit = limit;
    }
    Ok(query)
}

/// Converts a page of jobs as they are at `now`.
fn shown(page: Page, now: Timestamp) -> wire::Jobs {
    let jobs = page.jobs.into_iter().map(|job| listed(job, now)).collect();
    wire::Jobs { jobs, next: page.next.map(|cursor| cursor.to_string()) }
}

fn listed(job: ListedJob, now: Timestamp) -> wire::ListedJob {
    wire::ListedJob {
        id: job.id.0,
        task: job.task.task.to_string(),
        status: show::status(job.status),
        waiting: job.waiting(now).map(show::waiting),
        cancelling: job.cancelling,
        problem: job.problem.as_ref().map(show::problem),
        reason: job.reason.map(show::reason),
        attempt: job.attempt,
        added_at: rfc3339::write(job.added_at),
        run_at: job.run_at.map(rfc3339::write),
        started_at: job.started_at.map(rfc3339::write),
        ended_at: job.ended_at.map(rfc3339::write),
        priority: job.priority,
        current: job.progress.current,
        total: job.progress.total,
        message: job.progress.message,
    }
}

/// Converts the status that a client filters by.
fn domain_status(status: wire::Status) -> Status {
    match status {
        wire::Status::Waiting => Status::Waiting,
        wire::Status::Running => Status::Running,
        wire::Status::Success => Status::Success,
        wire::Status::Failure => Status::Failure,
    }
}
