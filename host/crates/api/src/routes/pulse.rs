//! The pulse of a tenant.

use axum::extract::State;
use axum::response::Response;
use saggar_wire as wire;

use crate::access::{Allowed, Read};
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::pulse_stream::PulseStream;
use crate::refusals::{ACCESS, FOLLOW, QUERY, refusals};
use crate::service::Service;
use crate::sse;

/// The most seconds between two reports.
const MAX_EVERY_S: u64 = 60;

refusals! {
    PulseRefusals [ACCESS, QUERY, FOLLOW];
}

/// Follows what the tasks do: counts, rates and durations, once a second.
///
/// The answer is server-sent events named `pulse` (data: `Pulse`). The first report has all tasks; later ones have those that
/// have changed. A report of many tasks comes in parts. A client that reads slowly gets fewer reports, each with all that has
/// changed meanwhile. The host makes one pulse for all clients of a tenant, so following it costs much less than following
/// events does.
#[utoipa::path(
    get, path = "/v1/pulse", tag = "tasks", params(wire::PulseQuery),
    responses((status = 200, description = "A stream of reports", body = wire::StreamedPulse, content_type = "text/event-stream"),
        PulseRefusals)
)]
pub(super) async fn follow_pulse(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(wire::PulseQuery { every_s }): Parameters<wire::PulseQuery>,
) -> Result<Response, Refusal> {
    let every = every_s.unwrap_or(1);
    if !(1..=MAX_EVERY_S).contains(&every) {
        return Err(invalid(format!("`every_s` is from 1 to {MAX_EVERY_S}")));
    }
    let permit = service.stream_permit(&access.caller, access.jobs.tenant())?;
    let followed = service.pulses().follow(&*access.jobs);
    Ok(sse::answer(PulseStream::new(permit, followed, every)))
}
