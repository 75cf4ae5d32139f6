//! Reloads of the app: requesting one, and their state.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use saggar_wire::{self as wire, Code};

use crate::access::{Admin, Allowed, Read};
use crate::answer::{Answer, Answered};
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};

/// How long a client waits for a reload, as for the end of a job. Compiling plugins can take minutes.
const MAX_WAIT: Duration = Duration::from_secs(30);

refusals! {
    ReloadRefusals [ACCESS, QUERY, STORE, ANSWER, &[Code::ReloadFailed, Code::StoreFull]];
    StatusRefusals [ACCESS, QUERY, ANSWER];
}

/// Reloads the app: its task files and plugins. Everything is loaded beside the running app, and replaces it at once; if
/// the app has any error, nothing changes, and `problems` of the refusal has the problems. Running jobs end with the plugin
/// that they began with. Requests during a reload together cause one more.
#[utoipa::path(
    post, path = "/v1/reload", tag = "tasks",
    responses(
        (status = 200, description = "The app is reloaded", body = wire::Reloaded),
        (status = 202, description = "The reload has not ended within 30 seconds, and continues", body = wire::ReloadStatus),
        ReloadRefusals
    )
)]
pub(super) async fn reload(access: Allowed<Admin>, _: Parameters<NoParameters>) -> Result<Response, Refusal> {
    match tokio::time::timeout(MAX_WAIT, access.jobs.reload()).await {
        Ok(reloaded) => Ok(Answer::ok(reloaded?).into_response()),
        Err(_) => Ok(Answer(StatusCode::ACCEPTED, access.jobs.reload_status()).into_response()),
    }
}

/// The state of reloads: which app the host runs, and how the last reload ended.
#[utoipa::path(
    get, path = "/v1/reload", tag = "tasks",
    responses((status = 200, description = "The state of reloads", body = wire::ReloadStatus), StatusRefusals)
)]
pub(super) async fn get_reload(access: Allowed<Read>, _: Parameters<NoParameters>) -> Answered<wire::ReloadStatus> {
    Ok(Answer::ok(access.jobs.reload_status()))
}
