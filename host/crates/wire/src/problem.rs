//! A problem document: what every error is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, as a URI.
    pub r#type: String,
    /// A few words, the same for all problems of the kind.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// What kind of problem it is, for programs; never changes.
    pub code: String,
    /// The path that was asked for.
    pub instance: String,
}
