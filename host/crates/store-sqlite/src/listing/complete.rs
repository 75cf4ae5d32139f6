//! What a list needs of a job beyond its row and its details: its last attempt, its arguments, and the way it failed.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use saggar_job::{Problem, Timestamp};
use saggar_store::{EndedAttempt, JobTexts, ListQuery, ListedFailure, ListedJob};

use crate::number::{JobNumber, from_millis};
use crate::record::component_of;

/// A job that matches a query as far as its row and its details say.
pub(super) struct Matched {
    pub(super) row: JobNumber,
    pub(super) job: ListedJob,
    /// Why it failed, with details, if the query asks for a group of failures, or for those of jobs.
    pub(super) problem: Option<Problem>,
}

/// Reads what else the query needs of a job that matches so far; returns `None` if it does not match after all, or is gone.
/// Not in the snapshot in which its row was read, because texts may be long. Adds the bytes that it read of arguments.
pub(super) fn complete(
    db: &Connection,
    query: &ListQuery,
    Matched { row, mut job, problem }: Matched,
    bytes: &mut usize,
) -> rusqlite::Result<Option<ListedJob>> {
    let filter = &query.filter;
    let needs_attempt = filter.needs_attempt() || (query.with_failures && problem.is_some());
    let last = if needs_attempt { last_attempt(db, row)? } else { None };
    if filter.needs_attempt() && !filter.matches_attempt(last.as_ref().map(LastEnded::as_ended)) {
        return Ok(None);
    }
    if filter.needs_texts() || query.with_failures {
        let args = if filter.needs_args() { args(db, row)? } else { Some(Arc::default()) };
        let Some(args) = args else { return Ok(None) };
        *bytes += args.len();
        let texts = JobTexts { args, problem, digest: last.and_then(|last| last.digest) };
        if !filter.matches_texts(&job.task.task, &texts) {
            return Ok(None);
        }
        job.failure = if query.with_failures { ListedFailure::of(&job.task.task, &texts) } else { None };
    }
    if query.with_args {
        let Some(args) = args(db, row)? else { return Ok(None) };
        *bytes += args.len();
        job.args = Some(ListQuery::shown_args(&args));
    }
    Ok(Some(job))
}

/// Returns the arguments of a job, which never change.
fn args(db: &Connection, row: JobNumber) -> rusqlite::Result<Option<Arc<str>>> {
    let args: Option<Option<Arc<str>>> = db.prepare_cached(ARGS)?.query_row([row.0], |row| row.get(0)).optional()?;
    Ok(args.flatten())
}

/// The last attempt of a job that has ended.
struct LastEnded {
    started_at: Timestamp,
    ended_at: Timestamp,
    digest: Option<Arc<str>>,
}

impl LastEnded {
    fn as_ended(&self) -> EndedAttempt<'_> {
        EndedAttempt { started_at: self.started_at, ended_at: self.ended_at, digest: self.digest.as_deref() }
    }
}

fn last_attempt(db: &Connection, row: JobNumber) -> rusqlite::Result<Option<LastEnded>> {
    let read = |row: &Row<'_>| {
        Ok::<_, rusqlite::Error>((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
    };
    let mut last = db.prepare_cached(LAST_ATTEMPT_OF_SUCCESS)?.query_row([row.0], read).optional()?;
    if last.is_none() {
        last = db.prepare_cached(LAST_ATTEMPT)?.query_row([row.0], read).optional()?;
    }
    let Some((started_at, ended_at, component)) = last else { return Ok(None) };
    let digest = component.map(|component| component_of(db, component)).transpose()?.map(|(digest, _)| digest);
    Ok(Some(LastEnded { started_at: from_millis(started_at), ended_at: from_millis(ended_at), digest }))
}

const ARGS: &str =
    "SELECT coalesce(args, (SELECT text FROM long_args WHERE long_args.job = jobs.job)) FROM jobs WHERE job = ?1";
const LAST_ATTEMPT_OF_SUCCESS: &str =
    "SELECT started_at, ended_at, component FROM jobs WHERE job = ?1 AND stage = 4 AND started_at IS NOT NULL";
const LAST_ATTEMPT: &str =
    "SELECT started_at, ended_at, component FROM attempts WHERE job = ?1 ORDER BY run DESC LIMIT 1";
