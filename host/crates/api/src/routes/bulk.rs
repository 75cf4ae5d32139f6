//! Changing all jobs that meet some conditions, in steps. The host keeps nothing between two steps: a client goes on with the
//! position that it was answered, may stop at any time, and looks at each job once.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use futures_util::future::join_all;
use http::StatusCode;
use saggar_job::Status;
use saggar_queue::{Change, Cursor, ListOrder, ListQuery, ListedJob, Page, Queue};
use saggar_wire::{self as wire, Code};
use tokio::time::Instant;

use super::listing::{LISTED_JOB, listed};
use crate::access::{Allowed, Write};
use crate::answer::Answer;
use crate::audit::Action;
use crate::body::{Form, JsonBody};
use crate::job_filter;
use crate::jobs::Jobs;
use crate::parameters::{None as NoParameters, Parameters};
use crate::problem::Refusal;
use crate::refusals::{ACCESS, BODY, QUERY, STORE, refusals};
use crate::response_budget::with_room;
use crate::rfc3339;
use crate::service::Service;

/// How long a step begins changes, so that it is answered before common proxies give up.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Jobs that are changed at the same time: enough for the store to gather their steps into few commits, and few enough for those
/// of others to come in between.
const AT_ONCE: usize = 128;

/// Jobs that a preview shows.
const SAMPLE: usize = 5;

/// The most pages that a preview goes through. It ends earlier if arguments have to be read.
const MAX_PAGES: usize = 200;

refusals! {
    BulkRefusals [ACCESS, QUERY, BODY, STORE, &[Code::StoreFull]];
}

impl Form for wire::BulkChange {
    /// A thousand ids of jobs with long names.
    const MAX_BYTES: usize = 256 << 10;
}

/// Retries all jobs that meet some conditions, the oldest first.
///
/// With `dry_run`, answers what would be done (`BulkPreview`). Otherwise works through up to 1,000 of the jobs, for about 10
/// seconds, and answers what it has done (`BulkChanged`); repeat the request with `until` and with `next` as `after` until
/// `next` is null. Jobs that were added after the preview are left alone. A step that is repeated after its answer was lost
/// changes no job twice, if the conditions do not match changed jobs.
#[utoipa::path(
    post, path = "/v1/jobs/retry", tag = "jobs", request_body = wire::BulkChange,
    responses((status = 200, description = "What would be done, or was", body = wire::BulkAnswer), BulkRefusals)
)]
pub(super) async fn retry_jobs(
    State(service): State<Service>,
    access: Allowed<Write>,
    _: Parameters<NoParameters>,
    body: JsonBody<wire::BulkChange>,
) -> Result<Response, Refusal> {
    change_jobs(&service, &access, body, Change::Retry).await
}

/// Cancels all jobs that meet some conditions, as `/v1/jobs/retry` retries them.
#[utoipa::path(
    post, path = "/v1/jobs/cancel", tag = "jobs", request_body = wire::BulkChange,
    responses((status = 200, description = "What would be done, or was", body = wire::BulkAnswer), BulkRefusals)
)]
pub(super) async fn cancel_jobs(
    State(service): State<Service>,
    access: Allowed<Write>,
    _: Parameters<NoParameters>,
    body: JsonBody<wire::BulkChange>,
) -> Result<Response, Refusal> {
    change_jobs(&service, &access, body, Change::Cancel).await
}

/// Deletes all jobs that meet some conditions and do not run, as `/v1/jobs/retry` retries them.
#[utoipa::path(
    post, path = "/v1/jobs/delete", tag = "jobs", request_body = wire::BulkChange,
    responses((status = 200, description = "What would be done, or was", body = wire::BulkAnswer), BulkRefusals)
)]
pub(super) async fn delete_jobs(
    State(service): State<Service>,
    access: Allowed<Write>,
    _: Parameters<NoParameters>,
    body: JsonBody<wire::BulkChange>,
) -> Result<Response, Refusal> {
    change_jobs(&service, &access, body, Change::Delete).await
}

