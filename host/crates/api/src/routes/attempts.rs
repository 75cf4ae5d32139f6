//! The attempts of a job.

use axum::extract::State;
use saggar_wire as wire;

use crate::access::{Allowed, Read};
use crate::address::JobAddress;
use crate::answer::{Answer, Answered};
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, JOB, QUERY, STORE, TASK, refusals};
use crate::service::Service;
use crate::show;

/// Maximum bytes of an answer while it is built: a hundred records, each twice, mostly messages of 4 KiB.
const MAX_ATTEMPTS: usize = 1 << 20;

refusals! {
    AttemptsRefusals [ACCESS, QUERY, TASK, JOB, STORE, ANSWER];
}

/// The attempts of a job that have ended.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/attempts", tag = "jobs",
    params(JobAddress),
    responses((status = 200, description = "The attempts", body = wire::Attempts), AttemptsRefusals)
)]
pub(super) async fn get_attempts(
    State(service): State<Service>,
    access: Allowed<Read>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Answered<wire::Attempts> {
    let _room = service.responses().room_to_read(Some(access.jobs.tenant()), MAX_ATTEMPTS).await?;
    let history = access.jobs.queue(&task)?.history(id).await?.ok_or_else(|| Refusal::unknown_job(id))?;
    Ok(Answer::ok(wire::Attempts { attempts: history.attempts.into_iter().map(show::attempt).collect() }))
}
