//! The attempts of a job.

use super::refusals::LookAtJob;
use super::{Answer, Answered, show};
use crate::access::{Allowed, Look};
use crate::address::JobAddress;
use crate::parameters::{None as NoParameters, Parameters};
use crate::wire;

/// The attempts of a job that are over.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/attempts", tag = "jobs",
    params(JobAddress),
    responses((status = 200, description = "The attempts", body = wire::Attempts), LookAtJob)
)]
pub(super) async fn get_attempts(
    access: Allowed<Look>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Attempts> {
    let history = access.jobs.history(&task, id).await?;
    Ok(Answer::ok(wire::Attempts { attempts: history.attempts.into_iter().map(show::attempt).collect() }))
}
