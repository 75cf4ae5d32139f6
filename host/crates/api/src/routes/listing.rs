//! Lists of jobs.

use axum::extract::State;
use axum::response::Response;
use saggar_job::Timestamp;
use saggar_queue::{CountedJobs, Cursor, ListOrder, ListQuery, ListedJob, Page};
use saggar_wire as wire;

use crate::access::{Allowed, Read};
use crate::address::TaskAddress;
use crate::answer::{Answer, Answered};
use crate::job_filter;
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, TASK, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
use crate::service::Service;
use crate::show;

/// Maximum bytes of a listed job while the answer is built: messages of 4 KiB and 1 KiB and the beginning of its arguments, twice,
/// and the rest.
pub(super) const LISTED_JOB: usize = 13 << 10;

refusals! {
    ListRefusals [ACCESS, QUERY, STORE, ANSWER];
    CountRefusals [ACCESS, QUERY, STORE, ANSWER];
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
    let query = query(&parameters)?;
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
    let query = query(&parameters)?;
    let room = service.responses().room_to_read(access.charged(), query.limit * LISTED_JOB).await?;
    let page = access.jobs.list(query).await?;
    Ok(with_room(Answer::ok(shown(page, access.jobs.now())), room))
}

/// Counts jobs of all tasks that a list would have.
///
/// Looks at no more than 100,000 jobs or a few more, and at fewer if it has to look into arguments; `exact` is false if there
/// are others. `order` and `limit` have no effect.
#[utoipa::path(
    get, path = "/v1/jobs/count", tag = "jobs", params(wire::ListQuery),
    responses((status = 200, description = "The count", body = wire::JobCount), CountRefusals)
)]
pub(super) async fn count_jobs(
    access: Allowed<Read>,
    Parameters(parameters): Parameters<wire::ListQuery>,
) -> Answered<wire::JobCount> {
    let CountedJobs { jobs, next, looked_at } = access.jobs.count(query(&parameters)?).await?;
    Ok(Answer::ok(wire::JobCount { count: jobs as u64, exact: next.is_none(), looked_at: looked_at as u64 }))
}

/// Converts the query. The host sets its tenant, and the route its task.
fn query(parameters: &wire::ListQuery) -> Result<ListQuery, Refusal> {
    let filter = parameters.filter().map_err(|error| invalid(format!("`args` is a JSON object: {error}")))?;
    let mut query = job_filter::query(filter).map_err(invalid)?;
    let cursor = parameters.after.as_deref().map(str::parse::<Cursor>).transpose();
    query.after = cursor.map_err(|error| invalid(format!("`after`: {error}")))?;
    query.order = match parameters.order {
        Some(wire::Order::Oldest) => ListOrder::OldestFirst,
        Some(wire::Order::Newest) | None => ListOrder::NewestFirst,
    };
    query.with_args = parameters.fields.as_ref().is_some_and(|fields| fields.0.contains(&wire::ListField::Args));
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
    wire::Jobs { jobs, next: page.next.map(|cursor| cursor.to_string()), looked_at: page.looked_at as u64 }
}

pub(super) fn listed(job: ListedJob, now: Timestamp) -> wire::ListedJob {
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
        args: job.args.as_deref().map(str::to_owned),
    }
}
