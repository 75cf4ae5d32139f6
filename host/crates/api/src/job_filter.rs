//! Conditions on jobs as clients write them, converted to a query of the store.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use saggar_job::{FailureKind, JobId, Status, TaskKey};
use saggar_queue::{FailureGroup, JobFilter, ListQuery, TaskPattern};
use saggar_wire as wire;
use serde_json::value::RawValue;

use crate::rfc3339;

/// The most ids, tasks, codes, and values of arguments that a request may name.
const MAX_IDS: usize = 1_000;
const MAX_NAMES: usize = 100;

/// Returns the query for jobs that meet these conditions. The host sets its tenant. The error says which member is invalid, and
/// why.
pub(crate) fn query(filter: wire::JobFilter) -> Result<ListQuery, String> {
    let time = |name: &str, text: &Option<String>| {
        let read = text.as_deref().map(rfc3339::read).transpose();
        read.map_err(|why| format!("`{name}`: {why}"))
    };
    let (added_from, added_before) =
        (time("added_from", &filter.added_from)?, time("added_before", &filter.added_before)?);
    let (ended_from, ended_before) =
        (time("ended_from", &filter.ended_from)?, time("ended_before", &filter.ended_before)?);
    let job = |name: &str, text: &str| job_reference(text).ok_or_else(|| format!("`{name}`: {JOB_FORM}"));
    bounded("task", &filter.task, MAX_NAMES)?;
    bounded("code", &filter.code, MAX_NAMES)?;
    bounded("ids", &filter.ids, MAX_IDS)?;
    let of_store = JobFilter {
        tasks: filter.task.iter().map(|task| TaskPattern(task.to_lowercase().into())).collect(),
        ids: filter.ids.iter().map(|text| job("ids", text)).collect::<Result<_, _>>()?,
        key: filter.key.map(Into::into),
        parent: filter.parent.as_deref().map(|text| job("parent", text)).transpose()?,
        reasons: filter.reason.into_iter().map(domain_reason).collect(),
        codes: filter.code.into_iter().map(Into::into).collect(),
        group: filter
            .group
            .as_deref()
            .map(|text| text.parse::<FailureGroup>().map_err(|why| format!("`group`: {why}")))
            .transpose()?,
        priority: range(filter.min_priority, filter.max_priority, i16::MIN..=i16::MAX),
        attempt: range(filter.min_attempt, filter.max_attempt, 0..=u32::MAX),
        ended_from,
        ended_before,
        took_ms: range(filter.min_took_ms, filter.max_took_ms, 0..=u64::MAX),
        digest: filter.digest.map(digest).transpose()?,
        args: args(&filter.args)?,
        args_text: filter.args_text.map(Into::into),
    };
    Ok(ListQuery {
        statuses: filter.status.into_iter().map(domain_status).collect(),
        filter: of_store,
        added_from,
        added_before,
        text: filter.text.map(Into::into),
        ..ListQuery::of_tenant(TaskKey::DEFAULT_TENANT)
    })
}

/// Refuses a member with too many values.
fn bounded(name: &str, values: &[String], most: usize) -> Result<(), String> {
    if values.len() > most { Err(format!("`{name}` has more than {most} values")) } else { Ok(()) }
}

const JOB_FORM: &str = "a job is its task and its id, such as `mail.send:7`";

/// Parses a job such as `mail.send:7`.
fn job_reference(text: &str) -> Option<(Arc<str>, JobId)> {
    let (task, id) = text.rsplit_once(':')?;
    let number: u64 = id.parse().ok().filter(|number: &u64| *number > 0 && number.to_string() == id)?;
    Some((task.to_lowercase().into(), JobId(number)))
}

/// Checks the beginning of a digest.
fn digest(text: String) -> Result<Arc<str>, String> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if (1..=64).contains(&text.len()) && text.bytes().all(is_hex) {
        return Ok(text.into());
    }
    Err("`digest` is the beginning of a digest: 1 to 64 hexadecimal digits in lower case".to_owned())
}

