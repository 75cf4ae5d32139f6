//! One job: looking it up, waiting for its end, changing it.

use std::time::Duration;

use http::StatusCode;
use saggar_queue::Job;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, Answered, Problems, show};
use crate::access::{Allowed, Change, Look};
use crate::address::JobAddress;
use crate::code::Code;
use crate::parameters::{None as NoParameters, Parameters, invalid};
use crate::problem::Refusal;
use crate::service::Service;
use crate::wire;

/// The longest that a request waits for a job's end: what proxies on the way bear with.
const MAX_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GetParameters {
    /// How long to wait for the job's end, such as `30s`; more than 60 s is taken as 60 s. When the time is over the job is
    /// answered as it stands.
    wait: Option<String>,
}

/// Looks a job up, or waits for its end.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}", tag = "jobs",
    params(("task" = String, Path, description = "The task's id"), ("id" = u64, Path, minimum = 1, description = "The job's id"),
        GetParameters),
    responses((status = 200, description = "The job", body = wire::Job), Problems)
)]
pub(super) async fn get_job(
    axum::extract::State(service): axum::extract::State<Service>,
    access: Allowed<Look>,
    JobAddress { task, id }: JobAddress,
    Parameters(GetParameters { wait }): Parameters<GetParameters>,
) -> Answered<wire::Job> {
    let wait = wait.as_deref().map(humantime::parse_duration).transpose();
    let wait = wait.map_err(|error| invalid(format!("`wait` is a time with its unit, such as 30s: {error}")))?;
    let job = access.jobs.get(&task, id).await?;
    let is_over = |job: &Job| job.life.state.is_ended();
    let job = match wait {
        Some(wait) if !is_over(&job.job) => {
            tokio::select! {
                ended = access.jobs.wait(&task, id) => ended?,
                () = tokio::time::sleep(wait.min(MAX_WAIT)) => access.jobs.get(&task, id).await?,
                () = service.stop().cancelled() => return Err(Refusal::plain(Code::Stopping)),
            }
        }
        _ => job,
    };
    Ok(Answer::ok(show::job(job)))
}

/// Forgets a job that waits or has ended, with all that is kept of it.
#[utoipa::path(
    delete, path = "/v1/tasks/{task}/jobs/{id}", tag = "jobs",
    params(("task" = String, Path, description = "The task's id"), ("id" = u64, Path, minimum = 1, description = "The job's id")),
    responses((status = 204, description = "The job is gone"), Problems)
)]
pub(super) async fn delete_job(
    access: Allowed<Change>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Result<StatusCode, Refusal> {
    access.jobs.delete(&task, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancels a job: one that waits ends at once, one that runs is told to stop. Does not wait for that.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/{id}/cancel", tag = "jobs",
    params(("task" = String, Path, description = "The task's id"), ("id" = u64, Path, minimum = 1, description = "The job's id")),
    responses((status = 200, description = "The job as it stands now", body = wire::Job), Problems)
)]
pub(super) async fn cancel_job(
    access: Allowed<Change>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Job> {
    access.jobs.cancel(&task, id).await?;
    Ok(Answer::ok(show::job(access.jobs.get(&task, id).await?)))
}

/// Lets an ended job run again, with all its attempts before it.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/{id}/retry", tag = "jobs",
    params(("task" = String, Path, description = "The task's id"), ("id" = u64, Path, minimum = 1, description = "The job's id")),
    responses((status = 200, description = "The job as it stands now", body = wire::Job), Problems)
)]
pub(super) async fn retry_job(
    access: Allowed<Change>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Job> {
    access.jobs.retry(&task, id).await?;
    Ok(Answer::ok(show::job(access.jobs.get(&task, id).await?)))
}
