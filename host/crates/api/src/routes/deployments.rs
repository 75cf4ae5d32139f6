//! Deployments of an app: listing them, going back to one, and the code that is kept.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use saggar_queue::{DeploymentCause, DeploymentPage};
use saggar_wire::{self as wire, Code};

use crate::access::{Admin, Allowed, Read};
use crate::address::VersionAddress;
use crate::answer::Answer;
use crate::audit::Action;
use crate::parameters::{None as NoParameters, Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
use crate::service::Service;

/// Deployments of a page if the client does not say how many it wants, and the most.
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Maximum code of one deployment in an answer.
const MAX_CODE: usize = 1_000;

/// Maximum bytes of an answer while it is built: some thousand entries of code, each twice.
pub(super) const MAX_DEPLOYMENTS: usize = 4 << 20;

/// How long a client waits for a rollback, as for a reload.
const MAX_WAIT: Duration = Duration::from_secs(30);

refusals! {
    DeploymentsRefusals [ACCESS, QUERY, STORE, ANSWER];
    VersionRefusals [ACCESS, QUERY, STORE, ANSWER, &[Code::InvalidPath, Code::UnknownVersion]];
    RollbackRefusals [ACCESS, QUERY, STORE, ANSWER, &[Code::UnknownDeployment, Code::ReloadFailed, Code::StoreFull]];
}

/// The deployments of the app, the newest first: which plugins and scripts it runs since when, and why.
///
/// The start of the host, a reload and a rollback make one, unless the code is the same as before. The latest 256 are
/// recorded.
#[utoipa::path(
    get, path = "/v1/deployments", tag = "tasks", params(wire::DeploymentsQuery),
    responses((status = 200, description = "A page", body = wire::Deployments), DeploymentsRefusals)
)]
pub(super) async fn list_deployments(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(wire::DeploymentsQuery { before, limit }): Parameters<wire::DeploymentsQuery>,
) -> Result<Response, Refusal> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid(format!("`limit` is from 1 to {MAX_LIMIT}")));
    }
    let room = service.responses().room_to_read(access.charged(), MAX_DEPLOYMENTS).await?;
    let page = access.jobs.deployments(before, limit).await?;
    Ok(with_room(Answer::ok(shown(page)), room))
}

/// A component or a script that the app has run, if it is kept: the bytes of the component or, of a script, a JSON document
/// with its `entry` and the texts of its `files`.
#[utoipa::path(
    get, path = "/v1/versions/{digest}", tag = "tasks", params(VersionAddress),
    responses(
        (status = 200, description = "The code", body = String, content_type = "application/octet-stream"),
        VersionRefusals
    )
)]
pub(super) async fn get_version(
    State(service): State<Service>,
    access: Allowed<Admin>,
    VersionAddress(digest): VersionAddress,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::plain(Code::UnknownVersion);
    let size = access.jobs.version_size(&digest).await?.ok_or_else(unknown)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let room = service.responses().room_to_read(access.charged(), size).await?;
    let bytes = access.jobs.version(&digest).await?.ok_or_else(unknown)?;
    let media_type = [(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
    Ok(with_room((media_type, Bytes::from_owner(bytes)), room))
}

/// Makes the app run the plugins and scripts of an earlier deployment. Everything is loaded beside the running app, and
/// replaces it at once; with any error, nothing changes. The task files stay as they are. A file with other code is not
/// loaded until its content changes, over restarts too.
#[utoipa::path(
    post, path = "/v1/rollback", tag = "tasks", params(wire::RollbackQuery),
    responses(
        (status = 200, description = "The app runs the code of that deployment", body = wire::Reloaded),
        (
            status = 202, description = "The rollback has not ended within 30 seconds, and continues",
            body = wire::ReloadStatus
        ),
        RollbackRefusals
    )
)]
pub(super) async fn roll_back(
    State(service): State<Service>,
    access: Allowed<Admin>,
    Parameters(wire::RollbackQuery { to }): Parameters<wire::RollbackQuery>,
) -> Result<Response, Refusal> {
    let started = service.audit().begin(&access.caller, Action::Rollback, None, None);
    let by = access.caller.author();
    match tokio::time::timeout(MAX_WAIT, access.jobs.roll_back(to, by)).await {
        Ok(done) => {
            started.end(StatusCode::OK.as_u16(), &done);
            Ok(Answer::ok(done?).into_response())
        }
        Err(_) => {
            started.end::<()>(StatusCode::ACCEPTED.as_u16(), &Ok(()));
            Ok(Answer(StatusCode::ACCEPTED, access.jobs.reload_status()).into_response())
        }
    }
}

/// Converts a page of deployments.
fn shown(page: DeploymentPage) -> wire::Deployments {
    let DeploymentPage { deployments, kept, more } = page;
    let next = deployments.last().map(|last| last.number).filter(|_| more);
    let shown = deployments.into_iter().map(|deployment| {
        let (cause, rolled_back_to) = match deployment.cause {
            DeploymentCause::Start => (wire::DeploymentCause::Start, None),
            DeploymentCause::Reload => (wire::DeploymentCause::Reload, None),
            DeploymentCause::Rollback(to) => (wire::DeploymentCause::Rollback, Some(to)),
        };
        let code = deployment.code.iter().take(MAX_CODE).map(|code| wire::DeployedCode {
            name: code.name.to_string(),
            digest: code.digest.to_string(),
            bytes: code.bytes,
            kept: kept.contains(&code.digest),
            pinned: code.pinned,
            instead_of: code.instead_of.as_deref().map(str::to_owned),
        });
        wire::Deployment {
            number: deployment.number,
            at: rfc3339::write(deployment.at),
            cause,
            rolled_back_to,
            by: deployment.by.to_string(),
            code_count: deployment.code.len() as u64,
            code: code.collect(),
        }
    });
    wire::Deployments { deployments: shown.collect(), next }
}