async fn change_jobs(
    service: &Service,
    access: &Allowed<Write>,
    JsonBody { value, .. }: JsonBody<wire::BulkChange>,
    change: Change,
) -> Result<Response, Refusal> {
    let room = service.responses().room_to_read(access.charged(), ListQuery::PAGE * LISTED_JOB).await?;
    let jobs = &*access.jobs;
    let (dry_run, conditions) = (value.dry_run, Conditions::of(&value));
    let (query, until) = query(jobs, value).await?;
    if dry_run {
        return Ok(with_room(Answer::ok(preview(jobs, query, until, change).await?), room));
    }
    let page = jobs.list(query).await?;
    let started = service.audit().begin(&access.caller, action(change), conditions.task.as_deref(), None);
    let started = started.about(&conditions.text).of(page.jobs.len());
    let changed = apply(jobs, page, until, change).await;
    match &changed {
        Ok(done) if done.changed == 0 => started.forget(),
        Ok(done) => started.of(done.changed as usize).end(StatusCode::OK.as_u16(), &changed),
        Err(_) => started.end(StatusCode::OK.as_u16(), &changed),
    }
    Ok(with_room(Answer::ok(changed?), room))
}

/// The conditions of a request as the audit has them.
struct Conditions {
    text: String,
    /// The only task that they name.
    task: Option<String>,
}

impl Conditions {
    fn of(body: &wire::BulkChange) -> Self {
        let text = serde_json::to_string(&body.r#where).unwrap_or_default();
        let tasks = body.r#where.as_ref().map_or(&[][..], |filter| &filter.task);
        let task = tasks.first().filter(|task| tasks.len() == 1 && !task.ends_with('*')).cloned();
        Self { text, task }
    }
}

fn action(change: Change) -> Action {
    match change {
        Change::Cancel => Action::CancelJob,
        Change::Retry => Action::RetryJob,
        Change::Redeliver => Action::RedeliverJob,
        Change::Delete => Action::DeleteJob,
    }
}

fn invalid_body(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::InvalidBody, detail)
}

