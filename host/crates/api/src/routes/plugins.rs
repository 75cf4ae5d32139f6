//! The plugins and scripts of the app that runs, and the problems of its files.

use axum::extract::State;
use axum::response::Response;
use saggar_queue::{Deployment, DeploymentPage};
use saggar_wire::{self as wire, Code};

use super::deployments::MAX_DEPLOYMENTS;
use crate::access::{Allowed, Read};
use crate::address::PluginAddress;
use crate::answer::{Answer, Answered};
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
use crate::service::Service;

/// Deployments in which the versions of a plugin are looked up: a default page of them.
const DEPLOYMENTS: usize = 20;

refusals! {
    PluginsRefusals [ACCESS, QUERY, ANSWER];
    PluginRefusals [ACCESS, QUERY, STORE, ANSWER, &[Code::InvalidPath, Code::UnknownPlugin]];
}

/// The plugins and scripts of the app that can be used, and the tasks that use them.
#[utoipa::path(
    get, path = "/v1/plugins", tag = "tasks",
    responses((status = 200, description = "The plugins", body = wire::Plugins), PluginsRefusals)
)]
pub(super) async fn list_plugins(access: Allowed<Read>, _: Parameters<NoParameters>) -> Answered<wire::Plugins> {
    Ok(Answer::ok(wire::Plugins { plugins: access.jobs.plugins() }))
}

/// A plugin or a script: what it imports, what it may do in the tasks that use it, and its versions.
#[utoipa::path(
    get, path = "/v1/plugins/{name}", tag = "tasks", params(PluginAddress),
    responses((status = 200, description = "The plugin", body = wire::Plugin), PluginRefusals)
)]
pub(super) async fn get_plugin(
    State(service): State<Service>,
    access: Allowed<Read>,
    PluginAddress(name): PluginAddress,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let room = service.responses().room_to_read(access.charged(), MAX_DEPLOYMENTS).await?;
    let plugin = access.jobs.plugin(&name).ok_or_else(|| Refusal::plain(Code::UnknownPlugin))?;
    let deployments = access.jobs.deployments(None, DEPLOYMENTS).await?;
    Ok(with_room(Answer::ok(wire::Plugin { versions: versions(&name, &deployments), ..plugin }), room))
}

/// The problems of the app that runs: of task files, plugins and scripts.
///
/// They are as of the start of the host or the last reload that succeeded; `saggar check` finds those of the files as they are
/// now.
#[utoipa::path(
    get, path = "/v1/problems", tag = "tasks",
    responses((status = 200, description = "The problems", body = wire::AppProblems), PluginsRefusals)
)]
pub(super) async fn get_problems(access: Allowed<Read>, _: Parameters<NoParameters>) -> Answered<wire::AppProblems> {
    Ok(Answer::ok(access.jobs.problems()))
}

/// Returns the versions of a plugin that tasks used without pinning them, the newest first.
fn versions(name: &str, page: &DeploymentPage) -> Vec<wire::PluginVersion> {
    let mut versions = Vec::<wire::PluginVersion>::new();
    // The oldest first, because a version is shown with the deployment since which it ran.
    for deployment in page.deployments.iter().rev() {
        let Some(version) = version(name, deployment, page) else { continue };
        if versions.last().is_none_or(|last| last.digest != version.digest) {
            versions.push(version);
        }
    }
    versions.reverse();
    versions
}

fn version(name: &str, deployment: &Deployment, page: &DeploymentPage) -> Option<wire::PluginVersion> {
    let code = deployment.code.iter().find(|code| *code.name == *name && !code.pinned)?;
    Some(wire::PluginVersion {
        digest: code.digest.to_string(),
        bytes: code.bytes,
        deployment: deployment.number,
        at: rfc3339::write(deployment.at),
        kept: page.kept.contains(&code.digest),
    })
}
