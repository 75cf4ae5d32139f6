//! What the kernel does not have, and what it refused.

use std::fmt;
use std::io;

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    /// The process has other threads, which Landlock would leave out.
    #[error("the process has {0} threads already; only a process with one can be confined as a whole")]
    Threads(usize),
    /// The kernel refused a restriction that it has.
    #[error("the kernel refused {what}")]
    Refused {
        /// The restriction.
        what: &'static str,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

/// A wall that the kernel does not have, or only in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whether the wall is missing as a whole.
    pub is_whole: bool,
    /// What it is, and what is needed for it.
    pub what: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Returns the error for a restriction that the kernel refused.
pub(crate) fn refused<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> HardenError {
    move |source| HardenError::Refused { what, source: source.into() }
}
