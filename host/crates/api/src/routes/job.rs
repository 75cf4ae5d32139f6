//! One job: looking it up, waiting for its end, changing it.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use saggar_job::{FailureKind, JobId, Timestamp};
use saggar_queue::{Change, Peek, TaskQueue};
use saggar_wire::{self as wire, Code};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Allowed, Read, Write};
use crate::address::JobAddress;
use crate::answer::Answer;
use crate::audit::Action;
use crate::explain;
use crate::jobs::KnownJob;
use crate::large;
use crate::parameters::{None as NoParameters, Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, JOB, QUERY, STORE, TASK, refusals};
use crate::response_budget;
use crate::room::Room;
use crate::service::Service;
use crate::show;

/// Maximum wait of a request for a job's end: shorter than the timeout of common proxies.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);

/// Texts up to this many bytes need no room.
const SMALL: u64 = response_budget::SMALL as u64;

refusals! {
    GetRefusals [ACCESS, QUERY, TASK, JOB, STORE, ANSWER];
    CancelRefusals [ACCESS, QUERY, TASK, JOB, STORE, &[Code::StoreFull, Code::Ended]];
    RetryRefusals [
        ACCESS, QUERY, TASK, JOB, STORE,
        &[Code::StoreFull, Code::NotEnded, Code::CallbackPending, Code::NotUnique]
    ];
    RedeliverRefusals [
        ACCESS, QUERY, TASK, JOB, STORE,
        &[Code::StoreFull, Code::NotEnded, Code::CallbackPending, Code::NotGivenUp]
    ];
    DeleteRefusals [ACCESS, QUERY, TASK, JOB, STORE, &[Code::StoreFull, Code::Running]];
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GetParameters {
    /// How long to wait for the job's end, in `ms`, `s` or `m`, such as `30s`; at most 60 s. After that the job is
    /// returned as it is.
    #[param(pattern = "^[0-9]{1,9}(ms|s|m)$")]
    wait: Option<String>,
    /// Whether to answer also why the job waits, or what its running attempt is bound by.
    #[serde(default)]
    explain: bool,
}

/// Looks a job up, or waits for its end.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}", tag = "jobs",
    params(JobAddress,
        GetParameters),
    responses((status = 200, description = "The job", body = wire::Job), GetRefusals)
)]
pub(super) async fn get_job(
    State(service): State<Service>,
    access: Allowed<Read>,
    JobAddress { task, id }: JobAddress,
    Parameters(GetParameters { wait, explain }): Parameters<GetParameters>,
) -> Result<Response, Refusal> {
    let wait = wait.as_deref().map(duration).transpose()?;
    // Looked up only once, because a stopping host closes its tasks when its last job has ended.
    let queue = access.jobs.queue(&task)?;
    let found = peek(&queue, id).await?;
    let found = match wait {
        Some(wait) if !found.has_ended() => {
            // A waiting client occupies a connection, like one that follows events.
            let permit = service.stream_permit(&access.caller, access.jobs.tenant())?;
            tokio::select! {
                biased;
                code = permit.invalid() => return Err(Refusal::plain(code)),
                // Before the stop, because the host stops when the last job of a drain ends, and the client waits for that
                // end.
                ended = queue.wait_and_peek(id, SMALL) => ended?,
                () = tokio::time::sleep(wait.min(MAX_WAIT)) => peek(&queue, id).await?,
                () = service.stop().cancelled() => return Err(Refusal::plain(Code::Stopping)),
            }
        }
        _ => found,
    };
    let room = service.responses().room_to_read(access.charged(), large_bytes(&found)).await?;
    let mut known = read(&queue, id, found).await?;
    if explain {
        known.explanation = Some(explain::explain(&*access.jobs, &queue, &known.job).await?);
    }
    Ok(answer(known, room, access.jobs.now()))
}

/// Looks up a job, with the room that its texts take.
pub(super) async fn look_up(
    service: &Service,
    access: &Allowed<Write>,
    queue: &TaskQueue,
    id: JobId,
) -> Result<(KnownJob, Room), Refusal> {
    let found = peek(queue, id).await?;
    let room = service.responses().room_to_read(access.charged(), large_bytes(&found)).await?;
    Ok((read(queue, id, found).await?, room))
}

/// Looks up a job, without its texts if they are large.
async fn peek(queue: &TaskQueue, id: JobId) -> Result<Peek, Refusal> {
    queue.peek(id, SMALL).await?.ok_or_else(|| Refusal::unknown_job(id))
}

/// Returns the bytes of a job's texts if they need room, otherwise 0.
fn large_bytes(found: &Peek) -> usize {
    let bytes = match found {
        Peek::Job(job) => job.text_bytes(),
        Peek::Large { bytes, .. } => *bytes,
    };
    if bytes > SMALL { usize::try_from(bytes).unwrap_or(usize::MAX) } else { 0 }
}

