//! A job's log, as a document or as a stream.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use saggar_queue::{AttemptTimes, History, Peek};
use saggar_wire as wire;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Allowed, Read};
use crate::address::JobAddress;
use crate::answer::Answer;
use crate::headers::LastLine;
use crate::log_lines::LogLines;
use crate::parameters::{Parameters, invalid, last_event_id};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, FOLLOW, JOB, QUERY, STORE, TASK, refusals};
use crate::response_budget::{SMALL, with_room};
use crate::service::Service;
use crate::show;
use crate::sse;

/// Maximum bytes of a log while the answer is built: 320 KiB of text, each line twice.
const MAX_LOG: usize = 1 << 20;

refusals! {
    LogsRefusals [ACCESS, QUERY, TASK, JOB, STORE, FOLLOW];
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParameters {
    /// Whether to continue with new lines, as server-sent events.
    #[serde(default)]
    follow: bool,
    /// With `follow`: like `Last-Event-ID`, for clients that cannot set headers; the header takes precedence.
    #[param(pattern = "^(0|[1-9][0-9]{0,17})$")]
    after: Option<String>,
}

/// A job's log.
///
/// With `follow=true` the answer is server-sent events: `log` for each line (data: `LogLine`), those that exist and those
/// that are written until the job has ended, up to a quarter of a second after the guest wrote them; then `end` (data:
/// `{}`), after which the client should not reconnect. A client that was disconnected and sends the id of its last line
/// continues after it; if the job has ended and there are no more lines, the answer is 204.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/logs", tag = "jobs",
    params(JobAddress, LogParameters, LastLine),
    responses((status = 200, description = "The log", content((wire::Logs = "application/json"), (wire::StreamedLine = "text/event-stream"))),
        (status = 204, description = "With `follow`: the job has ended, and there are no more lines"), LogsRefusals)
)]
pub(super) async fn get_logs(
    State(service): State<Service>,
    access: Allowed<Read>,
    JobAddress { task, id }: JobAddress,
    Parameters(LogParameters { follow, after }): Parameters<LogParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let read = last_event_id::<usize>(&headers, after.as_deref())?;
    let (queue, unknown) = (access.jobs.queue(&task)?, || Refusal::unknown_job(id));
    if !follow {
        if after.is_some() {
            return Err(invalid("`after` requires `follow=true`"));
        }
        let room = service.responses().room_to_read(access.charged(), MAX_LOG).await?;
        let History { log, attempts } = queue.history(id).await?.ok_or_else(unknown)?;
        let mut times = AttemptTimes::of(&attempts);
        if let Some(Peek::Job(job)) = queue.peek(id, SMALL as u64).await? {
            times = times.with_running(&job);
        }
        let lines = log.into_iter().map(|line| show::log_line(line, &times)).collect();
        return Ok(with_room(Answer::ok(wire::Logs { lines }), room));
    }
    let found = queue.peek(id, 0).await?.ok_or_else(unknown)?;
    let permit = service.stream_permit(&access.caller, access.jobs.tenant())?;
    if let Some(read) = read
        && found.has_ended()
        && queue.log_after(id, read).await?.ok_or_else(unknown)?.lines.is_empty()
    {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(sse::answer(LogLines::new(permit, queue, id, read.unwrap_or(0))))
}
