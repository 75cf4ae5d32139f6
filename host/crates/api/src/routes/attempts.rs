//! The attempts of a job.

use axum::extract::State;
use axum::response::Response;
use saggar_queue::AttemptRecord;
use saggar_wire as wire;

use crate::access::{Allowed, Read};
use crate::address::JobAddress;
use crate::answer::Answer;
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, JOB, QUERY, STORE, TASK, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
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
) -> Result<Response, Refusal> {
    let room = service.responses().room_to_read(access.charged(), MAX_ATTEMPTS).await?;
    let history = access.jobs.queue(&task)?.history(id).await?.ok_or_else(|| Refusal::unknown_job(id))?;
    let attempts = history.attempts.into_iter().map(shown).collect();
    Ok(with_room(Answer::ok(wire::Attempts { attempts }), room))
}

fn shown(record: AttemptRecord) -> wire::Attempt {
    wire::Attempt {
        number: record.number,
        run: record.run.0,
        started_at: rfc3339::write(record.started_at),
        ended_at: rfc3339::write(record.ended_at),
        ending: record.ending.name().to_owned(),
        problem: record.problem.as_deref().map(show::problem),
        deployment: record.cost.as_ref().and_then(|cost| cost.deployment),
        cost: record.cost.map(|cost| wire::Cost {
            digest: cost.digest.to_string(),
            cpu_ms: cost.cpu.as_secs_f64() * 1_000.0,
            peak_memory: cost.peak_memory,
            fresh: cost.fresh,
        }),
    }
}
