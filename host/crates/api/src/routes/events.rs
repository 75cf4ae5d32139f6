//! Streams of job events.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use saggar_queue::EventId;
use saggar_wire::{self as wire, Code};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Allowed, Read};
use crate::address::JobAddress;
use crate::following::JobEvents;
use crate::headers::{LastEvent, LastFeed};
use crate::job_feed::{FeedId, JobFeed};
use crate::jobs::EventScope;
use crate::parameters::{Parameters, last_event_id};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, FOLLOW, JOB, QUERY, STORE, TASK, refusals};
use crate::service::Service;
use crate::sse;

refusals! {
    FollowManyRefusals [ACCESS, QUERY, FOLLOW, &[Code::UnknownTask, Code::TaskBroken]];
    FollowOneRefusals [ACCESS, QUERY, TASK, JOB, STORE, FOLLOW];
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ManyParameters {
    /// Only events of jobs of this task.
    task: Option<String>,
    /// Like `Last-Event-ID`, for clients that cannot set headers; the header takes precedence.
    #[param(pattern = "^e(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})$")]
    after: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneParameters {
    /// Like `Last-Event-ID`, for clients that cannot set headers; the header takes precedence.
    #[param(pattern = "^e(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})$")]
    after: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FeedParameters {
    /// Like `Last-Event-ID`, for clients that cannot set headers; the header takes precedence.
    #[param(pattern = "^e(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})\\.(0|[1-9][0-9]{0,17})$")]
    after: Option<String>,
}

/// Follows the events of all jobs, or of those of a task.
///
/// The answer is server-sent events: from now on, or after the event with the given id, without loss as long as the
/// events are stored. An event of a job is named by its kind, a `JobEventKind`, and its data is a `JobEvent`. `gap` (data:
/// `EventGap`) says that some events have been evicted; the oldest stored ones follow it. `reached` (data: `{}`) comes
/// first, and then after every 15 s without another event: its id can be given back like any other. The answer ends when the
/// host stops, and when the client reads nothing for 30 s.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(ManyParameters, LastEvent),
    responses((status = 200, description = "A stream of events", body = wire::StreamedEvent, content_type = "text/event-stream"),
        FollowManyRefusals)
)]
pub(super) async fn follow_many(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(ManyParameters { task, after }): Parameters<ManyParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let after = last_event_id::<EventId>(&headers, after.as_deref())?;
    if let Some(task) = &task {
        access.jobs.task(task)?;
    }
    let permit = service.stream_permit(&access.caller, access.jobs.tenant())?;
    let scope = task.as_deref().map_or(EventScope::Tenant, EventScope::Task);
    Ok(sse::answer(JobEvents::of_many(permit, access.jobs.follow(scope, after))))
}

/// Follows the events and the log of one job.
///
/// The answer is server-sent events: those of `…/events` and of `…/logs?follow=true`, in one stream. It ends with `end` when the
/// job has ended and everything was sent. A client that was disconnected and sends the id of its last event continues after it.
/// If the job has ended and nothing is left to send, the answer is 204.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/feed", tag = "events",
    params(JobAddress, FeedParameters, LastFeed),
    responses((status = 200, description = "A stream of events and lines", body = wire::StreamedFeed, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and nothing is left to send"), FollowOneRefusals)
)]
pub(super) async fn follow_feed(
    State(service): State<Service>,
    access: Allowed<Read>,
    JobAddress { task, id }: JobAddress,
    Parameters(FeedParameters { after }): Parameters<FeedParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let after = last_event_id::<FeedId>(&headers, after.as_deref())?;
    let permit = service.stream_permit(&access.caller, access.jobs.tenant())?;
    // Follows before the look-up, so that no event in between is missed.
    let followed = access.jobs.follow(EventScope::Job(&task, id), after.map(|after| after.event));
    let queue = access.jobs.queue(&task)?;
    let found = queue.peek(id, 0).await?.ok_or_else(|| Refusal::unknown_job(id))?;
    let mut feed = JobFeed::new(permit, followed, (queue, id), after.map_or(0, |after| after.lines));
    if after.is_some() && found.has_ended() && !feed.has_more_of_ended().await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(sse::answer(feed))
}

/// Follows the events of one job.
///
/// The answer is server-sent events like those of `/v1/events`. It ends when the job has ended and its last event was
/// sent. If the job has ended already and there are no events to send, the answer is 204, after which a browser's
/// `EventSource` does not reconnect. Follow first, then look the job up, so that nothing is missed in between.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs/{id}/events", tag = "events",
    params(JobAddress, OneParameters, LastEvent),
    responses((status = 200, description = "A stream of events", body = wire::StreamedEvent, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and there are no events to send"), FollowOneRefusals)
)]
pub(super) async fn follow_one(
    State(service): State<Service>,
    access: Allowed<Read>,
    JobAddress { task, id }: JobAddress,
    Parameters(OneParameters { after }): Parameters<OneParameters>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let after = last_event_id::<EventId>(&headers, after.as_deref())?;
    let permit = service.stream_permit(&access.caller, access.jobs.tenant())?;
    // Follows before the look-up, so that no event in between is missed.
    let followed = access.jobs.follow(EventScope::Job(&task, id), after);
    let queue = access.jobs.queue(&task)?;
    let found = queue.peek(id, 0).await?;
    let mut events = JobEvents::of_one(permit, followed, queue, id);
    match found {
        Some(found) if !found.has_ended() => {}
        Some(_) if events.has_more_of_ended() => {}
        // The last event may not be emitted yet; after a 204, a reconnecting client would not come back for it.
        Some(_) if after.is_some() && events.has_event_soon().await => {}
        Some(_) => return Ok(StatusCode::NO_CONTENT.into_response()),
        // A reconnecting client gets the event `deleted`.
        None if after.is_some() && events.has_more_of_ended() => {}
        None => return Err(Refusal::unknown_job(id)),
    }
    Ok(sse::answer(events))
}
