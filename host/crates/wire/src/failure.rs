//! Failures: groups of jobs that failed in the same way, and the functions in which guests failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::CommaList;

/// The query parameters of the routes that summarize failures. Jobs count if they meet all conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FailureQuery {
    /// Only jobs of these tasks; `mail.*` stands for all tasks that begin with `mail.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Vec<String>, style = Form, explode = false)]
    pub task: Option<CommaList<String>>,
    /// Only jobs whose last attempt ran a component whose digest begins like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[0-9a-f]{1,64}$")]
    pub digest: Option<String>,
    /// Only jobs that failed in this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^g[0-9a-f]{16}$")]
    pub group: Option<String>,
    /// Only jobs that ended at this time (RFC 3339) or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub ended_from: Option<String>,
    /// Where to continue: the `next` of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^c(0|[1-9a-f][0-9a-f]{0,15})$")]
    pub after: Option<String>,
}

/// Groups of jobs that failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failures {
    /// The groups, the one with the most jobs first; at most 1,000.
    pub groups: Vec<FailureGroup>,
    /// Jobs of further groups.
    pub omitted: u64,
    /// How many jobs were looked at; those that an index excludes are not.
    pub looked_at: u64,
    /// Where to continue with jobs that were added earlier, whose counts are to be added to these; null if there are none.
    pub next: Option<String>,
}

/// Jobs that failed in the same way: their task, code, message and innermost functions are the same, apart from what differs
/// from one time to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureGroup {
    /// Its name, by which lists and changes of jobs select it. Another version of the host may form groups in another way.
    pub group: String,
    /// The task.
    pub task: String,
    /// The problem's code.
    pub code: String,
    /// The beginning of the problem's message, with `#` for numbers, ids and quoted text.
    pub message: String,
    /// The innermost three functions on the stack, innermost first.
    pub frames: Vec<String>,
    /// Jobs that failed in this way.
    pub count: u64,
    /// Jobs by the reason why they failed.
    pub reasons: BTreeMap<String, u64>,
    /// Jobs by the digest of the component that the last attempt ran; the first eight digests that were found.
    pub digests: BTreeMap<String, u64>,
    /// When the first of them ended.
    #[schema(format = DateTime)]
    pub first_ended_at: String,
    /// When the last of them ended.
    #[schema(format = DateTime)]
    pub last_ended_at: String,
    /// The id of the one that ended last.
    pub last_id: u64,
    /// Jobs that ended in each of the last 60 minutes, the present one last.
    pub per_minute: Vec<u64>,
}

/// The functions in which guests failed, as a tree: what a flame graph shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureStacks {
    /// The functions, each after the one that called it; at most 1,000.
    pub frames: Vec<FailureFrame>,
    /// Jobs that failed.
    pub count: u64,
    /// Those of them whose problem has no stack: their guest did not trap.
    pub without_stack: u64,
    /// How many jobs were looked at; those that an index excludes are not.
    pub looked_at: u64,
    /// Where to continue with jobs that were added earlier; null if there are none.
    pub next: Option<String>,
}

/// A function that was called in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureFrame {
    /// Its name.
    pub name: String,
    /// The position of the function that called it among the `frames`; null for an outermost one.
    pub caller: Option<usize>,
    /// Jobs that failed in it, or in what it called.
    pub count: u64,
}
