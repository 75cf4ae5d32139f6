//! The query parameters of the routes that list jobs.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::{Order, Status};

/// The query parameters of a list of jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only jobs with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Only jobs added at this time (RFC 3339) or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub added_from: Option<String>,
    /// Only jobs added before this time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub added_before: Option<String>,
    /// Only jobs with this text in progress (`3/10 half`), problem (`code: message`), reason, `waiting`, `cancelling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
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