/// Returns the job that was found. Reads large texts only now, when there is room for them.
async fn read(queue: &TaskQueue, id: JobId, found: Peek) -> Result<KnownJob, Refusal> {
    let job = match found {
        Peek::Job(job) => job,
        Peek::Large { .. } => queue.get(id).await?.ok_or_else(|| Refusal::unknown_job(id))?,
    };
    Ok(KnownJob::new(queue, job))
}

/// Returns the answer with a job, which owns the room for its texts.
fn answer(known: KnownJob, room: Room, now: Timestamp) -> Response {
    if known.job.text_bytes() <= SMALL {
        return Answer::ok(show::job(known, now)).into_response();
    }
    large::answer(known, room, now)
}

/// Changes a job and looks it up for the answer. The client has to learn of the change, so it gets room in any case.
async fn change(
    service: &Service,
    access: &Allowed<Write>,
    (task, id): (&str, JobId),
    change: Change,
) -> Result<(KnownJob, Room), Refusal> {
    make(service, access, (task, id), change).await?;
    let queue = access.jobs.queue(task)?;
    let found = peek(&queue, id).await?;
    let room = service.responses().room_after_change(access.charged(), large_bytes(&found)).await;
    Ok((read(&queue, id, found).await?, room))
}

/// Changes a job, and records that in the audit.
async fn make(
    service: &Service,
    access: &Allowed<Write>,
    (task, id): (&str, JobId),
    change: Change,
) -> Result<(), Refusal> {
    let (action, status) = match change {
        Change::Cancel => (Action::CancelJob, StatusCode::OK),
        Change::Retry => (Action::RetryJob, StatusCode::OK),
        Change::Redeliver => (Action::RedeliverJob, StatusCode::OK),
        Change::Delete => (Action::DeleteJob, StatusCode::NO_CONTENT),
    };
    let started = service.audit().begin(&access.caller, action, Some(task), Some(id));
    let changed = access.jobs.change(task, id, change).await;
    started.end(status.as_u16(), &changed);
    changed
}

/// Parses a number of up to nine digits with its unit.
fn duration(text: &str) -> Result<Duration, Refusal> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    let number = (1..=9).contains(&digits).then(|| number.parse::<u64>().ok()).flatten();
    let ms = number.zip(unit_ms).map(|(number, unit_ms)| number * unit_ms);
    ms.map(Duration::from_millis)
        .ok_or_else(|| invalid("`wait` is a whole number with its unit `ms`, `s` or `m`, such as 30s"))
}

/// Deletes a job that waits or has ended, with its log and attempts.
#[utoipa::path(
    delete, path = "/v1/tasks/{task}/jobs/{id}", tag = "jobs",
    params(JobAddress),
    responses((status = 204, description = "The job was deleted"), DeleteRefusals)
)]
pub(super) async fn delete_job(
    State(service): State<Service>,
    access: Allowed<Write>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Result<StatusCode, Refusal> {
    make(&service, &access, (&task, id), Change::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancels a job: a waiting job ends at once; a running one is being stopped, and is `cancelling` until it has ended.
/// Does not wait for that. If the job ends by itself before it is stopped, the answer is 409 `ended`.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/{id}/cancel", tag = "jobs",
    params(JobAddress),
    responses((status = 200, description = "The job as it is now", body = wire::Job), CancelRefusals)
)]
pub(super) async fn cancel_job(
    State(service): State<Service>,
    access: Allowed<Write>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let (known, room) = change(&service, &access, (&task, id), Change::Cancel).await?;
    // The attempt may have ended by itself before it was stopped; then the job was not cancelled.
    if known.job.life.state.is_ended() && known.job.reason() != Some(FailureKind::Cancelled) {
        return Err(Refusal::new(Code::Ended, format!("the job {id} ended by itself before it could be stopped")));
    }
    Ok(answer(known, room, access.jobs.now()))
}

/// Retries an ended job, with all its attempts available again.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/{id}/retry", tag = "jobs",
    params(JobAddress),
    responses((status = 200, description = "The job as it is now", body = wire::Job), RetryRefusals)
)]
pub(super) async fn retry_job(
    State(service): State<Service>,
    access: Allowed<Write>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let (known, room) = change(&service, &access, (&task, id), Change::Retry).await?;
    Ok(answer(known, room, access.jobs.now()))
}

/// Delivers the callbacks of an ended job again that were given up, and deferred ones at once.
#[utoipa::path(
    post, path = "/v1/tasks/{task}/jobs/{id}/redeliver", tag = "jobs",
    params(JobAddress),
    responses((status = 200, description = "The job as it is now", body = wire::Job), RedeliverRefusals)
)]
pub(super) async fn redeliver_job(
    State(service): State<Service>,
    access: Allowed<Write>,
    JobAddress { task, id }: JobAddress,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let (known, room) = change(&service, &access, (&task, id), Change::Redeliver).await?;
    Ok(answer(known, room, access.jobs.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_requires_a_number_and_a_unit() {
        for (text, ms) in [("0ms", 0), ("250ms", 250), ("30s", 30_000), ("999999999m", 59_999_999_940_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "30", "s", " 30s", "30 s", "+3s", "1.5s", "1h", "1m30s", "1000000000s", "\u{663}s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
