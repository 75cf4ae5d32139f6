//! Reloads of the app: requesting one, and their state.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use saggar_wire::{self as wire, Code};

use crate::access::{Admin, Authorized, Read, jobs_of};
use crate::answer::{Answer, Answered};
use crate::audit::Action;
use crate::caller::Caller;
use crate::jobs::Jobs;
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};
use crate::service::Service;

/// How long a client waits for a reload, as for the end of a job. Compiling plugins can take minutes.
const MAX_WAIT: Duration = Duration::from_secs(30);

refusals! {
    ReloadRefusals [ACCESS, QUERY, STORE, ANSWER, &[Code::ReloadFailed, Code::StoreFull]];
    StatusRefusals [ACCESS, QUERY, ANSWER];
}

/// Reloads the app: its task files and plugins. Everything is loaded beside the running app, and replaces it at once; if
/// the app has any error, nothing changes, and `problems` of the refusal has the problems. Running jobs end with the plugin
/// that they began with. Requests during a reload together cause one more.
///
/// On a host with tenants, an admin reloads the app of its own tenant. An operator reloads that of the tenant that it names
/// or, if it names none, the configuration and all tenants; the answer then has `tenants`.
#[utoipa::path(
    post, path = "/v1/reload", tag = "tasks",
    responses(
        (status = 200, description = "The app is reloaded", body = wire::Reloaded),
        (status = 202, description = "The reload has not ended within 30 seconds, and continues", body = wire::ReloadStatus),
        ReloadRefusals
    )
)]
pub(super) async fn reload(
    State(service): State<Service>,
    Authorized { caller, .. }: Authorized<Admin>,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let reloading = {
        let (service, caller) = (service.clone(), caller.clone());
        async move {
            match jobs(&service, &caller)? {
                Some(jobs) => jobs.reload(caller.author()).await,
                None => service.tenants().reload(caller.author()).await,
            }
        }
    };
    let started = service.audit().begin(&caller, Action::Reload, None, None);
    match tokio::time::timeout(MAX_WAIT, reloading).await {
        Ok(reloaded) => {
            started.end(StatusCode::OK.as_u16(), &reloaded);
            Ok(Answer::ok(reloaded?).into_response())
        }
        Err(_) => {
            started.end::<()>(StatusCode::ACCEPTED.as_u16(), &Ok(()));
            Ok(Answer(StatusCode::ACCEPTED, status(&service, &caller)?).into_response())
        }
    }
}

/// The state of reloads: which app the host runs, and how the last reload ended. For an operator that names no tenant, of
/// reloads of the whole host.
#[utoipa::path(
    get, path = "/v1/reload", tag = "tasks",
    responses((status = 200, description = "The state of reloads", body = wire::ReloadStatus), StatusRefusals)
)]
pub(super) async fn get_reload(
    State(service): State<Service>,
    Authorized { caller, .. }: Authorized<Read>,
    _: Parameters<NoParameters>,
) -> Answered<wire::ReloadStatus> {
    Ok(Answer::ok(status(&service, &caller)?))
}

/// Returns the jobs of the tenant whose app is meant; `None` if the whole host is.
fn jobs(service: &Service, caller: &Caller) -> Result<Option<Arc<dyn Jobs>>, Refusal> {
    match caller.tenant {
        None if service.tenants().are_configured() => Ok(None),
        _ => jobs_of(caller, service).map(Some),
    }
}

fn status(service: &Service, caller: &Caller) -> Result<wire::ReloadStatus, Refusal> {
    let jobs = jobs(service, caller)?;
    Ok(jobs.map_or_else(|| service.tenants().reload_status(), |jobs| jobs.reload_status()))
}
