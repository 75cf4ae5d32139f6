//! Problems: what is wrong, where, and how to fix it, as data and rendered with the source line. Owns the rendering and
//! the escaping of text from files; callers own the wording.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Snippet};
use serde::Serialize;

use crate::source::{Position, Source, Span};

/// Severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The task cannot be used.
    Error,
    /// The task can be used, but probably not as intended.
    Warning,
}

/// A file, and usually a position in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The path relative to the app's directory, with `/` on every system.
    pub file: Box<str>,
    /// The position; `None` for a problem of the whole file.
    pub position: Option<Position>,
    #[serde(skip)]
    source: Option<Arc<Source>>,
}

impl Location {
    /// Returns the location of a whole file.
    pub fn file(file: impl Into<Box<str>>) -> Self {
        Self { file: file.into(), position: None, source: None }
    }

    /// Returns the location of a part of a text.
    pub fn of(source: &Arc<Source>, span: Span) -> Self {
        let position = Some(source.position(span));
        Self { file: source.file.as_str().into(), position, source: Some(Arc::clone(source)) }
    }

    /// Returns the file, with line and column if they are known.
    fn brief(&self) -> String {
        match self.position {
            Some(Position { line, column, .. }) => format!("{}:{line}:{column}", self.file),
            None => self.file.to_string(),
        }
    }

    fn located(&self) -> Option<(&Arc<Source>, Span)> {
        Some((self.source.as_ref()?, self.position?.span))
    }
}

/// A second location that explains a problem, such as the first of two equal keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where it is.
    pub location: Location,
    /// What is there, in a few words.
    pub message: String,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// Where it is.
    pub location: Location,
    /// What is wrong: one sentence without a full stop.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
    /// A second location that explains the problem.
    pub related: Option<Box<Related>>,
}

impl Diagnostic {
    /// Creates an error. `message` is a sentence without a full stop.
    pub fn error(location: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, location, message: message.into(), help: None, related: None }
    }

    /// Creates a warning. `message` is a sentence without a full stop.
    pub fn warning(location: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(location, message) }
    }

    /// Adds a text that says how to fix the problem.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second location and a text that says what is there.
    #[must_use]
    pub fn with_related(mut self, location: Location, message: impl Into<String>) -> Self {
        self.related = Some(Box::new(Related { location, message: message.into() }));
        self
    }

    /// Returns the problem in one line: location and message.
    pub fn brief(&self) -> String {
        escaped(&format!("{}: {}", self.location.brief(), self.message).replace('\n', " "))
    }

    /// Renders the problem for people: the message, the underlined source line, the help. Escapes control characters in
    /// text from files. Ends without a line break.
    pub fn render(&self, color: bool) -> String {
        let excerpt = Excerpt::of(self);
        let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(escaped(&self.message)));
        group = match &excerpt {
            Some(excerpt) => group.element(excerpt.snippet(self)),
            None => group.element(Origin::path(escaped(&self.location.file))),
        };
        if let Some(related) =
            self.related.as_ref().filter(|related| !excerpt.as_ref().is_some_and(|e| e.shows(related)))
        {
            let note = format!("{}: {}", related.location.brief(), related.message);
            group = group.element(Level::NOTE.message(escaped(&note)));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(escaped(help)));
        }
        renderer.render(&[group])
    }
}

/// The lines of a file that a diagnostic points at. The renderer gets only these because it reads every byte of its
/// input.
struct Excerpt<'a> {
    source: &'a Arc<Source>,
    lines: Range<usize>,
    text: String,
    first_line: u32,
}

impl<'a> Excerpt<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Option<Self> {
        let (source, span) = diagnostic.location.located()?;
        let mut spans = vec![source.first_line(span)];
        let related = diagnostic.related.as_ref().and_then(|related| related.location.located());
        spans.extend(related.filter(|(other, _)| Arc::ptr_eq(other, source)).map(|(_, span)| source.first_line(span)));
        let start = spans.iter().map(|span| span.start).min()?;
        let end = spans.iter().map(|span| span.end).max()?;
        let text = source.text.as_str();
        let lines = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1)
            ..text.get(end..)?.find('\n').map_or(text.len(), |newline| end + newline);
        let first_line = source.position(Span { start: lines.start, end: lines.start }).line;
        Some(Self { source, text: mask_c1_controls(text.get(lines.clone())?), lines, first_line })
    }

    fn shows(&self, related: &Related) -> bool {
        related.location.located().is_some_and(|(source, _)| Arc::ptr_eq(source, self.source))
    }

    fn snippet(&self, diagnostic: &'a Diagnostic) -> Snippet<'_, Annotation<'_>> {
        let mut snippet = Snippet::source(self.text.as_str())
            .line_start(self.first_line as usize)
            .path(escaped(&self.source.file))
            .annotations(self.annotation(&diagnostic.location, AnnotationKind::Primary));
        if let Some(related) = diagnostic.related.as_ref().filter(|related| self.shows(related)) {
            let annotation = self.annotation(&related.location, AnnotationKind::Context);
            snippet = snippet.annotations(annotation.map(|annotation| annotation.label(escaped(&related.message))));
        }
        snippet
    }

    fn annotation(&self, location: &Location, kind: AnnotationKind) -> Option<Annotation<'a>> {
        let span = self.source.first_line(location.located()?.1);
        let start = span.start.checked_sub(self.lines.start)?;
        Some(kind.span(start..span.end.checked_sub(self.lines.start)?))
    }
}

/// Replaces characters that a terminal interprets, or that change the text direction.
fn escaped(text: &str) -> String {
    let must_escape = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if must_escape(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Replaces U+0080 to U+009F in source lines. The renderer shows ASCII control characters as symbols but passes these
/// through. The replacement has two bytes, as they have, so spans stay valid.
fn mask_c1_controls(text: &str) -> String {
    text.chars().map(|c| if ('\u{80}'..='\u{9f}').contains(&c) { '·' } else { c }).collect()
}
