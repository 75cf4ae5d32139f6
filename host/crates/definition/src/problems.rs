//! Collects the diagnostics of one file, up to a maximum.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Location};
use crate::source::{Source, Span};

/// Maximum number of problems that are recorded for one file. More than a screenful does not help an author, and a file
/// of a million bytes could have a hundred thousand.
const MAX_PROBLEMS: usize = 50;

/// The problems of one file, in the order in which they were found. Also used for files that are not task files.
#[derive(Debug)]
pub struct Problems {
    source: Arc<Source>,
    recorded: Vec<Diagnostic>,
    suppressed: usize,
}

impl Problems {
    /// Creates an empty collection for this file.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source, recorded: Vec::new(), suppressed: 0 }
    }

    /// Returns the file.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns whether another problem would only be counted. Check it before expensive work for a message.
    pub fn is_full(&self) -> bool {
        self.recorded.len() >= MAX_PROBLEMS
    }

    /// Adds an error with help, unless a problem is already recorded at the same position.
    pub fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        if self.is_full() {
            self.suppress();
        } else {
            self.add(Diagnostic::error(Location::of(&self.source, span), message).with_help(help));
        }
    }

    /// Counts a problem without recording it. Call this only if the collection is full.
    pub fn suppress(&mut self) {
        self.suppressed += 1;
    }

    /// Adds a problem, unless one is already recorded at the same position, which is then its cause.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.suppress();
        } else if !self.recorded.iter().any(|other| start(other) == start(&diagnostic)) {
            self.recorded.push(diagnostic);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.recorded.is_empty()
    }

    /// Returns all recorded problems sorted by position, followed by one that has the number of the others.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.recorded.sort_by_key(start);
        if self.suppressed > 0 {
            let message = format!("this file has {} more problems", self.suppressed);
            let help = "fix those shown and check again";
            self.recorded.push(Diagnostic::error(Location::file(self.source.file.as_str()), message).with_help(help));
        }
        self.recorded
    }
}

fn start(problem: &Diagnostic) -> Option<usize> {
    problem.location.position.map(|position| position.span.start)
}
