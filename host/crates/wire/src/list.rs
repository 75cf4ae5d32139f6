//! Which jobs a request is about: the query parameters of the routes that list jobs, and the same conditions in a body.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::{CommaList, FailureKind, Order, Status};

/// The query parameters of a list of jobs. A job is listed if it meets all conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only jobs of these tasks; `mail.*` stands for all tasks that begin with `mail.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<String>, style = Form, explode = false)]
    pub task: Option<CommaList<String>>,
    /// Only jobs with one of these statuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<Status>, style = Form, explode = false)]
    pub status: Option<CommaList<Status>>,
    /// Only jobs that failed for one of these reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<FailureKind>, style = Form, explode = false)]
    pub reason: Option<CommaList<FailureKind>>,
    /// Only jobs whose problem has one of these codes, also if another attempt follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<String>, style = Form, explode = false)]
    pub code: Option<CommaList<String>>,
    /// Only these jobs, each written as `mail.send:7`; at most 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<String>, style = Form, explode = false)]
    pub ids: Option<CommaList<String>>,
    /// Only jobs that were added with this `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only jobs that a guest of this job added, which is written as `media.split:3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Only jobs whose last ended attempt ran a component whose digest begins like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[0-9a-f]{1,64}$")]
    pub digest: Option<String>,
    /// Only jobs that failed in this way: the `group` of `/v1/failures`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^g[0-9a-f]{16}$")]
    pub group: Option<String>,
    /// Only jobs with this priority or a higher one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = -32_768, maximum = 32_767)]
    pub min_priority: Option<i16>,
    /// Only jobs with this priority or a lower one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = -32_768, maximum = 32_767)]
    pub max_priority: Option<i16>,
    /// Only jobs of which at least so many attempts have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 4_294_967_295_u64)]
    pub min_attempt: Option<u32>,
    /// Only jobs of which at most so many attempts have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 4_294_967_295_u64)]
    pub max_attempt: Option<u32>,
    /// Only jobs whose last ended attempt took at least so many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 18_446_744_073_709_551_615_u64)]
    pub min_took_ms: Option<u64>,
    /// Only jobs whose last ended attempt took at most so many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 18_446_744_073_709_551_615_u64)]
    pub max_took_ms: Option<u64>,
    /// Only jobs added at this time (RFC 3339) or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub added_from: Option<String>,
    /// Only jobs added before this time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub added_before: Option<String>,
    /// Only jobs that ended at this time (RFC 3339) or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub ended_from: Option<String>,
    /// Only jobs that ended before this time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub ended_before: Option<String>,
    /// Only jobs with this text in progress (`3/10 half`), problem (`code: message`), reason, `waiting`, `cancelling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only jobs with these values in their arguments: a JSON object whose names are JSON pointers, such as `{"/0/user/id":7}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
    /// Only jobs whose arguments contain this text as they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_text: Option<String>,
    /// What else the list shows of jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<ListField>, style = Form, explode = false)]
    pub fields: Option<CommaList<ListField>>,
    /// The order by the time of addition; newest first by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// The `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^c(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub after: Option<String>,
    /// At most this many jobs; 100 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// Something that a list shows only if asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListField {
    /// The beginning of the arguments, as text.
    Args,
}

/// Conditions on jobs, all of which have to be met. Without any, all jobs of the tenant are meant.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobFilter {
    /// As in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task: Vec<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
    /// As in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reason: Vec<FailureKind>,
    /// As in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -32_768, maximum = 32_767)]
    pub min_priority: Option<i16>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -32_768, maximum = 32_767)]
    pub max_priority: Option<i16>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u64)]
    pub min_attempt: Option<u32>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u64)]
    pub max_attempt: Option<u32>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub min_took_ms: Option<u64>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub max_took_ms: Option<u64>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub added_from: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub added_before: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended_from: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended_before: Option<String>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The values that the arguments have, by JSON pointers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub args: BTreeMap<String, Box<RawValue>>,
    /// As in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args_text: Option<String>,
}

/// How many jobs match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCount {
    /// Jobs that match, among those that were looked at.
    pub count: u64,
    /// Whether all jobs were looked at.
    pub exact: bool,
    /// How many jobs were looked at; those that an index excludes are not.
    pub looked_at: u64,
}

impl ListQuery {
    /// Returns its conditions on jobs.
    ///
    /// # Errors
    ///
    /// If `args` is not a JSON object.
    pub fn filter(&self) -> Result<JobFilter, serde_json::Error> {
        let list = |list: &Option<CommaList<String>>| list.clone().unwrap_or_default().0;
        Ok(JobFilter {
            task: list(&self.task),
            status: self.status.clone().unwrap_or_default().0,
            reason: self.reason.clone().unwrap_or_default().0,
            code: list(&self.code),
            ids: list(&self.ids),
            key: self.key.clone(),
            parent: self.parent.clone(),
            digest: self.digest.clone(),
            group: self.group.clone(),
            min_priority: self.min_priority,
            max_priority: self.max_priority,
            min_attempt: self.min_attempt,
            max_attempt: self.max_attempt,
            min_took_ms: self.min_took_ms,
            max_took_ms: self.max_took_ms,
            added_from: self.added_from.clone(),
            added_before: self.added_before.clone(),
            ended_from: self.ended_from.clone(),
            ended_before: self.ended_before.clone(),
            text: self.text.clone(),
            args: self.args.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default(),
            args_text: self.args_text.clone(),
        })
    }
}
