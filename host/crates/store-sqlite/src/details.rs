//! The rare attributes of a job, in a row of their own: problem and reason, progress, origin, key and fingerprint.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{FailureKind, JobId, JobKey, Problem, TaskKey};

use super::number::{JobNumber, from_i64, to_i64};
use saggar_store::{Origin, Progress};

#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) progress: Option<Progress>,
    pub(super) origin: Option<Arc<Origin>>,
    pub(super) key: Option<Arc<str>>,
    pub(super) unique: Option<Arc<str>>,
}

type Read = (Option<Box<Details>>, Option<Problem>, Option<FailureKind>);

const PUT: &str = "INSERT OR REPLACE INTO details (job, reason, code, message, details, progress_current, progress_total, \
     progress_message, parent_tenant, parent_task, parent_id, trace_parent, key, fingerprint) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const GET: &str = "SELECT reason, code, message, details, progress_current, progress_total, progress_message, parent_tenant, \
     parent_task, parent_id, trace_parent, key, fingerprint FROM details WHERE job = ?1";

pub(super) fn put(
    db: &Connection,
    job: JobNumber,
    details: Option<&Details>,
    problem: Option<&Problem>,
    reason: Option<FailureKind>,
) -> rusqlite::Result<()> {
    let progress = details.and_then(|details| details.progress.as_ref());
    let origin = details.and_then(|details| details.origin.as_deref());
    let parent = origin.and_then(|origin| origin.parent.as_ref());
    db.prepare_cached(PUT)?.execute(params![
        job.0,
        reason.map(FailureKind::name),
        problem.map(|problem| &*problem.code),
        problem.map(|problem| &*problem.message),
        problem.and_then(|problem| problem.details.as_deref()),
        progress.map(|progress| to_i64(progress.current)),
        progress.map(|progress| to_i64(progress.total)),
        progress.map(|progress| &*progress.message),
        parent.map(|parent| &*parent.task.tenant),
        parent.map(|parent| &*parent.task.task),
        parent.map(|parent| to_i64(parent.id.0)),
        origin.and_then(|origin| origin.trace_parent.as_deref()),
        details.and_then(|details| details.key.as_deref()),
        details.and_then(|details| details.unique.as_deref()),
    ])?;
    Ok(())
}

pub(super) fn get(db: &Connection, job: JobNumber) -> rusqlite::Result<Read> {
    let mut statement = db.prepare_cached(GET)?;
    Ok(statement.query_row([job.0], read).optional()?.unwrap_or_default())
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Read> {
    let reason = row.get_ref(0)?.as_str_or_null()?.and_then(FailureKind::from_name);
    let problem = match row.get(1)? {
        Some(code) => Some(Problem { code, message: row.get(2)?, details: row.get(3)? }),
        None => None,
    };
    let progress = match row.get::<_, Option<i64>>(4)? {
        Some(current) => {
            Some(Progress { current: from_i64(current), total: from_i64(row.get(5)?), message: row.get(6)? })
        }
        None => None,
    };
    let parent = match row.get::<_, Option<Arc<str>>>(7)? {
        Some(tenant) => {
            let task = TaskKey { tenant, task: row.get(8)? };
            Some(JobKey { task, id: JobId(from_i64(row.get(9)?)) })
        }
        None => None,
    };
    let trace_parent: Option<Arc<str>> = row.get(10)?;
    let is_from_somewhere = parent.is_some() || trace_parent.is_some();
    let origin = is_from_somewhere.then(|| Arc::new(Origin { parent, trace_parent }));
    let details = Details { progress, origin, key: row.get(11)?, unique: row.get(12)? };
    let has_some =
        details.progress.is_some() || details.origin.is_some() || details.key.is_some() || details.unique.is_some();
    Ok((has_some.then(|| Box::new(details)), problem, reason))
}
