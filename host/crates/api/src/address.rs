//! The path segments that address a tenant, a task or one of its jobs.

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use http::request::Parts;
use saggar_job::JobId;
use saggar_wire::Code;
use utoipa::IntoParams;

use crate::problem::Refusal;
use crate::service::Service;

/// The decoded `{task}` of a path.
#[derive(IntoParams)]
#[into_params(names("task"), parameter_in = Path)]
pub(crate) struct TaskAddress(
    /// The task's id.
    pub(crate) String,
);

/// The decoded `{task}` and `{id}` of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct JobAddress {
    /// The task's id.
    pub(crate) task: String,
    /// The job's number in its task.
    #[param(value_type = u64, minimum = 1, maximum = 18_446_744_073_709_551_615_u64)]
    pub(crate) id: JobId,
}

/// The decoded `{tenant}` of a path.
#[derive(IntoParams)]
#[into_params(names("tenant"), parameter_in = Path)]
pub(crate) struct TenantAddress(
    /// The tenant's name.
    pub(crate) String,
);

/// The decoded `{digest}` of a path.
#[derive(IntoParams)]
#[into_params(names("digest"), parameter_in = Path)]
pub(crate) struct VersionAddress(
    /// The digest that attempts have in `cost`, in hexadecimal.
    pub(crate) String,
);

/// The decoded `{name}` of a path.
#[derive(IntoParams)]
#[into_params(names("name"), parameter_in = Path)]
pub(crate) struct PluginAddress(
    /// The name of the plugin or script, such as `plugins.mail.send`.
    pub(crate) String,
);

impl FromRequestParts<Service> for PluginAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        Ok(Self(part(parts, service, "name").await?))
    }
}

impl FromRequestParts<Service> for VersionAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        Ok(Self(part(parts, service, "digest").await?))
    }
}

impl FromRequestParts<Service> for TenantAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        Ok(Self(part(parts, service, "tenant").await?))
    }
}

impl FromRequestParts<Service> for TaskAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        Ok(Self(part(parts, service, "task").await?))
    }
}

impl FromRequestParts<Service> for JobAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let (task, id) = (part(parts, service, "task").await?, part(parts, service, "id").await?);
        let id = job_id(&id).ok_or_else(|| Refusal::plain(Code::InvalidId))?;
        Ok(Self { task, id })
    }
}

/// Returns the decoded `{task}` of a path, empty if the route has none.
pub(crate) async fn task_or_none(parts: &mut Parts, service: &Service) -> Result<String, Refusal> {
    let has_task = parts.extensions.get::<MatchedPath>().is_some_and(|route| route.as_str().contains("{task}"));
    if has_task { part(parts, service, "task").await } else { Ok(String::new()) }
}

async fn part(parts: &mut Parts, service: &Service, name: &str) -> Result<String, Refusal> {
    let params = RawPathParams::from_request_parts(parts, service).await;
    let params = params.map_err(|_| Refusal::plain(Code::InvalidPath))?;
    let found = params.iter().find(|(of, _)| *of == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| Refusal::internal(&format!("the path has no `{name}`")))
}

/// Parses an id in its canonical form only, so that a job has one address.
pub(crate) fn job_id(text: &str) -> Option<JobId> {
    let id: u64 = text.parse().ok()?;
    (id > 0 && id.to_string() == text).then_some(JobId(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_ids_are_accepted() {
        assert_eq!(job_id("7"), Some(JobId(7)));
        assert_eq!(job_id("18446744073709551615"), Some(JobId(u64::MAX)));
        for bad in ["", "0", "+7", "-7", "07", "7 ", "7.0", "18446744073709551616", "x"] {
            assert_eq!(job_id(bad), None, "{bad:?}");
        }
    }
}