/// Returns the query of a step, and the last job that it is about.
async fn query(jobs: &dyn Jobs, body: wire::BulkChange) -> Result<(ListQuery, Cursor), Refusal> {
    let wire::BulkChange { r#where, until, after, limit, .. } = body;
    let filter = r#where.ok_or_else(|| invalid_body("`where` is missing; `{}` means all jobs"))?;
    let mut query = job_filter::query(filter).map_err(invalid_body)?;
    let position = |name: &str, text: Option<String>| {
        let read = text.as_deref().map(str::parse::<Cursor>).transpose();
        read.map_err(|error| invalid_body(format!("`{name}`: {error}")))
    };
    query.after = position("after", after)?;
    query.order = ListOrder::OldestFirst;
    query.limit = limit.unwrap_or(ListQuery::PAGE);
    if !(1..=ListQuery::PAGE).contains(&query.limit) {
        return Err(invalid_body(format!("`limit` is from 1 to {}", ListQuery::PAGE)));
    }
    let until = match position("until", until)? {
        Some(until) => until,
        None => jobs.last_job().await?.unwrap_or(Cursor(0)),
    };
    query.until = Some(until);
    Ok((query, until))
}

/// Looks at all jobs that match, as far as a count does.
async fn preview(
    jobs: &dyn Jobs,
    mut query: ListQuery,
    until: Cursor,
    change: Change,
) -> Result<wire::BulkPreview, Refusal> {
    let mut seen = wire::BulkPreview {
        matches: 0,
        exact: false,
        looked_at: 0,
        can: 0,
        cannot: BTreeMap::new(),
        tasks: BTreeMap::new(),
        first_added_at: None,
        last_added_at: None,
        sample: Vec::new(),
        until: until.to_string(),
    };
    let (mut first, mut last) = (None, None);
    query.limit = ListQuery::PAGE;
    for _ in 0..MAX_PAGES {
        let page = jobs.list(query.clone()).await?;
        seen.looked_at += page.looked_at as u64;
        for job in page.jobs {
            first = first.into_iter().chain([job.added_at]).min();
            last = last.into_iter().chain([job.added_at]).max();
            add(&mut seen, job, jobs, change);
        }
        query.after = page.next;
        seen.exact = page.next.is_none();
        if seen.exact || seen.looked_at >= Queue::MAX_COUNTED as u64 {
            break;
        }
    }
    (seen.first_added_at, seen.last_added_at) = (first.map(rfc3339::write), last.map(rfc3339::write));
    Ok(seen)
}

/// Adds a job that matches to a preview.
fn add(seen: &mut wire::BulkPreview, job: ListedJob, jobs: &dyn Jobs, change: Change) {
    seen.matches += 1;
    match refusal(job.status, change) {
        None => seen.can += 1,
        Some(code) => *seen.cannot.entry(code.name().to_owned()).or_default() += 1,
    }
    *seen.tasks.entry(job.task.task.to_string()).or_default() += 1;
    if seen.sample.len() < SAMPLE {
        seen.sample.push(listed(job, jobs.now()));
    }
}

/// Returns the code with which a job of this status refuses a change.
fn refusal(status: Status, change: Change) -> Option<Code> {
    let has_ended = matches!(status, Status::Success | Status::Failure);
    match change {
        Change::Cancel => has_ended.then_some(Code::Ended),
        Change::Retry | Change::Redeliver => (!has_ended).then_some(Code::NotEnded),
        Change::Delete => (status == Status::Running).then_some(Code::Running),
    }
}

/// Changes the jobs of a page. Fails only if it has changed nothing.
async fn apply(jobs: &dyn Jobs, page: Page, until: Cursor, change: Change) -> Result<wire::BulkChanged, Refusal> {
    let deadline = Instant::now() + MAX_TIME;
    let mut done = wire::BulkChanged {
        changed: 0,
        skipped: BTreeMap::new(),
        looked_at: page.looked_at as u64,
        until: until.to_string(),
        next: page.next.map(|next| next.to_string()),
        stopped_by: None,
    };
    let mut chunks = page.jobs.chunks(AT_ONCE).peekable();
    while let Some(chunk) = chunks.next() {
        let changing = chunk.iter().map(|job| jobs.change(&job.task.task, job.id, change));
        if let Err(refusal) = count(&mut done, join_all(changing).await) {
            if done.changed == 0 {
                return Err(refusal);
            }
            done.stopped_by = Some(refusal.code.name().to_owned());
            // Jobs of this chunk that were changed are looked at again, and are skipped then.
            done.next = chunk.first().map(|first| Cursor(first.cursor.0.saturating_sub(1)).to_string());
            break;
        }
        if chunks.peek().is_some() && Instant::now() >= deadline {
            done.next = chunk.last().map(|last| last.cursor.to_string());
            break;
        }
    }
    Ok(done)
}

/// Counts the results of changes. Fails if one failed for a reason that is not the job's.
fn count(done: &mut wire::BulkChanged, results: Vec<Result<(), Refusal>>) -> Result<(), Refusal> {
    let mut failed = None;
    for result in results {
        match result {
            Ok(()) => done.changed += 1,
            Err(refusal) if is_of_job(refusal.code) => {
                *done.skipped.entry(refusal.code.name().to_owned()).or_default() += 1;
            }
            Err(refusal) => failed = Some(refusal),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Returns whether a code says something of one job only.
fn is_of_job(code: Code) -> bool {
    matches!(
        code,
        Code::Ended
            | Code::NotEnded
            | Code::Running
            | Code::CallbackPending
            | Code::NotUnique
            | Code::UnknownJob
            | Code::UnknownTask
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_which_changes_are_refused() {
        let refused = |change| Status::ALL.map(|status| refusal(status, change));
        let ended = Some(Code::Ended);
        assert_eq!(refused(Change::Cancel), [None, None, ended, ended]);
        assert_eq!(refused(Change::Retry), [Some(Code::NotEnded), Some(Code::NotEnded), None, None]);
        assert_eq!(refused(Change::Delete), [None, Some(Code::Running), None, None]);
    }

    #[test]
    fn the_audit_has_the_only_task() {
        let task = |text: &str| Conditions::of(&serde_json::from_str(text).unwrap()).task;
        assert_eq!(task(r#"{"where":{"task":["mail.send"]}}"#).as_deref(), Some("mail.send"));
        for several in [r#"{"where":{"task":["a","b"]}}"#, r#"{"where":{"task":["mail.*"]}}"#, r#"{"where":{}}"#, "{}"]
        {
            assert_eq!(task(several), None, "{several}");
        }
    }
}
