//! The problem document, the form of every error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reload::Diagnostic;

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a URI.
    pub r#type: String,
    /// A few words, the same for all problems of this kind.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// The kind of problem, for programs; never changes.
    pub code: String,
    /// The path of the request.
    pub instance: String,
    /// The quota of the tenant that does not suffice, for the code `quota-exceeded`; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// The first 100 problems of the app, for the code `reload-failed`; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Diagnostic>,
}
