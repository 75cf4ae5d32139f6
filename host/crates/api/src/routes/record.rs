//! The records of attempts: listing those of a task, and getting one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use saggar_job::Run;
use saggar_wire::{self as wire, Code};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Admin, Allowed};
use crate::address::{JobAddress, TaskAddress};
use crate::answer::Answer;
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, JOB, QUERY, STORE, TASK, refusals};
use crate::response_budget::with_room;
use crate::service::Service;

/// Maximum bytes of a record: of one call, and of the calls that its instance had served before.
const MAX_RECORD: usize = 5 << 20;

/// Records of a page if the client does not say how many it wants, and the most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Maximum bytes of a page while it is built: 80 of text for each record, twice.
const MAX_PAGE: usize = 256 << 10;

const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

refusals! {
    RecordsRefusals [ACCESS, QUERY, TASK, STORE, ANSWER];
    RecordRefusals [ACCESS, QUERY, TASK, JOB, STORE, ANSWER, &[Code::NotRecorded]];
}

/// The records of attempts of a task that are stored, the last recorded first: at most 1,000.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/records", tag = "tasks", params(TaskAddress, wire::RecordsQuery),
    responses((status = 200, description = "A page", body = wire::Records), RecordsRefusals)
)]
pub(super) async fn list_records(
    State(service): State<Service>,
    access: Allowed<Admin>,
    TaskAddress(task): TaskAddress,
    Parameters(wire::RecordsQuery { before, limit }): Parameters<wire::RecordsQuery>,
) -> Result<Response, Refusal> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid(format!("`limit` is from 1 to {MAX_LIMIT}")));
    }
    let room = service.responses().room_to_read(access.charged(), MAX_PAGE).await?;
    // One more than the page has says whether there is another one.
    let mut found = access.jobs.queue(&task)?.recordings(before, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.number);
    let listed =
        |one: saggar_queue::ListedRecording| wire::ListedRecord { id: one.id.0, run: one.run.0, bytes: one.bytes };
    let records = found.into_iter().map(listed).collect();
    Ok(with_room(Answer::ok(wire::Records { records, next }), room))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordParameters {
    /// The run of the attempt; without it, the last attempt that was recorded.
    #[param(maximum = 18_446_744_073_709_551_615_u64)]
    run: Option<u64>,
}

/// The record of an attempt, from which `saggar replay` makes the same attempt again.
///
/// It contains all that the attempt asked of the host and was answered, so only a token with the role `admin` gets it.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/record", tag = "jobs",
    params(JobAddress, RecordParameters),
    responses((status = 200, description = "The record", body = String, content_type = "application/octet-stream"),
        RecordRefusals)
)]
pub(super) async fn get_record(
    State(service): State<Service>,
    access: Allowed<Admin>,
    JobAddress { task, id }: JobAddress,
    Parameters(RecordParameters { run }): Parameters<RecordParameters>,
) -> Result<Response, Refusal> {
    let room = service.responses().room_to_read(access.charged(), MAX_RECORD).await?;
    let queue = access.jobs.queue(&task)?;
    let Some(recording) = queue.recording(id, run.map(Run)).await? else {
        queue.peek(id, 0).await?.ok_or_else(|| Refusal::unknown_job(id))?;
        return Err(Refusal::new(Code::NotRecorded, format!("no such attempt of the job {id} is recorded")));
    };
    let body = bytes::Bytes::from_owner(recording.bytes);
    Ok(with_room(([(CONTENT_TYPE, BINARY)], body).into_response(), room))
}
