//! The attempts of a job.

use super::{Answer, Answered, Problems, show};
use crate::access::{Allowed, Look};
use crate::address::JobAddress;
use crate::parameters::{None as NoParameters, Parameters};
use crate::wire;

/// The attempts of a job that are over.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/attempts", tag = "jobs",
    params(("task" = String, Path, description = "The task's id"), ("id" = u64, Path, minimum = 1, maximum = 18_446_744_073_709_551_615_u64, description = "The job's id")),
    responses((status = 200, description = "The attempts", body = wire::Attempts), Problems)
)]
pub(super) async fn get_attempts(
    access: Allowed<Look>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Attempts> {
    let history = access.jobs.history(&task, id).await?;
    Ok(Answer::ok(wire::Attempts { attempts: history.attempts.into_iter().map(show::attempt).collect() }))
}
