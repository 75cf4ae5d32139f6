//! Describes the request headers of routes in the OpenAPI document. Their types are `String` and not `Option<String>`,
//! because utoipa describes an `Option` as nullable.

use utoipa::IntoParams;

/// Headers of routes that add jobs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes headers; the routes read them with `JobHeaders`")]
pub(crate) struct AddHeaders {
    /// While the store has a job of the task with this key, that job is returned instead of adding another one. Job number N of a
    /// batch, from 0, has the key `KEY/N` unless it has its own.
    #[param(required = false, rename = "Idempotency-Key", pattern = "^[!-~]([ -~]{0,253}[!-~])?$")]
    idempotency_key: String,
    /// The W3C trace context of the caller; an invalid one counts as absent.
    #[param(required = false)]
    traceparent: String,
}

/// Headers of routes that follow events.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes headers; the routes read them from a `HeaderMap`")]
pub(crate) struct LastEvent {
    /// The id of the last event that was read.
    #[param(
        required = false,
        rename = "Last-Event-ID",
        pattern = "^e(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})$"
    )]
    last_event_id: String,
}

/// Headers of the route that follows a job.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes headers; the routes read them from a `HeaderMap`")]
pub(crate) struct LastFeed {
    /// The id of the last event that was read.
    #[param(
        required = false,
        rename = "Last-Event-ID",
        pattern = "^e(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})\\.(0|[1-9][0-9]{0,17})$"
    )]
    last_event_id: String,
}

/// Headers of the route that returns logs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes headers; the routes read them from a `HeaderMap`")]
pub(crate) struct LastLine {
    /// With `follow`: the id of the last line that was read.
    #[param(required = false, rename = "Last-Event-ID", pattern = "^(0|[1-9][0-9]{0,17})$")]
    last_event_id: String,
}
