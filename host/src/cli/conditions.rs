//! Conditions on jobs on the command line, `NAME=VALUE`: those of the HTTP API's lists, and values in arguments by JSON
//! pointers.

use anyhow::{Context, bail};
use clap::Args;
use saggar_wire::ListQuery;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::{HostArgs, job_id};

/// Which jobs a command is about.
#[derive(Debug, Args)]
pub(crate) struct Conditions {
    /// Only jobs that meet this condition, such as task=mail.*, status=FAILURE, reason=timeout,trap, group=GROUP or
    /// /0/user/id=7 (a value in the arguments); of several conditions all count
    #[arg(long = "where", value_name = "NAME=VALUE", value_parser = valid)]
    conditions: Vec<String>,
}

/// Jobs to change: some of a task, or all that meet conditions.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The id of the jobs' task
    #[arg(required_unless_present = "conditions")]
    pub(crate) task: Option<String>,

    /// The jobs' ids
    #[arg(
        value_name = "ID", value_parser = job_id(),
        required_unless_present = "conditions", conflicts_with = "conditions"
    )]
    pub(crate) ids: Vec<u64>,

    #[command(flatten)]
    pub(crate) matching: Conditions,

    /// Shows which jobs meet the conditions, and changes none
    #[arg(long, requires = "conditions")]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

impl Conditions {
    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Returns a query for the jobs that meet all of them.
    pub(crate) fn query(&self) -> anyhow::Result<ListQuery> {
        query(&self.conditions)
    }
}

/// Checks a condition, so that a wrong one is wrong usage.
fn valid(condition: &str) -> Result<String, String> {
    let condition = condition.to_owned();
    query(std::slice::from_ref(&condition)).map_err(|error| format!("{error:#}"))?;
    Ok(condition)
}

fn query(conditions: &[String]) -> anyhow::Result<ListQuery> {
    let (mut query, mut args) = (ListQuery::default(), Vec::new());
    for condition in conditions {
        let (name, value) =
            condition.split_once('=').with_context(|| format!("`{condition}` is no condition; write NAME=VALUE"))?;
        if name.starts_with('/') {
            args.push(format!("{}:{}", Value::from(name), json_or_text(value)));
            continue;
        }
        let is_known = set_list(&mut query, name, value).with_context(|| format!("invalid condition `{condition}`"))?
            || set_number(&mut query, name, value).with_context(|| format!("invalid condition `{condition}`"))?
            || set_text(&mut query, name, value);
        if !is_known {
            bail!("unknown condition `{name}`; docs/http.md lists all");
        }
    }
    if !args.is_empty() {
        query.args = Some(format!("{{{}}}", args.join(",")));
    }
    Ok(query)
}

/// Returns a value as JSON: as it is written if it is JSON, otherwise as a string.
fn json_or_text(value: &str) -> String {
    if saggar_json::check(value).is_ok() { value.to_owned() } else { Value::from(value).to_string() }
}

fn list<T: DeserializeOwned>(value: &str) -> anyhow::Result<Option<T>> {
    Ok(Some(serde_json::from_value(Value::from(value))?))
}

fn set_list(query: &mut ListQuery, name: &str, value: &str) -> anyhow::Result<bool> {
    match name {
        "task" => query.task = list(value)?,
        "status" => query.status = list(&value.to_uppercase())?,
        "reason" => query.reason = list(value)?,
        "code" => query.code = list(value)?,
        "ids" => query.ids = list(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn set_number(query: &mut ListQuery, name: &str, value: &str) -> anyhow::Result<bool> {
    match name {
        "min_priority" => query.min_priority = Some(value.parse()?),
        "max_priority" => query.max_priority = Some(value.parse()?),
        "min_attempt" => query.min_attempt = Some(value.parse()?),
        "max_attempt" => query.max_attempt = Some(value.parse()?),
        "min_took_ms" => query.min_took_ms = Some(value.parse()?),
        "max_took_ms" => query.max_took_ms = Some(value.parse()?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn set_text(query: &mut ListQuery, name: &str, value: &str) -> bool {
    let member = match name {
        "key" => &mut query.key,
        "parent" => &mut query.parent,
        "digest" => &mut query.digest,
        "group" => &mut query.group,
        "added_from" => &mut query.added_from,
        "added_before" => &mut query.added_before,
        "ended_from" => &mut query.ended_from,
        "ended_before" => &mut query.ended_before,
        "text" => &mut query.text,
        "args_text" => &mut query.args_text,
        _ => return false,
    };
    *member = Some(value.to_owned());
    true
}

#[cfg(test)]
mod tests {
    use saggar_wire::{CommaList, FailureKind, Status};

    use super::*;

    fn of(conditions: &[&str]) -> anyhow::Result<ListQuery> {
        query(&conditions.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn conditions_become_parameters() {
        let all = of(&["status=failure", "reason=timeout,trap", "min_attempt=2", "text=a=b", "/0/id=7.50", "/1=ada"]);
        let all = all.unwrap();
        assert_eq!(all.status, Some(CommaList(vec![Status::Failure])));
        assert_eq!(all.reason, Some(CommaList(vec![FailureKind::Timeout, FailureKind::Trap])));
        assert_eq!((all.min_attempt, all.text.as_deref()), (Some(2), Some("a=b")));
        assert_eq!(all.args.as_deref(), Some(r#"{"/0/id":7.50,"/1":"ada"}"#));
    }

    #[test]
    fn invalid_conditions_are_refused() {
        for bad in ["status", "status=odd", "colour=red", "min_attempt=two", "limit=1", ""] {
            assert!(of(&[bad]).is_err(), "{bad}");
        }
    }
}
