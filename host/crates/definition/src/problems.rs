//! Collects the diagnostics of one file. Owns how many of them are worth keeping.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};
use crate::place::{Source, Span};

/// Problems that are kept of one file. More than a screenful helps nobody, and a file of a million bytes could have
/// a hundred thousand.
const MOST_KEPT: usize = 50;

/// The problems of one file, in the order in which they were found. Also for files that are not of tasks.
#[derive(Debug)]
pub struct Problems {
    source: Arc<Source>,
    kept: Vec<Diagnostic>,
    left_out: usize,
}

impl Problems {
    /// None so far, of this file.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source, kept: Vec::new(), left_out: 0 }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// A part of the file.
    pub fn place(&self, span: Span) -> Place {
        Place::of(&self.source, span)
    }

    /// Whether another problem would only be counted. Asked before work that only serves a message.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= MOST_KEPT
    }

    /// Keeps an error with advice, unless there is a problem at the same place.
    pub fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        if self.is_full() {
            self.leave_out();
        } else {
            self.add(Diagnostic::error(self.place(span), message).with_help(help));
        }
    }

    /// Counts a problem that nobody will read. Only for when there is no room for more.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Keeps a problem, unless there is one at the same place: the first is why there is a second.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.leave_out();
        } else if !self.kept.iter().any(|kept| start(kept) == start(&diagnostic)) {
            self.kept.push(diagnostic);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// All that was kept, in the order of the file, and how much was not.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(start);
        if self.left_out > 0 {
            let message = format!("this file has {} more problems", self.left_out);
            let help = "mend those shown and check again";
            self.kept.push(Diagnostic::error(Place::file(self.source.file.as_str()), message).with_help(help));
        }
        self.kept
    }
}

fn start(problem: &Diagnostic) -> Option<usize> {
    problem.place.position.map(|position| position.span.start)
}