/// Checks the values of arguments.
fn args(values: &BTreeMap<String, Box<RawValue>>) -> Result<Vec<(Arc<str>, Arc<str>)>, String> {
    if values.len() > MAX_NAMES {
        return Err(format!("`args` has more than {MAX_NAMES} values"));
    }
    if let Some(pointer) = values.keys().find(|pointer| !saggar_json::is_pointer(pointer)) {
        return Err(format!("`args`: `{pointer}` is not a JSON pointer; one is written like /0/user/id"));
    }
    Ok(values.iter().map(|(pointer, value)| (pointer.as_str().into(), value.get().into())).collect())
}

/// Returns the range between two bounds; `None` if there are none.
fn range<T>(min: Option<T>, max: Option<T>, all: RangeInclusive<T>) -> Option<RangeInclusive<T>> {
    if min.is_none() && max.is_none() {
        return None;
    }
    let (lowest, highest) = all.into_inner();
    Some(min.unwrap_or(lowest)..=max.unwrap_or(highest))
}

/// Converts the status that a client filters by.
fn domain_status(status: wire::Status) -> Status {
    match status {
        wire::Status::Waiting => Status::Waiting,
        wire::Status::Running => Status::Running,
        wire::Status::Success => Status::Success,
        wire::Status::Failure => Status::Failure,
    }
}

fn domain_reason(reason: wire::FailureKind) -> FailureKind {
    match reason {
        wire::FailureKind::Failed => FailureKind::Failed,
        wire::FailureKind::Rejected => FailureKind::Rejected,
        wire::FailureKind::Trap => FailureKind::Trap,
        wire::FailureKind::Timeout => FailureKind::Timeout,
        wire::FailureKind::OutOfMemory => FailureKind::OutOfMemory,
        wire::FailureKind::Cancelled => FailureKind::Cancelled,
        wire::FailureKind::Lost => FailureKind::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<ListQuery, String> {
        query(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn conditions_are_converted() {
        let all =
            of(r#"{"task":["Mail.*"],"status":["FAILURE"],"ids":["Mail.Send:7"],"parent":"split:3","min_attempt":2,
            "digest":"9f2c","args":{"/0/id":1970670598291982290}}"#)
            .unwrap();
        assert_eq!(all.statuses, [Status::Failure]);
        let filter = all.filter;
        assert_eq!(filter.tasks, [TaskPattern("mail.*".into())]);
        assert_eq!(filter.ids, vec![(Arc::<str>::from("mail.send"), JobId(7))]);
        assert_eq!(filter.parent, Some(("split".into(), JobId(3))));
        assert_eq!((filter.attempt, filter.priority), (Some(2..=u32::MAX), None));
        assert_eq!(filter.args, vec![(Arc::<str>::from("/0/id"), Arc::<str>::from("1970670598291982290"))]);
        assert_eq!(of("{}").unwrap().filter, JobFilter::default());
    }

    #[test]
    fn invalid_conditions_are_refused_by_name() {
        for (text, name) in [
            (r#"{"ids":["mail.send"]}"#, "`ids`"),
            (r#"{"ids":["mail.send:07"]}"#, "`ids`"),
            (r#"{"ids":["mail.send:0"]}"#, "`ids`"),
            (r#"{"parent":"7"}"#, "`parent`"),
            (r#"{"group":"trap"}"#, "`group`"),
            (r#"{"digest":"9F"}"#, "`digest`"),
            (r#"{"digest":""}"#, "`digest`"),
            (r#"{"args":{"0":1}}"#, "`args`"),
            (r#"{"ended_from":"yesterday"}"#, "`ended_from`"),
        ] {
            assert!(of(text).is_err_and(|why| why.starts_with(name)), "{text}");
        }
        let many = format!("{{\"ids\":[{}]}}", vec!["\"a:1\""; 1_001].join(","));
        assert!(of(&many).is_err_and(|why| why.starts_with("`ids` has more than 1000")));
    }
}
