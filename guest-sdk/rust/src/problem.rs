//! Why something did not work: the code for programs and the sentence for people.

use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why something did not work.
///
/// Any error becomes one with `?` by way of [`Failure`](crate::Failure); what the host answers already is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: String,
    message: String,
    details: Option<String>,
}

impl Problem {
    /// A problem with a short, stable code in kebab case, such as `not-found`, and one sentence for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: None }
    }

    /// Adds anything else worth keeping; the host keeps at most 64 KiB of it as JSON.
    ///
    /// Details that cannot be written as JSON are left out: they only accompany what is reported anyway.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Self {
        self.details = serde_json::to_string(&details).ok();
        self
    }

    /// The short, stable name for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, if there are any and they have the shape of `T`.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.details.as_deref()?).ok()
    }

    /// A problem whose details are JSON text already.
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
