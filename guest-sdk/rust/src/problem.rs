//! An error as a code for programs and a sentence for people.

use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An error that the host or the plugin reports.
///
/// `?` converts any error into a problem by way of [`Failure`](crate::Failure); the host's errors already are problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: String,
    message: String,
    details: Option<String>,
}

impl Problem {
    /// Creates a problem with a short, stable code in kebab case, such as `not-found`, and one sentence for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: None }
    }

    /// Adds data; the host stores at most 64 KiB of it as JSON.
    ///
    /// Drops details that cannot be serialized because they only supplement the message.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Self {
        self.details = serde_json::to_string(&details).ok();
        self
    }

    /// Returns the short, stable identifier for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the details, if there are any and they deserialize into `T`.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.details.as_deref()?).ok()
    }

    /// Creates a problem from details that are already JSON text.
    pub(crate) fn from_parts(code: String, message: String, details: Option<String>) -> Self {
        Self { code, message, details }
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (String, String, Option<String>) {
        (self.code, self.message, self.details)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        f.write_str(": ")?;
        f.write_str(&self.message)
    }
}

impl Error for Problem {}
