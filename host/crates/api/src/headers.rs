//! The headers that routes look at, for the OpenAPI document. They are left out or have a value; of an `Option` utoipa would
//! say that it may be null.

use utoipa::IntoParams;

/// Of routes that add.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what is read of a `HeaderMap`")]
pub(crate) struct AddHeaders {
    /// While a job of the task with this key is kept, it is answered instead of adding another one. Job number N of a batch,
    /// from 0, has the key `KEY/N` unless it has one of its own.
    #[param(required = false, rename = "Idempotency-Key", pattern = "^[!-~]([ -~]{0,253}[!-~])?$")]
    idempotency_key: String,
    /// The W3C trace context that is added from; one that cannot be read counts as absent.
    #[param(required = false)]
    traceparent: String,
}

/// Of routes of events.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what is read of a `HeaderMap`")]
pub(crate) struct LastEvent {
    /// The id of the last event that was read.
    #[param(
        required = false,
        rename = "Last-Event-ID",
        pattern = "^e(0|[1-9a-f][0-9a-f]{0,15})-(0|[1-9a-f][0-9a-f]{0,15})$"
    )]
    last_event_id: String,
}

/// Of logs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what is read of a `HeaderMap`")]
pub(crate) struct LastLine {
    /// With `follow`: the id of the last line that was read.
    #[param(required = false, rename = "Last-Event-ID", pattern = "^(0|[1-9][0-9]{0,17})$")]
    last_event_id: String,
}
