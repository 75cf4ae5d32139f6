//! Summaries of the jobs that have failed.

use axum::extract::State;
use axum::response::Response;
use saggar_queue::{Cursor, ListQuery, ListedJob};
use saggar_wire as wire;

use super::listing::LISTED_JOB;
use crate::access::{Allowed, Read};
use crate::answer::Answer;
use crate::failures::{FailureGroups, FailureTree};
use crate::job_filter;
use crate::jobs::Jobs;
use crate::parameters::{Parameters, invalid};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, ANSWER, QUERY, STORE, refusals};
use crate::response_budget::with_room;
use crate::service::Service;

/// Jobs that are read at once: few, because their problems and stacks are in memory together.
const PAGE: usize = 200;

/// Bytes for an answer and what it is made of: a page of jobs, each with the functions of its stack, and the largest summary.
const ROOM: usize = PAGE * (LISTED_JOB + (16 << 10)) + (4 << 20);

refusals! {
    FailureRefusals [ACCESS, QUERY, STORE, ANSWER];
}

/// Groups the jobs that have failed by the way they did.
///
/// Jobs are in one group if they have the same task, code, message and innermost functions on the stack, where numbers, ids and
/// quoted text in messages do not count. Looks at about 10,000 jobs that are FAILURE, those that were added last first; go on
/// with `next` for others. Lists of jobs and changes of many take the `group`.
#[utoipa::path(
    get, path = "/v1/failures", tag = "jobs", params(wire::FailureQuery),
    responses((status = 200, description = "The groups", body = wire::Failures), FailureRefusals)
)]
pub(super) async fn list_failures(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(parameters): Parameters<wire::FailureQuery>,
) -> Result<Response, Refusal> {
    let query = query(parameters)?;
    let room = service.responses().room_to_read(access.charged(), ROOM).await?;
    let mut found = FailureGroups::new(access.jobs.now());
    let (looked_at, next) = each_failure(&*access.jobs, query, |job| found.add(job)).await?;
    let (groups, omitted) = found.finish();
    Ok(with_room(Answer::ok(wire::Failures { groups, omitted, looked_at, next }), room))
}

/// Counts the jobs that have failed by the functions in which they did.
///
/// The functions are a tree, as a flame graph shows it. Looks at jobs as `/v1/failures` does.
#[utoipa::path(
    get, path = "/v1/failures/flame", tag = "jobs", params(wire::FailureQuery),
    responses((status = 200, description = "The functions", body = wire::FailureStacks), FailureRefusals)
)]
pub(super) async fn get_failure_stacks(
    State(service): State<Service>,
    access: Allowed<Read>,
    Parameters(parameters): Parameters<wire::FailureQuery>,
) -> Result<Response, Refusal> {
    let query = query(parameters)?;
    let room = service.responses().room_to_read(access.charged(), ROOM).await?;
    let mut tree = FailureTree::default();
    let (looked_at, next) = each_failure(&*access.jobs, query, |job| tree.add(job)).await?;
    Ok(with_room(Answer::ok(tree.finish(looked_at, next)), room))
}

/// Converts the query.
fn query(parameters: wire::FailureQuery) -> Result<ListQuery, Refusal> {
    let wire::FailureQuery { task, digest, group, ended_from, after } = parameters;
    let filter = wire::JobFilter {
        task: task.unwrap_or_default().0,
        status: vec![wire::Status::Failure],
        digest,
        group,
        ended_from,
        ..wire::JobFilter::default()
    };
    let query = job_filter::query(filter).map_err(invalid)?;
    let after = after.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| invalid(format!("`after`: {error}")))?;
    Ok(ListQuery { after, with_failures: true, limit: PAGE, ..query })
}

/// Calls `add` with the jobs that match, page by page, until enough were looked at. Returns how many were, and where to continue.
async fn each_failure(
    jobs: &dyn Jobs,
    mut query: ListQuery,
    mut add: impl FnMut(&ListedJob) + Send,
) -> Result<(u64, Option<String>), Refusal> {
    let mut looked_at = 0;
    loop {
        let page = jobs.list(query.clone()).await?;
        page.jobs.iter().for_each(&mut add);
        looked_at += page.looked_at;
        query.after = page.next;
        if page.next.is_none() || looked_at >= ListQuery::LOOKED_AT {
            return Ok((looked_at as u64, page.next.map(|next| next.to_string())));
        }
    }
}
