//! Lists of jobs.

use axum::extract::State;
use saggar_job::TaskKey;
use saggar_queue::{Cursor, ListOrder, ListQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::refusals::{ListJobs, ListJobsOfTask};
use super::{Answer, Answered, show};
use crate::access::{Allowed, Read};
use crate::address::TaskAddress;
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::service::Service;
use crate::{rfc3339, wire};

/// Bytes of the largest job of a list while an answer is made of it: messages of 4 KiB and 1 KiB, twice, and the rest.
const LISTED_JOB: usize = 11 << 10;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Only jobs that stand there.
    status: Option<wire::Status>,
    /// Only jobs added at this time (RFC 3339) or later.
    #[param(format = DateTime)]
    added_from: Option<String>,
    /// Only jobs added before this time (RFC 3339).
    #[param(format = DateTime)]
    added_before: Option<String>,
    /// Only jobs whose progress (`3/10 half way`), problem (`code: message`) or reason contains this text.
    text: Option<String>,
    /// In which order of their adding; the newest first unless said.
    order: Option<wire::Order>,
    /// The `next` of the page before.
    #[param(pattern = "^c(0|[1-9a-f][0-9a-f]{0,15})$")]
    after: Option<String>,
    /// No more than this many; 100 unless said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists jobs of a task.
#[utoipa::path(
    get, path = "/v1/tasks/{task}/jobs", tag = "jobs",
    params(TaskAddress, ListParameters),
    responses((status = 200, description = "A page", body = wire::Jobs), ListJobsOfTask)
)]
pub(super) async fn list_jobs_of_task(
    State(service): State<Service>,
    access: Allowed<Read>,
    TaskAddress(task): TaskAddress,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answered<wire::Jobs> {
    let query = ListQuery { task: Some(task.into()), ..parameters.query()? };
    let _room = service.room_to_read(query.limit * LISTED_JOB).await?;
    Ok(Answer::ok(show::page(access.jobs.list(query).await?, access.jobs.now())))
}

/// Lists jobs of all tasks.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", params(ListParameters),
    responses((status = 200, description = "A page", body = wire::Jobs), ListJobs)
)]
pub(super) async fn list_jobs(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Answered<wire::Jobs> {
    let query = parameters.query()?;
    let _room = service.room_to_read(query.limit * LISTED_JOB).await?;
    Ok(Answer::ok(show::page(access.jobs.list(query).await?, access.jobs.now())))
}

impl ListParameters {
    fn query(self) -> Result<ListQuery, Refusal> {
        let time = |name: &str, text: Option<String>| {
            let read = text.as_deref().map(rfc3339::read).transpose();
            read.map_err(|why| invalid(format!("`{name}`: {why}")))
        };
        let cursor = self.after.as_deref().map(str::parse::<Cursor>).transpose();
        let mut query = ListQuery {
            status: self.status.map(show::domain_status),
            added_from: time("added_from", self.added_from)?,
            added_before: time("added_before", self.added_before)?,
            text: self.text.map(Into::into),
            order: match self.order {
                Some(wire::Order::Oldest) => ListOrder::OldestFirst,
                Some(wire::Order::Newest) | None => ListOrder::NewestFirst,
            },
            after: cursor.map_err(|error| invalid(format!("`after`: {error}")))?,
            ..ListQuery::of_tenant(TaskKey::DEFAULT_TENANT)
        };
        if let Some(limit) = self.limit {
            if !(1..=ListQuery::PAGE).contains(&limit) {
                return Err(invalid(format!("`limit` is from 1 to {}", ListQuery::PAGE)));
            }
            query.limit = limit;
        }
        Ok(query)
    }
}
